"""Starts the processes of one host: ``python -m smc_pinned.launcher PER_HOST HOST HOSTS PROGRAM...``."""

from __future__ import annotations

import sys

if __name__ == "__main__":  # a module of the user's code, json.py say, must not stand in for the library's here
    from smc_core.kit import prefer_standard_library

    prefer_standard_library()

from collections.abc import Sequence

from smc_core.kit import main, run_ranks


def run(arguments: Sequence[str]) -> int:
    """Start them, wait for all, and return the exit code of the first that failed."""
    per_host, host, hosts = map(int, arguments[:3])
    world = {"WORLD_SIZE": str(per_host * hosts)}
    ranks = {host * per_host + number: {"LOCAL_RANK": str(number), **world} for number in range(per_host)}
    return run_ranks([sys.executable, *arguments[3:]], ranks)


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
