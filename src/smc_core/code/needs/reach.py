"""Finds out within seconds whether a package index can be reached: installers retry for minutes."""

from __future__ import annotations

import queue
import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence

from smc_core.masking import mask_urls

ATTEMPTS = 3
SECONDS = 4.0
"""How long one attempt may take."""
PAUSE_SECONDS = 0.5


def none_reachable(urls: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Why no package index can be reached: the reason for the first of them; None if one can be reached."""
    whys = []
    for url in urls:
        why = unreachable(url, environ)
        if why is None:
            return None
        whys.append(f"the package index {mask_urls(url)} cannot be reached ({why})")
    return whys[0] if whys else None


def unreachable(url: str, environ: Mapping[str, str]) -> str | None:
    """Why the server of a URL cannot be reached, or None if it can.

    It only opens a connection, to the proxy if the environment names one.

    Args:
        url: an ``http://`` or ``https://`` URL; any other counts as reachable.
        environ: the variables, for ``HTTPS_PROXY``, ``NO_PROXY`` and the like.

    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        return None
    via = _proxy(parts.scheme, parts.netloc.rpartition("@")[2], environ)
    target = urllib.parse.urlsplit(via) if via else parts
    port = target.port or (443 if target.scheme == "https" else 80)
    why: str | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        why = _try(target.hostname or "", port)
        if why is None:
            return None
    return f"{target.hostname}: {why}"


def _try(host: str, port: int) -> str | None:
    """Connect once, in a thread: the name resolver has no time limit."""
    answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=SECONDS).close()
        except OSError as error:
            answer.put(error.strerror or str(error))
        else:
            answer.put(None)

    threading.Thread(target=connect, name="smc-reach", daemon=True).start()
    try:
        return answer.get(timeout=SECONDS)
    except queue.Empty:
        return "no answer"


def _proxy(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    proxies = {
        name: environ.get(f"{name}_proxy") or environ.get(f"{name}_proxy".upper()) for name in (scheme, "all", "no")
    }
    excluded = {"no": proxies["no"] or ""}
    if urllib.request.proxy_bypass_environment(host, excluded):  # type: ignore[attr-defined]
        return None
    via = proxies[scheme] or proxies["all"]
    return via if via is None or "://" in via else f"http://{via}"
