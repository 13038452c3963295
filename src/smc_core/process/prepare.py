"""Start the second process of a job (:mod:`smc_core.process.preparation`).

Python keeps compiled code for modules, but compiles the file it is started with every time. So this file contains next
to nothing. It is started by its path, not with ``-m``, so that a file in the user's working directory never replaces a
module of ours.
"""

import sys

if __name__ == "__main__":
    import gc

    del sys.path[0]  # the folder of this file, which Python puts there
    gc.disable()  # everything created here lives until exec; collecting garbage would take a tenth of the time
    from smc_core.process import standard_library

    standard_library.come_first()
    from smc_core.process.preparation import main

    sys.exit(main(sys.argv[1:]))
