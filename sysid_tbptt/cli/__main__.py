"""``python -m sysid_tbptt.cli``."""

import sys

from . import main

sys.exit(main())
