"""Waits for the other hosts of a job: their names may not yet resolve when this one starts."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from smc_core.errors import HostError
from smc_core.settings import HOST_WAIT, STUDIO_LOCAL_MODE
from smc_core.words import some_of

LOG_SECONDS = 30.0
"""Seconds between two log lines that name the missing hosts."""
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_MOST_THREADS = 32


def wait_for_hosts(
    hosts: Sequence[str],
    *,
    current_host: str,
    environ: Mapping[str, str] = os.environ,
    log: Callable[[str], None],
) -> None:
    """Wait until the name of every host of the job resolves.

    A single host does not wait. ``SMC_HOST_WAIT`` sets how long to wait (in seconds, 900 by default; 0 tries once);
    with ``SM_STUDIO_LOCAL_MODE=true`` there is no wait at all.

    Args:
        hosts: names of all hosts, including this one.
        current_host: name of this host, for the messages.
        environ: the variables.
        log: called every 30 s with a line that names the missing hosts.

    Raises:
        HostError: names do not resolve in time; the message lists them.
        ConfigurationError: ``SMC_HOST_WAIT`` is not a number of seconds.

    """
    names = list(dict.fromkeys(hosts))
    if len(names) <= 1 or STUDIO_LOCAL_MODE.of(environ):
        return
    patience = host_wait(environ)
    begin = time.monotonic()
    waiting = _Waiting(names)
    next_line = LOG_SECONDS
    while True:
        waited = time.monotonic() - begin
        if waiting.done.wait(max(0.05, min(next_line, patience) - waited)):
            break
        waited = time.monotonic() - begin
        if waited >= patience:
            waiting.ended.set()
            text = _missing(waiting, current_host, f"after {waited:.0f} s")
            raise HostError(f"{text} ({HOST_WAIT} sets how long to wait)")
        if waited >= next_line:
            log(_missing(waiting, current_host, f"for {waited:.0f} s"))
            next_line += LOG_SECONDS
    if time.monotonic() - begin >= 1:
        log(f"all {len(names)} hosts found after {time.monotonic() - begin:.1f} s")


class _Waiting:
    """Resolves all names in parallel, in threads: a resolver may block for longer than the wait may take."""

    def __init__(self, names: Sequence[str]) -> None:
        self.done = threading.Event()
        self.ended = threading.Event()
        self.reasons = dict.fromkeys(names, "no answer")
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        for name in names:
            self._queue.put((name, _FIRST_PAUSE_SECONDS))
        for _ in range(min(len(names), _MOST_THREADS)):
            threading.Thread(target=self._ask, name="smc-hosts", daemon=True).start()

    def missing(self) -> list[tuple[str, str]]:
        with self._lock:
            return list(self.reasons.items())

    def _ask(self) -> None:
        while not (self.done.is_set() or self.ended.is_set()):
            try:
                name, pause = self._queue.get(timeout=_FIRST_PAUSE_SECONDS)
            except queue.Empty:
                continue
            failure = _resolve(name)
            with self._lock:
                if failure is None:
                    del self.reasons[name]
                    if not self.reasons:
                        self.done.set()
                    continue
                self.reasons[name] = failure
            self.ended.wait(pause)
            self._queue.put((name, min(2 * pause, _LONGEST_PAUSE_SECONDS)))


def _resolve(name: str) -> str | None:
    """Resolve a name; returns None, or why it does not resolve."""
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        return error.strerror or str(error)
    except UnicodeError:
        return "not a host name"
    return None


def _missing(waiting: _Waiting, current_host: str, time_text: str) -> str:
    missing = waiting.missing()
    names = some_of([name for name, _ in missing], 10)
    why = missing[0][1] if missing else "no answer"
    return f"{current_host} cannot find the {'host' if len(missing) == 1 else 'hosts'} {names} {time_text}: {why}"


def host_wait(environ: Mapping[str, str]) -> float:
    """How long a host waits for the others, in seconds: ``SMC_HOST_WAIT``, by default 900; 0 tries once.

    Raises:
        ConfigurationError: it is not a number of seconds.

    """
    return HOST_WAIT.of(environ)
