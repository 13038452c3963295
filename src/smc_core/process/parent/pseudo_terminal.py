"""A terminal for what a job prints where the user has one, with smc in between to keep what it says (``pty(7)``).

It is for output alone: what the user types, and the signals of the keys, come from the user's own terminal, which stays
the controlling one. So nothing of that changes, and the user's terminal is left in order however smc ends.
"""

from __future__ import annotations

import fcntl
import os
import termios

_OUTPUT_MODES = 1
_NO_SIZE = bytes(8)


def open_pair(terminal: int) -> tuple[int, int]:
    """Open a pseudo-terminal of the size of another terminal, which changes no byte of what is written to it.

    Args:
        terminal: descriptor of the user's terminal.

    Returns:
        The end that is read, and the end for the job.

    Raises:
        OSError: there is none to be had.

    """
    reader, job_end = os.openpty()
    try:
        modes = termios.tcgetattr(job_end)
        modes[_OUTPUT_MODES] &= ~termios.OPOST  # the user's own terminal makes "\\r\\n" of a newline
        termios.tcsetattr(job_end, termios.TCSANOW, modes)
    except termios.error as error:
        os.close(reader)
        os.close(job_end)
        raise OSError(*error.args) from error
    copy_size(terminal, reader)
    return reader, job_end


def copy_size(terminal: int, reader: int) -> bool:
    """Give a pseudo-terminal the size of the user's terminal.

    Nothing informs smc of a new size: SIGWINCH goes to the job, which is in the foreground. So it is looked for.

    Args:
        terminal: descriptor of the user's terminal.
        reader: the end that is read.

    Returns:
        Whether the size is another one than before.

    """
    try:
        size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, _NO_SIZE)
        if size == fcntl.ioctl(reader, termios.TIOCGWINSZ, _NO_SIZE):
            return False
        fcntl.ioctl(reader, termios.TIOCSWINSZ, size)
    except OSError:  # the user's terminal is gone
        return False
    return True
