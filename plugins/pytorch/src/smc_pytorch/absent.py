"""Which processes did not take part in a collective operation that timed out.

Every process that fails in one says in the store of the job that it is there. Those that have not said so after a while
are the ones that the others waited for: still busy elsewhere, or gone.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

MEET_SECONDS = 1800.0
"""How long a process waits for the others to start, as long as PyTorch by itself: they import at their own pace."""
WAIT_SECONDS = 5.0
"""How long a process that failed waits for the others to fail too: they began to wait at other times."""
_PAUSE_SECONDS = 0.1
_HERE, _HOST, _LEFT = "smc/here/", "smc/host/", "smc/left/"
_SHOWN = 8


class RollCall:
    """The entries of this process in the store that its group has met in.

    Args:
        rank: of this process.
        world_size: processes in the group.
        environ: the variables of this process, with the address of the store.

    """

    def __init__(self, rank: int, world_size: int, environ: Mapping[str, str] | None = None) -> None:
        self._rank = rank
        self._world_size = world_size
        self._environ = os.environ if environ is None else environ

    def meet(self, seconds: float = MEET_SECONDS) -> None:
        """Wait until all have started, so that the time-out of the group need not allow for that.

        Only torchrun's own store is there before the group.

        Args:
            seconds: how long to wait.

        Raises:
            RuntimeError: they have not come (``torch.distributed.DistStoreError``).

        """
        if self._environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
            self.register()
            everyone = [f"{_HOST}{rank}" for rank in range(self._world_size)]
            self._store().wait(everyone, timedelta(seconds=seconds))

    def register(self) -> None:
        """Tell the others which host this process is on; a store that does not answer is no reason to fail."""
        with contextlib.suppress(RuntimeError):
            host = self._environ.get("SM_CURRENT_HOST") or os.uname().nodename
            self._store().set(f"{_HOST}{self._rank}", host)

    def leave(self) -> None:
        """Tell the others that this process has come to its end, and takes part in nothing more."""
        with contextlib.suppress(RuntimeError):
            self._store().set(f"{_LEFT}{self._rank}", "1")

    def left(self) -> list[str]:
        """Those that have come to their end already, such as ``rank 2 (host algo-2)``."""
        try:
            store = self._store()
            gone = [rank for rank in range(self._world_size) if store.check([f"{_LEFT}{rank}"])]
            return [self._named(store, rank) for rank in gone]
        except RuntimeError:
            return []

    def absent(self, seconds: float = WAIT_SECONDS) -> list[str]:
        """Say that this process is there, and wait for the others to say so.

        Args:
            seconds: how long to wait for them.

        Returns:
            Those that have not, such as ``rank 2 (host algo-2)``; nothing where the store does not answer.

        """
        try:
            store = self._store()
            store.set(f"{_HERE}{self._rank}", "1")
            missing = [rank for rank in range(self._world_size) if rank != self._rank]
            until = time.monotonic() + seconds
            while True:
                missing = [rank for rank in missing if not store.check([f"{_HERE}{rank}"])]
                if not missing or time.monotonic() >= until:
                    return [self._named(store, rank) for rank in missing]
                time.sleep(_PAUSE_SECONDS)
        except RuntimeError:
            return []

    def _named(self, store: Any, rank: int) -> str:
        key = f"{_HOST}{rank}"
        return f"rank {rank} (host {store.get(key).decode()})" if store.check([key]) else f"rank {rank}"

    def _store(self) -> Any:
        """A connection of its own: the one of the group may be in use by the operation that hangs."""
        from torch.distributed import TCPStore

        return TCPStore(
            self._environ["MASTER_ADDR"],
            int(self._environ["MASTER_PORT"]),
            is_master=False,
            wait_for_workers=False,
            timeout=timedelta(seconds=WAIT_SECONDS),
        )


def absent_in_words(absent: list[str]) -> str:
    """``rank 2 (host algo-2) did not take part: it is still busy elsewhere, or gone``."""
    them = "it is" if len(absent) == 1 else "they are"
    return f"{_names(absent)} did not take part: {them} still busy elsewhere, or gone"


def left_in_words(left: list[str]) -> str:
    """``rank 2 (host algo-2) had ended already, without an error (...)``."""
    return f"{_names(left)} had ended already, without an error (did all processes have as many steps to make?)"


def _names(processes: list[str]) -> str:
    more = f" and {len(processes) - _SHOWN} more" if len(processes) > _SHOWN else ""
    return ", ".join(processes[:_SHOWN]) + more
