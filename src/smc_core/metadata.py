"""The metadata interface: what is installed, as distributions describe themselves.

The one module that knows where the interface comes from: from Python 3.12 on, where it became final, the standard
library; before, the distribution ``importlib-metadata``, which is the same code. All else of smc takes it from here,
so that the same is found on every Python.

It takes as long to import as an empty job takes to prepare. What every job asks is read by
:mod:`smc_core.distributions`, which turns to this module for what is not a plain folder of metadata; others import it
where they use it.
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
