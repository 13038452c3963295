"""The worker once more: what a library starts that starts this program again, for each further process.

Such a library (PyTorch Lightning's ``ddp`` is one) looks at ``__main__.__spec__``, as ``multiprocessing`` does, and
starts ``python -m NAME ARGUMENTS``, else the file that ``sys.argv`` begins with. That file is the user's, which in
function mode only defines ``train``: the copy would do nothing, and the first process wait for it. So the worker names
this module there, and each copy runs the same function.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the working folder: a file of the user's never stands in for a module of ours
    from smc_core.process import worker

    sys.exit(worker.main([]))
