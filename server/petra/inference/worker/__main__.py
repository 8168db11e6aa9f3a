"""`python -m petra.inference.worker` starts one worker."""

import sys

from petra.inference.worker.main import main

sys.exit(main())
