"""``python -m smc_core``: the same as ``smc``."""

import sys

from smc_core.cli import main

sys.exit(main())
