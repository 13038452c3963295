"""Logs which hook of which plugin a job is waiting for, if that takes long.

A thread watches, but only while a plugin's own code runs: the user's code may fork, which a process with threads
should not.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping

from smc_core.contract import REPORT_DIR_ENV, WAITING_PREFIX, write_atomic
from smc_core.printable import in_a_line
from smc_core.settings import HOOK_PATIENCE
from smc_core.words import PREFIX


def say(text: str) -> None:
    """Write one line to stderr, in the form of all of smc's own lines."""
    with contextlib.suppress(OSError):
        os.write(2, PREFIX + in_a_line(text).encode("utf-8", "backslashreplace") + b"\n")


class Patience:
    """How long a plugin's code may run before one log line says so.

    The same is recorded in the folder of reports while it lasts, so that the failure file of a job that is stopped then
    says it.

    Args:
        environ: the variables, by default those of this process.

    Raises:
        ConfigurationError: ``SMC_HOOK_PATIENCE`` is not a number of seconds.

    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._seconds = HOOK_PATIENCE.of(environ)
        self._folder = environ.get(REPORT_DIR_ENV)
        self._state = threading.Lock()
        self._who: str | None = None
        self._since = 0.0
        self._said = False
        self._over: threading.Event | None = None

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """While entered, a single thread watches: for several calls without the user's code in between."""
        if self._over is not None or not self._seconds:
            yield
            return
        self._over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(self._over,), name="smc-patience", daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._over.set()
            watch.join()
            self._over = None

    @contextlib.contextmanager
    def waiting_for(self, who: str) -> Iterator[None]:
        """To be entered while a plugin's code runs.

        Args:
            who: plugin and hook, in words.

        """
        if not self._seconds:
            yield
            return
        with self.kept():
            outer, since = self._who, self._since
            self._begin(who, time.monotonic())
            try:
                yield
            finally:
                self._begin(outer, since)

    def _begin(self, who: str | None, since: float) -> None:
        with self._state:
            if self._said:
                self._said = False
                if self._folder:
                    with contextlib.suppress(OSError):
                        os.unlink(self._note())
            self._who, self._since = who, since

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(self._left()):
            with self._state:
                if self._who is not None and not self._said and time.monotonic() - self._since >= self._seconds:
                    self._said = True
                    self._report(self._who)

    def _left(self) -> float:
        """Seconds until a line may be due."""
        with self._state:
            if self._who is None or self._said:
                return self._seconds
            return max(self._since + self._seconds - time.monotonic(), 0.0)

    def _report(self, who: str) -> None:
        say(f"still waiting for {who}, after {self._seconds:g} s")
        if self._folder:
            with contextlib.suppress(OSError):
                write_atomic(self._note(), json.dumps({"for": who, "since": time.time() - self._seconds}).encode())

    def _note(self) -> str:
        return os.path.join(self._folder or "", f"{WAITING_PREFIX}{os.getpid()}.json")
