"""Fetch an object from S3, or all objects below a prefix, with the library ``obstore`` (the extra ``s3``)."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smc_core.code.aws import profile
from smc_core.code.fetch.downloaded import Downloaded
from smc_core.code.fetch.pace import Pace
from smc_core.code.fetch.progress import Progress
from smc_core.code.limits import Limits, Quota
from smc_core.code.location import Location, harmless
from smc_core.errors import CodeError
from smc_core.masking import mask_urls
from smc_core.printable import shortened

if TYPE_CHECKING:
    from obstore.store import S3Store

THREADS = 8
"""How many objects of a prefix are fetched in parallel."""
_CHUNK = 1
"""Bytes to wait for before they are counted; with more, a slow transfer could not be measured."""
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_SKIP_SIGNATURE",
)
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT_URL", "AWS_ENDPOINT")
_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_METADATA = ("/latest/api/token", "/latest/meta-data/")


def fetch_s3(location: Location, target: str) -> Downloaded:
    """Fetch what is at an ``s3://`` URL: the object of that name, or else all objects below it.

    Credentials come from variables (``AWS_ACCESS_KEY_ID`` …), a web identity, the container, the profile in
    ``~/.aws/credentials``, or the instance, in this order. ``AWS_REGION`` or ``AWS_DEFAULT_REGION`` is the region; if
    the bucket is in another one, that is used. ``AWS_ENDPOINT_URL`` or ``S3_ENDPOINT_URL`` names another server.

    Args:
        location: the location.
        target: the file or folder to write.

    Raises:
        CodeError: the extra is not installed, nothing is there, or the server refuses.
        OSError: a file cannot be written.

    """
    try:
        import obstore
    except ImportError as error:
        raise CodeError(f'{location.printable} needs the extra s3: pip install "smc-core[s3]"') from error
    bucket, _, key = location.target[len("s3://") :].partition("/")
    region = None
    while True:
        try:
            return _Bucket(_store(bucket, region, os.environ), location).fetch(key, target)
        except (obstore.exceptions.BaseError, FileNotFoundError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a file of this machine
            found = None if region else _other_region(bucket, str(error), os.environ)
            if found is None:
                raise CodeError(f"{location.printable} cannot be fetched: {_cause(str(error))}") from harmless(error)
            region = found
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # obstore's Rust code panicked: a BaseException
                raise
            raise CodeError(
                f"{location.printable} cannot be fetched: the S3 library failed: {_cause(str(error))}"
            ) from None


class _Bucket:
    """A bucket, from which one location is fetched."""

    def __init__(self, store: S3Store, location: Location) -> None:
        self._store = store
        self._location = location

    def fetch(self, key: str, target: str) -> Downloaded:
        import obstore

        prefix = key.strip("/")
        if prefix and not key.endswith("/"):
            try:
                return self._fetch_object(key, target)
            except FileNotFoundError as error:
                if error.errno is not None:
                    raise
            except obstore.exceptions.PermissionDeniedError as error:
                # Without the right to list, S3 answers "forbidden" for an object that does not exist.
                try:
                    return self._fetch_prefix(prefix, target)
                except (obstore.exceptions.BaseError, CodeError):
                    raise error from None
        return self._fetch_prefix(prefix, target)

    def _fetch_object(self, key: str, target: str) -> Downloaded:
        with Progress(self._location.printable) as progress:
            size = self._write(key, target, _Watch(progress, self._quota(), self._location.printable))
        return Downloaded(target, self._location.name, size)

    def _fetch_prefix(self, prefix: str, target: str) -> Downloaded:
        from concurrent.futures import ThreadPoolExecutor

        objects = dict(self._list(prefix))
        if not objects:
            raise CodeError(f"{self._location.printable}: nothing is there, neither an object nor a prefix")
        os.mkdir(target)
        places = {key: os.path.join(target, *_relative(key, prefix)) for key in objects}
        for place in places.values():
            os.makedirs(os.path.dirname(place), exist_ok=True)
        with Progress(self._location.printable, sum(objects.values())) as progress, ThreadPoolExecutor(THREADS) as pool:
            watch = _Watch(progress, self._quota(), self._location.printable)
            sizes = pool.map(lambda key: self._write(key, places[key], watch), objects)
            return Downloaded(target, None, sum(sizes))

    def _list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Every object below a prefix with its size in bytes, without folder markers (empty objects)."""
        import obstore

        quota = self._quota()
        found: dict[str, int] = {}
        for page in obstore.list(self._store, prefix or None):
            for item in page:
                found[item["path"]] = item["size"]
                quota.add_file()
                quota.add_bytes(item["size"])
                quota.add_text(len(item["path"]))
        folders = {key.rpartition("/")[0] for key in found}
        folders |= {prefix, *(above for folder in folders for above in _above(folder))}
        return ((key, size) for key, size in sorted(found.items()) if size or key not in folders)

    def _write(self, key: str, path: str, watch: _Watch) -> int:
        import obstore

        answer = obstore.get(self._store, key)
        watch.quota.check_bytes(answer.meta["size"])
        size = 0
        with open(path, "wb") as file:
            for chunk in answer.stream(min_chunk_size=_CHUNK):
                watch.add(len(chunk))
                size += file.write(chunk)
        return size

    def _quota(self) -> Quota:
        return Quota(self._location.printable, Limits.of_job(os.environ))


