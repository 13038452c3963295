"""Ties the life of the job to the supervisor's, and makes its orphans the supervisor's children (``prctl(2)``).

Three mechanisms, each for what the others cannot do:

- Where the supervisor is PID 1, the kernel does everything: it kills the whole PID namespace with PID 1.
- :func:`die_with_parent` lets the kernel kill the job's first process together with the supervisor, at once. Children
  of that process do not inherit this.
- The watchdog (``watchdog.py``) waits for the supervisor's death and then kills every process of the job.

A process of the job escapes only if, before the supervisor was killed, it has wiped its own environment, left the
process group *and* lost the parent through which it could be traced.
"""

from __future__ import annotations

import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent() -> bool:
    """Ask the kernel to kill this process when its parent dies. The setting survives exec.

    Returns:
        Whether it could be set; it cannot where Python was built without ctypes.

    """
    return _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> bool:
    """Become the parent of every process of the job whose own parent exits (a subreaper; Linux 3.4 and later)."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> bool:
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False
