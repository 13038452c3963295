"""One host of a local job: the same supervised run as in a container. Standard library only.

A program, started by the path of this file: ``python .../host.py [-m MODULE]``, with ``SAGEMAKER_BASE_DIR`` set to
the host's folder. It ends with the process that started it.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there

from smc_core.process import lifeline, signals


def main(argv: list[str]) -> int:
    """Run the host's part of the job.

    Args:
        argv: ``-m MODULE`` for an entry point that is a module.

    Returns:
        The exit code of the job.

    """
    signals.hold()
    lifeline.die_with_parent()
    module = argv[1] if argv[:1] == ["-m"] else None

    from smc_core.runner import run

    return run(module=module)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
