"""On the master: ``mpirun``, whose ranks get this process's signals. Started by its path: ``master.py -- mpirun …``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there

from smc_mpi.ranks import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[2:]))
