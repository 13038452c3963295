"""What ties the life of the job to the supervisor's, and brings its orphans to it (``prctl(2)``).

Three ties, each for what the others cannot do:

- As PID 1 the kernel does it all: it ends everything in the PID namespace with PID 1.
- :func:`die_with_parent` lets the kernel kill the job's first process with the supervisor, at once. Children that
  this process starts do not inherit the tie.
- The watchdog (``watchdog.py``) waits for the supervisor's death and then kills every process of the job.

A process of the job escapes only if it has wiped its own environment, left the process group, *and* lost the parent
through which it could be traced, before the supervisor was killed.
"""

from __future__ import annotations

import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent() -> bool:
    """Ask the kernel to kill this process when its parent dies. It stays so across exec.

    Returns:
        Whether the kernel will; it cannot where Python was built without ctypes.

    """
    return _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> bool:
    """Become the parent of every process of the job whose own parent ends (a subreaper; Linux 3.4 and later)."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> bool:
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False
