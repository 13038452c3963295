"""The worker for libraries that start "this program" again, once for each further process.

Such a library, PyTorch Lightning's ``ddp`` for example, looks at ``__main__.__spec__``, as ``multiprocessing`` does,
and starts ``python -m NAME ARGUMENTS``, or else the file in ``sys.argv[0]``. In function mode that file only defines
``train``: the copy would do nothing, and the first process would wait for it. So the worker names this module in
``__spec__``, and each copy runs the same function.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the working directory: a file of the user's must not replace a module of ours
    from smc_core.process import worker

    sys.exit(worker.main([]))
