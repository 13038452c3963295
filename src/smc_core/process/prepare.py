"""Start the second process of a job (:mod:`smc_core.process.preparation`).

Python compiles a file that it is started with each time anew, and keeps what it has compiled of a module only. So this
file has next to nothing in it. It is started by its path, not with ``-m``, so that a file of the user's in the working
directory never stands in for a module of ours.
"""

import sys

if __name__ == "__main__":
    import gc

    del sys.path[0]  # the folder of this file, which Python puts there
    gc.disable()  # what is made here lives until exec; looking for garbage takes a tenth of the time
    from smc_core.process.preparation import main

    sys.exit(main(sys.argv[1:]))