class _Watch:
    """Counts the bytes of one location, from several threads."""

    def __init__(self, progress: Progress, quota: Quota, what: str) -> None:
        self.quota = quota
        self._progress = progress
        self._pace = Pace(what, os.environ)
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        self.quota.add_bytes(size)
        self._progress.add(size)
        with self._lock:
            self._pace.add(size)


def _store(bucket: str, region: str | None, environ: Mapping[str, str]) -> S3Store:
    from obstore.store import S3Store

    config: dict[str, Any] = {}
    if not any(environ.get(name) for name in _CREDENTIALS):
        config |= _profile_keys(environ)
    endpoint = _endpoint(environ)
    if endpoint:
        config["endpoint"] = endpoint
    region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if region:
        config["region"] = region
    client: dict[str, Any] = {"timeout": "7d", "read_timeout": "60s", "connect_timeout": "10s"}
    if endpoint and endpoint.startswith("http://"):
        client["allow_http"] = True
    authority = environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("SSL_CERT_FILE")
    if authority:
        with open(authority, "rb") as file:
            client["root_certificate"] = file.read()
    retries = 5 if config.get("access_key_id") or any(environ.get(name) for name in _CREDENTIALS) else 1
    return S3Store(
        bucket,
        config=config,  # type: ignore[arg-type]
        client_options=client,  # type: ignore[arg-type]
        retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=60)},
    )


def _endpoint(environ: Mapping[str, str]) -> str | None:
    return next((environ[name] for name in _ENDPOINTS if environ.get(name)), None)


def _profile_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """The keys of a profile in the shared credentials file, which the library does not read."""
    found = profile(environ)
    names = ("access_key_id", "secret_access_key", "session_token")
    return {name: found[f"aws_{name}"] for name in names if found.get(f"aws_{name}")}


def _other_region(bucket: str, error: str, environ: Mapping[str, str]) -> str | None:
    """The region of a bucket whose error is typical for a wrong region; None if that is not the cause."""
    if "Received redirect" not in error and _status(error) not in ("301", "400"):
        return None
    import requests

    endpoint = _endpoint(environ) or "https://s3.amazonaws.com"
    try:
        answer = requests.head(f"{endpoint.rstrip('/')}/{bucket}", timeout=10, allow_redirects=False)
    except requests.RequestException:
        return None
    return answer.headers.get("x-amz-bucket-region")


def _cause(error: str) -> str:
    """The cause in an error of the library, without its details.

    The library's errors carry status and code only in their text.
    """
    if any(part in error for part in _METADATA):
        return (
            "no AWS credentials found (variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a role of the "
            "container or the instance, ~/.aws/credentials)"
        )
    status, code = _status(error), _CODE.search(error)
    answer = shortened(code.group(1), 80) if code else ""
    if status == "403":
        return (
            f"403 {answer or 'Forbidden'}; it does not exist, or the role lacks s3:GetObject "
            "(s3:ListBucket for a prefix)"
        )
    if status == "404":
        return f"404 {answer or 'Not Found'}"
    if status:
        return f"HTTP {status} {answer}".rstrip()
    if "kind: Connect" in error:
        return "the server cannot be reached"
    if "TimedOut" in error or "timed out" in error:
        return "the server did not answer in time"
    return shortened(mask_urls(error.partition("\n")[0]))


def _status(error: str) -> str | None:
    found = _STATUS.search(error)
    return found.group(1) if found else None


def _relative(key: str, prefix: str) -> list[str]:
    parts = (key[len(prefix) :] if prefix else key).strip("/").split("/")
    if ".." in parts or "" in parts:
        raise CodeError(f"the S3 key {shortened(key, 80)!r} is not a valid file path")
    return parts


def _above(folder: str) -> Iterator[str]:
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder
