"""Which processes did not take part in a collective operation that timed out.

Every process in which one fails registers in the job's store. Those that are still missing after a while are the ones
that the others waited for: they are busy elsewhere, or gone.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

from smc_core.contract import current_host
from smc_core.errors import UserCodeError

MEET_SECONDS = 1800.0
"""How long a process waits for the others to start, as long as PyTorch by itself: they import at their own pace."""
WAIT_SECONDS = 5.0
"""How long a process that failed waits for the others to fail too: they began to wait at other times."""
_PAUSE_SECONDS = 0.1
NOTHING, WHOLE, PARTS = "nothing", "whole", "parts"
"""What ``train`` has returned in a process: no model, one, or its part of one."""
_HERE, _HOST, _LEFT = "smc/here/", "smc/host/", "smc/left/"
_RETURNED, _WARNED = "smc/returned/", "smc/warned"
_SHOWN = 8


class RollCall:
    """The entries of this process in the store through which its group was formed.

    Args:
        rank: the rank of this process.
        world_size: the number of processes in the group.
        environ: the variables of this process, with the address of the store.

    """

    def __init__(self, rank: int, world_size: int, environ: Mapping[str, str] | None = None) -> None:
        self._rank = rank
        self._world_size = world_size
        self._environ = os.environ if environ is None else environ

    def meet(self, seconds: float = MEET_SECONDS) -> None:
        """Wait until all have started, so that the group's time-out does not have to include that.

        Only torchrun's own store exists before the group does.

        Args:
            seconds: how long to wait.

        Raises:
            UserCodeError: one of them has exited before.
            RuntimeError: not all have started in time (``torch.distributed.DistStoreError``).

        """
        if self._environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
            self.register()
            store, until = self._store(), time.monotonic() + seconds
            everyone = [f"{_HOST}{rank}" for rank in range(self._world_size)]
            while True:
                have_met = store.check(everyone)
                if gone := self._left(store):
                    raise UserCodeError(f"{names(gone)} exited early, with exit code 0, before all processes had met")
                if have_met:
                    return
                if time.monotonic() >= until:
                    from datetime import timedelta

                    store.wait(everyone, timedelta(seconds=_PAUSE_SECONDS))  # raises an error that says what is missing
                time.sleep(_PAUSE_SECONDS)

    def register(self) -> None:
        """Record for the others which host this process is on; a store that does not answer is no reason to fail."""
        with contextlib.suppress(RuntimeError):
            self._store().set(f"{_HOST}{self._rank}", current_host(self._environ))

    def leave(self) -> None:
        """Record for the others that this process is exiting, and takes part in nothing more."""
        with contextlib.suppress(RuntimeError):
            self._store().set(f"{_LEFT}{self._rank}", "1")

    def left(self) -> list[str]:
        """The processes that have exited already, such as ``rank 2 (host algo-2)``."""
        with contextlib.suppress(RuntimeError):
            return self._left(self._store())
        return []

    def returned(self, what: str) -> str | None:
        """Record what ``train`` has returned here, and compare it with the others.

        Args:
            what: :data:`NOTHING`, :data:`WHOLE` or :data:`PARTS`.

        Returns:
            The processes that have a model although rank 0 has none, in words, once per job; None in all other cases.

        """
        with contextlib.suppress(RuntimeError):
            store = self._store()
            store.set(f"{_RETURNED}{self._rank}", what)
            if self._kind(store, 0) == NOTHING:
                lost = [rank for rank in range(1, self._world_size) if self._kind(store, rank) in (WHOLE, PARTS)]
                if lost and store.add(_WARNED, 1) == 1:
                    return names([self._named(store, rank) for rank in lost])
        return None

    def without_parts(self, seconds: float) -> list[str]:
        """Wait until all processes have returned their parts of a model, or one has returned something else.

        Args:
            seconds: how long to wait.

        Returns:
            The processes that have returned something else; empty if the store does not answer.

        """
        with contextlib.suppress(RuntimeError):
            store, until = self._store(), time.monotonic() + seconds
            while time.monotonic() < until:
                said = [self._kind(store, rank) for rank in range(self._world_size)]
                if None not in said or NOTHING in said or WHOLE in said:
                    return [self._named(store, rank) for rank, what in enumerate(said) if what in (NOTHING, WHOLE)]
                time.sleep(_PAUSE_SECONDS)
        return []

    def absent(self, seconds: float = WAIT_SECONDS) -> list[str]:
        """Record that this process is present, and wait for the others to do so.

        Args:
            seconds: how long to wait for them.

        Returns:
            The absent ones, such as ``rank 2 (host algo-2)``; empty if the store does not answer.

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

    def _left(self, store: Any) -> list[str]:
        return [self._named(store, rank) for rank in range(self._world_size) if store.check([f"{_LEFT}{rank}"])]

    def _kind(self, store: Any, rank: int) -> str | None:
        key = f"{_RETURNED}{rank}"
        return str(store.get(key).decode()) if store.check([key]) else None

    def _named(self, store: Any, rank: int) -> str:
        key = f"{_HOST}{rank}"
        return f"rank {rank} (host {store.get(key).decode()})" if store.check([key]) else f"rank {rank}"

    def _store(self) -> Any:
        """A separate connection: the operation that hangs may be using the group's."""
        from datetime import timedelta

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
    return f"{names(absent)} did not take part: {them} still busy elsewhere, or gone"


def left_in_words(left: list[str], phase: str = "train") -> str:
    """``rank 2 (host algo-2) exited early, with exit code 0 (...)``.

    Args:
        left: processes, in words.
        phase: what the waiting processes were doing: ``train`` or ``save``.

    """
    return f"{names(left)} exited early, with exit code 0 ({_LEFT_WORDS[phase]})"


_LEFT_WORDS = {
    "train": "did all processes have as many steps to make?",
    "save": "every rank must return it; do what needs all ranks in train()",
}


def names(processes: list[str]) -> str:
    """Some processes on one line, such as ``rank 1, rank 2 and 5 more``."""
    more = f" and {len(processes) - _SHOWN} more" if len(processes) > _SHOWN else ""
    return ", ".join(processes[:_SHOWN]) + more
