"""Files that tests upload and index: a lecture with one fact a page, and PDFs that cannot be read."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader, simpleSplit
from reportlab.pdfgen.canvas import Canvas


@dataclass(frozen=True)
class LecturePage:
    """What one page teaches, a question that only this page answers, and a word of the answer."""

    title: str
    body: str
    question: str
    answer: str


LECTURE = (
    LecturePage(
        "What an operating system is for",
        "An operating system shares one machine among many programs and protects them from each other. "
        "This course uses the teaching kernel Marlin, which fits in 9,400 lines of C. Office hours are on "
        "Thursdays at 14:30 in room K-217.",
        "When are the office hours and in which room?",
        "K-217",
    ),
    LecturePage(
        "Processes",
        "A process is a running program with its own address space. Marlin keeps at most 64 processes in a "
        "table, and every process has a parent that must call wait to collect its exit status.",
        "How many processes can Marlin keep in its table?",
        "64",
    ),
    LecturePage(
        "Context switches",
        "Switching from one process to another saves the registers and loads those of the next. On the lab "
        "machines a switch costs 1.8 microseconds, most of it lost to a cold translation buffer.",
        "How long does a context switch take on the lab machines?",
        "1.8 microseconds",
    ),
    LecturePage(
        "Round-robin scheduling",
        "Round robin gives each runnable process a fixed time slice in turn. Marlin uses a quantum of 12 "
        "milliseconds. A shorter quantum answers users sooner but wastes more time on switching.",
        "What time quantum does the round-robin scheduler use?",
        "12 milliseconds",
    ),
    LecturePage(
        "Priority inversion",
        "A low-priority task that holds a lock can delay a high-priority one. The Mars Pathfinder lander "
        "reset itself in 1997 for this reason. Priority inheritance lends the waiting task's priority to "
        "the holder of the lock.",
        "Which space probe suffered from priority inversion?",
        "Pathfinder",
    ),
    LecturePage(
        "Virtual memory",
        "Virtual memory gives each process the illusion of a large private memory. Marlin divides it into "
        "pages of 4096 bytes and maps them with a page table of three levels.",
        "How many levels does the page table have?",
        "three",
    ),
    LecturePage(
        "Page replacement",
        "When memory is full, a victim page must go. The clock algorithm sweeps a hand over the frames and "
        "evicts the first page whose reference bit is clear. Belady showed that FIFO can fault more often "
        "when it is given more frames.",
        "Who showed that FIFO can have more page faults with more frames?",
        "Belady",
    ),
    LecturePage(
        "Thrashing",
        "A system thrashes when it spends its time moving pages instead of computing. Denning's working set "
        "model admits a process only if the pages it touched in the last window fit in memory.",
        "Whose working set model prevents thrashing?",
        "Denning",
    ),
    LecturePage(
        "Race conditions",
        "Two threads that update a shared counter without a lock may lose an increment. In the lab, a "
        "counter that should have reached 200,000 ended at 137,512.",
        "At what value did the unprotected counter end in the lab?",
        "137,512",
    ),
    LecturePage(
        "Mutual exclusion",
        "Peterson's algorithm gives mutual exclusion to two threads with three shared variables and no "
        "special instruction. It assumes that memory operations are seen in order, which modern processors "
        "do not promise without a fence.",
        "How many shared variables does Peterson's algorithm need?",
        "three shared variables",
    ),
    LecturePage(
        "Semaphores",
        "Dijkstra introduced the semaphore in 1965, with the operations P and V named after Dutch words. "
        "A semaphore that starts at n lets n threads pass before the next one waits.",
        "Who introduced semaphores, and in which year?",
        "Dijkstra",
    ),
    LecturePage(
        "Deadlock",
        "Deadlock needs four conditions at once: mutual exclusion, hold and wait, no preemption, and "
        "circular wait. Coffman listed them in 1971. Numbering the locks and taking them in order removes "
        "the circular wait.",
        "Which four conditions are needed for deadlock?",
        "circular wait",
    ),
    LecturePage(
        "Dining philosophers",
        "Five philosophers share five forks. If one of them picks up the right fork first while the others "
        "start with the left, no circle can close and all of them eat.",
        "How do the dining philosophers avoid starving?",
        "right fork first",
    ),
    LecturePage(
        "File systems",
        "A file system maps names to blocks. In Marlin an inode holds 12 direct block addresses and one "
        "indirect block, so that the largest file has 268 kilobytes.",
        "What is the size of the largest file in Marlin?",
        "268 kilobytes",
    ),
    LecturePage(
        "Journaling",
        "A journaling file system first writes what it intends to do to a log, then a commit record, and "
        "only then the blocks themselves. After a crash the log is replayed: a transaction without a commit "
        "record is ignored.",
        "What happens after a crash to a transaction without a commit record?",
        "ignored",
    ),
    LecturePage(
        "Disks and flash",
        "A disk arm takes about 8 milliseconds to seek. Flash has no arm, but a block has to be erased "
        "before it is written again and wears out after roughly 3,000 erasures, so controllers level the "
        "wear.",
        "After how many erasures does a flash block wear out?",
        "3,000",
    ),
    LecturePage(
        "Interrupts",
        "A device raises an interrupt to get the processor's attention. The upper half of a driver runs at "
        "once with interrupts off and must be short; the lower half does the rest later.",
        "Which half of a driver runs with interrupts off?",
        "upper half",
    ),
    LecturePage(
        "System calls",
        "A program enters the kernel through a trap. Marlin offers 21 system calls, and the number of the "
        "call is passed in register a7.",
        "In which register is the number of a system call passed?",
        "a7",
    ),
    LecturePage(
        "Booting",
        "The firmware loads the boot sector at address 0x7c00 and jumps to it. The boot loader switches the "
        "processor to protected mode and loads the kernel from the second sector on.",
        "At which address does the firmware load the boot sector?",
        "0x7c00",
    ),
    LecturePage(
        "Virtual machines",
        "A hypervisor runs guest kernels in less privileged mode and emulates what traps. Popek and "
        "Goldberg stated in 1974 when a processor can be virtualised this way.",
        "Who stated when a processor can be virtualised?",
        "Popek and Goldberg",
    ),
    LecturePage(
        "Containers",
        "A container shares the kernel of its host. Namespaces limit what it sees, control groups limit "
        "what it uses. It starts in about 40 milliseconds because nothing has to boot.",
        "Why does a container start so fast?",
        "nothing has to boot",
    ),
    LecturePage(
        "Access control",
        "An access control list is stored with the object and names who may use it; a capability is held by "
        "the subject and is proof in itself. The confused deputy is a program tricked into using its own "
        "rights for somebody else.",
        "What is a confused deputy?",
        "tricked",
    ),
    LecturePage(
        "Networking",
        "The kernel keeps a send and a receive buffer for each socket. Nagle's algorithm holds back small "
        "segments while an earlier one is unacknowledged, and adds up to 200 milliseconds of delay beside "
        "delayed acknowledgements.",
        "How much delay can Nagle's algorithm add?",
        "200 milliseconds",
    ),
    LecturePage(
        "The examination",
        "The written examination lasts 90 minutes and counts 60 percent of the grade; the three lab reports "
        "count the rest. One handwritten sheet of notes is allowed, calculators are not.",
        "How long does the written examination last?",
        "90 minutes",
    ),
)


def lecture_page(number: int) -> LecturePage:
    """Page `number`, counted from 1; beyond the written ones, pages with a fact made from their number."""
    if number <= len(LECTURE):
        return LECTURE[number - 1]
    return LecturePage(
        f"Appendix {number}",
        f"Exercise {number} is worth {number * 7} points and is due in week {number}.",
        f"How many points is exercise {number} worth?",
        str(number * 7),
    )


def lecture_pdf(path: Path, pages: int = 24) -> Path:
    """A lecture as PDF: each page has a running header, a title, a fact (`lecture_page`) and its number."""
    canvas = _canvas(path)
    canvas.setTitle("Operating Systems, Lecture Notes")
    for number in range(1, pages + 1):
        _lecture_page(canvas, number, pages)
    canvas.save()
    return path


def encrypted_pdf(path: Path, password: str = "secret") -> Path:  # noqa: S107
    """A lecture page that opens only with a password."""
    canvas = Canvas(str(path), pagesize=A4, encrypt=password)
    _lecture_page(canvas, 1, 1)
    canvas.save()
    return path


def image_only_pdf(path: Path, pages: int = 2) -> Path:
    """A scan: pages that are pictures of text."""
    picture = Image.new("RGB", (600, 200), "white")
    ImageDraw.Draw(picture).text((20, 80), "A scanned page without a text layer", fill="black")
    canvas = _canvas(path)
    for _ in range(pages):
        canvas.drawImage(ImageReader(picture), 50, 500)
        canvas.showPage()
    canvas.save()
    return path


def truncated_pdf(path: Path) -> Path:
    """The first third of a lecture, as an interrupted download leaves it."""
    buffer = io.BytesIO()
    canvas = _canvas(buffer)
    for number in range(1, 9):
        _lecture_page(canvas, number, 8)
    canvas.save()
    content = buffer.getvalue()
    path.write_bytes(content[: len(content) // 3])
    return path


def _canvas(target: Path | io.BytesIO) -> Canvas:
    """A canvas whose bytes depend on nothing but what is drawn (no date, no random id)."""
    return Canvas(str(target) if isinstance(target, Path) else target, pagesize=A4, invariant=1)


def _lecture_page(canvas: Canvas, number: int, pages: int) -> None:
    width, height = A4
    page = lecture_page(number)
    canvas.setFont("Helvetica", 9)
    canvas.drawString(60, height - 40, "Operating Systems, Spring Term")
    canvas.drawRightString(width - 60, 30, f"{number} / {pages}")
    canvas.setFont("Helvetica-Bold", 18)
    canvas.drawString(60, height - 90, page.title)
    canvas.setFont("Helvetica", 12)
    text = canvas.beginText(60, height - 130)
    text.setLeading(18)
    for line in simpleSplit(page.body, "Helvetica", 12, width - 120):
        text.textLine(line)
    canvas.drawText(text)
    canvas.showPage()
