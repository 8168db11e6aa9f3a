"""`python -m petra` is the `petra` command."""

import sys

from petra.cli import main

sys.exit(main())
