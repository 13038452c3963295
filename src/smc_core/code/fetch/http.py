"""Fetch a file over HTTP or HTTPS, with time limits, retries where they make sense, and resumption."""

from __future__ import annotations

import logging
import os
import random
import re
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from smc_core.code.fetch.asking import answer_within
from smc_core.code.fetch.downloaded import Downloaded
from smc_core.code.fetch.pace import Pace
from smc_core.code.fetch.progress import Progress
from smc_core.code.limits import Limits, Quota, whole_number
from smc_core.code.location import Location, harmless
from smc_core.errors import CodeError
from smc_core.masking import mask_urls
from smc_core.printable import shortened

if TYPE_CHECKING:
    from requests import Response, Session

ATTEMPTS = 6
"""How many attempts in a row may fail without a new byte."""
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""How long a server may be silent."""
ANSWER_SECONDS = 150.0
"""How long a server may take to send all headers of its answer, redirects included."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_CHUNK = 64 * 1024
_LITTLE = 1024
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")
_FILENAME = re.compile(r"filename\*?=(?:UTF-8'[^']{0,40}')?\"?([^\";]+)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_log = logging.getLogger("smc.code")


def fetch_http(location: Location, target: str) -> Downloaded:
    """Fetch a file.

    Proxies, CA bundles and ``.netrc`` are those of the environment, as always with ``requests``. Connection errors and
    the answers 408, 429 and 5xx are retried, with growing pauses (``Retry-After`` is respected). A file larger than
    ``SMC_MAX_ARCHIVE_BYTES``, or slower than ``SMC_MIN_DOWNLOAD_RATE``, is refused.

    Args:
        location: the location.
        target: the file to write.

    Raises:
        CodeError: the server refuses, or cannot be reached even after retries.
        OSError: the file cannot be written.

    """
    from smc_core.code.fetch.redirects import session_of

    limits, pace = Limits.of_job(os.environ), Pace(location.printable, os.environ)
    with session_of(location, os.environ) as session, Progress(location.printable) as progress:
        transfer = _Transfer(location, target, progress, limits, pace)
        # Only attempts without progress count: a long file over a bad connection may need many that each get further.
        # The next one asks only for the rest, if the server gave a validator (ETag or date) or a checksum is known.
        failures = 0
        while True:
            before = transfer.furthest
            try:
                transfer.attempt(session)
            except _AgainError as again:
                failures = 1 if transfer.furthest > before else failures + 1
                if failures >= ATTEMPTS:
                    raise CodeError(f"{location.printable} cannot be fetched: {again}, {failures} times") from again
                pause = again.pause or _pause(failures)
                _log.warning("%s: %s; trying again in %.1f s", location.printable, again, pause)
                time.sleep(pause)
                continue
            return transfer.finish()


class _AgainError(Exception):
    """This attempt failed, but another may succeed."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


class _Transfer:
    """The transfer of one file, over as many attempts as it takes."""

    def __init__(self, location: Location, target: str, progress: Progress, limits: Limits, pace: Pace) -> None:
        self.furthest = 0
        self._limits = limits
        self._quota = Quota(location.printable, limits)
        self._pace = pace
        self._location = location
        self._target = target
        self._progress = progress
        self._have = 0
        self._validator: str | None = None
        self._headers: dict[str, str] = {}

    def attempt(self, session: Session) -> None:
        """Ask the server for the file, or for the rest of it.

        Raises:
            _AgainError: it was interrupted, or the server asks to retry later.
            CodeError: the server refuses.

        """
        import requests
        import urllib3

        try:
            with self._pace, self._answer(session) as response:
                self._receive(response)
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            raise self._failed(f"its certificate is not accepted ({_cause(error)})") from harmless(error)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
            urllib3.exceptions.HTTPError,
        ) as error:
            why = _cause(error)
            raise _AgainError(self._broken_off() if "IncompleteRead" in why else why) from harmless(error)
        except requests.RequestException as error:
            raise self._failed(_cause(error)) from harmless(error)
        except (ValueError, LookupError, ArithmeticError) as error:  # an answer that breaks the libraries themselves
            raise self._failed(f"its answer cannot be read ({_cause(error)})") from harmless(error)

    def _answer(self, session: Session) -> Response:
        """The server's answer, up to its body."""
        headers, timeout = self._request_headers(), (CONNECT_SECONDS, READ_SECONDS)
        answer = answer_within(
            ANSWER_SECONDS, lambda: session.get(self._location.target, headers=headers, stream=True, timeout=timeout)
        )
        if answer is None:
            raise _AgainError("the server did not answer in time")
        return answer

    def finish(self) -> Downloaded:
        """Decode the file if the server has encoded it, and give it its name."""
        name = self._name()
        if self._headers.get("content-encoding", "").lower() in ("gzip", "x-gzip") and not name.endswith(
            ("gz", ".zip")
        ):
            self._decode()
        if self._headers.get("content-type", "").startswith("text/html"):
            from smc_core.code.archive.formats import format_of, is_archive

            if is_archive(self._target, name) and format_of(self._target) is None:
                raise self._failed("the server sent a web page, not an archive; is a login needed, or the URL wrong?")
        return Downloaded(self._target, name, self._have)

    def _request_headers(self) -> dict[str, str]:
        from smc_core.version import __version__

        # "identity": the bytes on the way must be those of the file, or a range could not continue it.
        headers = {"Accept-Encoding": "identity", "User-Agent": f"smc-core/{__version__}"}
        if self._have and (self._validator or self._location.checksum):
            headers["Range"] = f"bytes={self._have}-"
            if self._validator:
                headers["If-Range"] = self._validator
        return headers

    def _receive(self, response: Response) -> None:
        status = response.status_code
        if status in (408, 429) or status >= 500:
            raise _AgainError(f"HTTP {status} {_reason(response)}", _retry_after(response.headers.get("Retry-After")))
        if status == 416 and self._have:  # range not satisfiable: the file is shorter than what we have
            self._have, self._validator = 0, None
            raise _AgainError("the file has changed meanwhile")
        if status not in (200, 206):
            raise self._failed(f"HTTP {status} {_reason(response)}{_hint(status)}")
        total = self._begin(response)
        with open(self._target, "r+b" if self._have else "wb") as file:
            file.seek(self._have)
            file.truncate()
            self._quota.check_bytes(total or 0)
            while chunk := _read(response):
                self._have += len(chunk)
                self._quota.check_bytes(self._have)
                self._pace.add(len(chunk))
                file.write(chunk)
                self.furthest = max(self.furthest, self._have)
                self._progress.add(len(chunk))
        if total is not None and self._have < total:
            raise _AgainError(self._broken_off())

    def _begin(self, response: Response) -> int | None:
        """Find out at which byte the answer starts; returns the size of the whole file, if known.

        A server may answer a range with the whole file (200), for example because it has changed since (``If-Range``).
        """
        self._headers = {name.lower(): value for name, value in response.headers.items()}
        etag, before = self._headers.get("etag", ""), self._validator
        self._validator = etag if etag.startswith('"') else self._headers.get("last-modified")
        part = _RANGE.match(self._headers.get("content-range", "")) if response.status_code == 206 else None
        if part is not None and before != self._validator:
            self._have, self._validator = 0, None
            raise _AgainError("the file has changed meanwhile")
        if part is not None and int(part.group(1)) == self._have:
            total = None if part.group(2) == "*" else int(part.group(2))
        elif response.status_code == 206:
            self._have, self._validator = 0, None
            raise _AgainError("the server sent a different part than requested")
        else:
            self._have = 0
            total = whole_number(self._headers.get("content-length", ""))
        self._progress.bytes, self._progress.total = self._have, total
        return total

    def _name(self) -> str:
        stated = _FILENAME.search(self._headers.get("content-disposition", ""))
        name = stated.group(1).strip() if stated else self._location.name
        name = _CONTROL.sub("", name.replace("\\", "/").rpartition("/")[2])
        return name if name not in ("", ".", "..") else "code"

    def _decode(self) -> None:
        from smc_core.code.archive.formats import GZIP, CorruptError, format_of
        from smc_core.code.archive.packed import Packed

        if format_of(self._target) is not GZIP:
            return
        plain = self._target + ".plain"
        quota = Quota(self._location.printable, self._limits, "unpacks to")
        try:
            with open(self._target, "rb") as file, open(plain, "wb") as target:
                packed = Packed(file, GZIP, quota)
                while chunk := packed.read(_CHUNK):
                    quota.add_bytes(len(chunk))
                    target.write(chunk)
        except (EOFError, CorruptError) as error:
            raise self._failed("what the server sent cannot be decoded") from error
        os.replace(plain, self._target)

    def _broken_off(self) -> str:
        return f"the connection was closed after {self._have:,} of {self._progress.total or 0:,} bytes"

    def _failed(self, why: str) -> CodeError:
        return CodeError(f"{self._location.printable} cannot be fetched: {why}")


def _read(response: Response) -> bytes:
    """At least one byte, and no more than has arrived; empty at the end. The rate is measured by it."""
    raw = response.raw
    if hasattr(raw, "read1"):  # urllib3 2
        return bytes(raw.read1(_CHUNK, decode_content=False))
    return bytes(raw.read(_LITTLE, decode_content=False))


def _pause(failures: int) -> float:
    """Seconds to wait: doubled each time, and randomised so that many hosts do not retry at once."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1)) * random.uniform(0.75, 1.25)  # noqa: S311


def _retry_after(text: str | None) -> float | None:
    """Seconds that the server asks to wait, given as a number or a date; limited."""
    if not text:
        return None
    try:
        number = whole_number(text.strip())
        seconds = parsedate_to_datetime(text).timestamp() - time.time() if number is None else float(number)
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS) or None


def _reason(response: Response) -> str:
    """The server's reason phrase, fit for a line of a log."""
    return shortened(_CONTROL.sub(" ", str(response.reason or "")), 80)


def _hint(status: int) -> str:
    return {
        401: "; the URL needs a user and password (https://user:password@host/…)",
        403: "; a signed URL may have expired",
        404: "; there is nothing at this URL",
    }.get(status, "")


def _cause(error: BaseException) -> str:
    """The innermost cause of an error of ``requests``, in words and without the credentials of a URL."""
    seen: list[BaseException] = []
    current: Any = error
    while isinstance(current, BaseException) and current not in seen:
        seen.append(current)
        inner = [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]
        current = next((item for item in inner if isinstance(item, BaseException) and item not in seen), None)
    for found in reversed(seen):
        if isinstance(found, ssl.SSLCertVerificationError):
            return found.verify_message
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        if "timeout" in type(found).__name__.lower():
            return "the server did not answer in time"
    text = str(error.args[0] if error.args else error) or type(error).__name__
    return shortened(mask_urls(_CONTROL.sub(" ", text)))
