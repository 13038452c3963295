"""One host of a local job: the same supervised run as in a container. Standard library only.

A program, started by the path of this file with ``SAGEMAKER_BASE_DIR`` set to the host's folder; it dies with the
process that started it::

    python host.py PARENT [--hand-over-to DESCRIPTOR] [--identity HOSTS_FILE NAME [--probe]] [-m MODULE]
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.process import standard_library

    standard_library.come_first()

import os
import signal

from smc_core.process import lifeline, log, signals

HAND_OVER_OPTION = "--hand-over-to"
IDENTITY_OPTION = "--identity"
PROBE_OPTION = "--probe"


def main(argv: list[str]) -> int:
    """Run the host's part of the job.

    Args:
        argv: the process id of the program that started it; ``--hand-over-to`` names the descriptor for the outcome
            (:mod:`smc_core.process.outcome.handover`); ``--identity`` gives the host a name that resolves, and
            ``--probe`` only tries that, and prints why it fails; ``-m`` names a module to run.

    Returns:
        The exit code of the job.

    """
    signals.hold()
    parent, argv = int(argv[0]), argv[1:]
    hand_over_to = None
    if argv[:1] == [HAND_OVER_OPTION]:
        hand_over_to, argv = int(argv[1]), argv[2:]
        os.set_inheritable(hand_over_to, False)  # the job must not get it
    if argv[:1] == [IDENTITY_OPTION]:
        from smc_core.local.identity import take_identity

        try:
            take_identity(argv[1], argv[2])
            if argv[3:] == [PROBE_OPTION]:
                return _resolves(argv[2])
        except OSError as error:
            if argv[3:] == [PROBE_OPTION]:
                sys.stdout.write(f"{error.strerror}\n")
                return 5
            log.line(f"error: cannot set up {argv[2]} as a separate host: {error.strerror}")
            return 5
        argv = argv[3:]
    lifeline.die_with_parent()  # only now: the change of credentials would have cleared it (prctl(2))
    if os.getppid() != parent:
        return 128 + signal.SIGKILL  # it died before the kernel was asked
    module = argv[1] if argv[:1] == ["-m"] else None

    from smc_core.runner import run

    return run(module=module, hand_over_to=hand_over_to)


def _resolves(name: str) -> int:
    """Look a name up as the job will; raises OSError where that fails."""
    import socket

    socket.getaddrinfo(name, None)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
