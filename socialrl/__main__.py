"""`python -m socialrl` is the `socialrl` command."""

import sys

from socialrl.cli import main

sys.exit(main())
