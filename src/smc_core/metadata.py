"""The metadata of installed distributions.

Only this module decides where the interface comes from: from Python 3.12 on, where it became final, the standard
library; before, the distribution ``importlib-metadata``, which has the same code. The rest of smc imports it from here,
so that all Pythons find the same.

Importing it takes as long as preparing an empty job. What every job needs is read by :mod:`smc_core.distributions`,
which uses this module only for what is not a plain folder of metadata; other modules import it where they use it.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 12):
    from importlib.metadata import (
        Distribution,
        DistributionFinder,
        PackageNotFoundError,
        entry_points,
        requires,
        version,
    )
else:
    from importlib_metadata import (
        Distribution,
        DistributionFinder,
        PackageNotFoundError,
        entry_points,
        requires,
        version,
    )

__all__ = [
    "Distribution",
    "DistributionFinder",
    "PackageNotFoundError",
    "entry_points",
    "requires",
    "version",
]
