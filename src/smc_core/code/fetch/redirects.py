"""Follow redirects only where that is harmless: a redirect is the server's choice, not the user's."""

from __future__ import annotations

import ipaddress
import socket
import urllib.parse
from collections.abc import Mapping
from typing import Any

import requests

from smc_core.code.location import Location
from smc_core.errors import CodeError
from smc_core.masking import mask_urls
from smc_core.printable import shortened
from smc_core.settings import FOLLOW_REDIRECTS

ANYWHERE = "anywhere"
_METADATA = ipaddress.ip_network("fd00:ec2::/32")
"""Where EC2 and EKS serve credentials over IPv6."""


def session_of(location: Location, environ: Mapping[str, str]) -> requests.Session:
    """A session that follows redirects within reason.

    It refuses a redirect from ``https`` to ``http``, and one to an address where clouds serve credentials: link-local
    (169.254.0.0/16, fe80::/10) or Amazon's own (fd00:ec2::/32). The variable ``SMC_FOLLOW_REDIRECTS=anywhere`` allows
    them.

    Args:
        location: the location to fetch, for messages.
        environ: the variables of the job.

    """
    return _Session(location, anywhere=FOLLOW_REDIRECTS.of(environ) == ANYWHERE)


class _Session(requests.Session):
    def __init__(self, location: Location, *, anywhere: bool) -> None:
        super().__init__()
        self._location = location
        self._anywhere = anywhere

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        try:
            whole = urllib.parse.urljoin(resp.url, target)
            before, after = urllib.parse.urlsplit(resp.url), urllib.parse.urlsplit(whole)
            host = after.hostname or ""
        except ValueError as error:
            raise self._refused(resp, target, "is not a URL") from error
        resp.close()  # requests would read the whole body of the redirect into memory
        if self._anywhere:
            return target
        if before.scheme == "https" and after.scheme == "http":
            raise self._refused(resp, whole, "is not encrypted")
        if _is_link_local(host) and not _is_link_local(before.hostname or ""):
            raise self._refused(resp, whole, "is a link-local address")
        return target

    def _refused(self, resp: requests.Response, target: str, why: str) -> CodeError:
        resp.close()
        allow = "" if why == "is not a URL" else f"; set {FOLLOW_REDIRECTS}={ANYWHERE} if that is intended"
        shown = shortened(mask_urls(target))
        return CodeError(f"{self._location.printable} cannot be fetched: it redirects to {shown!r}, which {why}{allow}")


def _is_link_local(host: str) -> bool:
    """Whether a host is, or resolves to, an address that reaches only the local network segment."""
    try:
        found: list[Any] = [ipaddress.ip_address(host)]
    except ValueError:
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # unknown here; a proxy may know it
            return False
        found = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    return any(_is_near(getattr(address, "ipv4_mapped", None) or address) for address in found)


def _is_near(address: Any) -> bool:
    return bool(address.is_link_local or (address.version == 6 and address in _METADATA))
