"""On the master: runs ``mpirun``, and passes signals to its ranks. Started by its path: ``master.py -- mpirun …``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.kit import prefer_standard_library

    prefer_standard_library()

from collections.abc import Sequence

from smc_core.kit import main
from smc_mpi.ranks import Engine


def run(argv: Sequence[str]) -> int:
    """Run ``mpirun``, again if it fails before any rank has begun; returns the exit code."""
    engine = Engine(argv[1:], "local")
    code = engine.run()
    if code and engine.may_start_again:
        code = engine.start_again(code)
    engine.report(code)
    return code


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
