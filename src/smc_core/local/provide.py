"""Install the requirements of a folder of code for the interpreter that runs this: ``python provide.py FOLDER``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.process import standard_library

    standard_library.come_first()

import signal

from smc_core.errors import SmcError
from smc_core.process import log
from smc_core.process.failure import report_failure


def main(folder: str) -> int:
    """Install, and log what was done.

    Args:
        folder: the code.

    Returns:
        0, or the exit code of an error, which was reported to the process that started this one.

    """
    from smc_core.code.needs.install import install

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # SystemExit stops the installer, too

    log.show("smc.code")
    try:
        installed = install(folder)
    except SmcError as error:
        report_failure(error, phase="requirements")
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
        return log.failure(error)
    except KeyboardInterrupt:  # Ctrl-C reaches the whole group; the process that started this one reports it
        return 130
    if installed.summary:
        log.line(installed.summary)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
