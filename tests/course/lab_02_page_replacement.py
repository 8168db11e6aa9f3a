"""Lab 2: count the page faults of FIFO and LRU for a reference string.

Run it with `python lab_02_page_replacement.py 3` to use three frames. Without an argument it uses
four frames.

To do in the lab: add the clock algorithm, and find a reference string for which it is worse than LRU.
"""

import sys
from collections import OrderedDict, deque

# The string of Belady's anomaly: with FIFO, four frames give more faults than three.
REFERENCES = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
DEFAULT_FRAMES = 4


def fifo_faults(references, frames):
    """Evict the page that was loaded first. A hit does not change the order."""
    loaded = deque()
    faults = 0
    for page in references:
        if page in loaded:
            continue
        faults += 1
        if len(loaded) == frames:
            loaded.popleft()
        loaded.append(page)
    return faults


def lru_faults(references, frames):
    """Evict the page that was not used for the longest time. A hit moves the page to the end."""
    loaded = OrderedDict()
    faults = 0
    for page in references:
        if page in loaded:
            loaded.move_to_end(page)
            continue
        faults += 1
        if len(loaded) == frames:
            loaded.popitem(last=False)
        loaded[page] = True
    return faults


if __name__ == "__main__":
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FRAMES
    print("FIFO", fifo_faults(REFERENCES, frames))
    print("LRU ", lru_faults(REFERENCES, frames))
