"""A pseudo-terminal for the job's stderr where the user has a terminal, so that smc can keep a copy (``pty(7)``).

It is only for output. Input, and signals such as that of Ctrl-C, still come from the user's own terminal, which stays
the controlling one. So that terminal is left in order however smc exits.
"""

from __future__ import annotations

import fcntl
import os
import termios

_OUTPUT_MODES = 1
_NO_SIZE = bytes(8)


def open_pair(terminal: int) -> tuple[int, int]:
    """Open a pseudo-terminal of the same size as the user's terminal; it passes every byte on unchanged.

    Args:
        terminal: descriptor of the user's terminal.

    Returns:
        The end to read from, and the end for the job.

    Raises:
        OSError: no pseudo-terminal is available.

    """
    reader, job_end = os.openpty()
    try:
        modes = termios.tcgetattr(job_end)
        modes[_OUTPUT_MODES] &= ~termios.OPOST  # the user's own terminal already turns a newline into "\\r\\n"
        termios.tcsetattr(job_end, termios.TCSANOW, modes)
    except termios.error as error:
        os.close(reader)
        os.close(job_end)
        raise OSError(*error.args) from error
    copy_size(terminal, reader)
    return reader, job_end


def copy_size(terminal: int, reader: int) -> bool:
    """Give a pseudo-terminal the size of the user's terminal.

    To be called again and again: nothing informs smc of a new size, as SIGWINCH goes to the job, in the foreground.

    Args:
        terminal: descriptor of the user's terminal.
        reader: the end to read from.

    Returns:
        Whether the size has changed.

    """
    try:
        size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, _NO_SIZE)
        if size == fcntl.ioctl(reader, termios.TIOCGWINSZ, _NO_SIZE):
            return False
        fcntl.ioctl(reader, termios.TIOCSWINSZ, size)
    except OSError:  # the user's terminal is gone
        return False
    return True
