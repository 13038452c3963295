"""Fetch user code into the folder that it runs in."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from dataclasses import dataclass

from smc_core.code.folders import (
    copy_file,
    copy_folder,
    only_file,
    only_folder,
    reason,
    replace_content,
    staging,
)
from smc_core.code.location import Location, parse
from smc_core.errors import CodeError
from smc_core.foreign import foreign_input
from smc_core.printable import shortened
from smc_core.words import some_of

_log = logging.getLogger("smc.code")


@dataclass(frozen=True)
class Fetched:
    """Code that was fetched.

    Attributes:
        path: the folder that contains it.
        source: where it came from, without credentials.
        replaced: the former content of the code folder, now removed; folders end in ``/``.
        seconds: how long it took.
        bytes: the bytes transferred; 0 if it was in place already.
    """

    path: str
    source: str
    replaced: tuple[str, ...] = ()
    seconds: float = 0.0
    bytes: int = 0

    @property
    def summary(self) -> str:
        """One line for the log: ``s3://bucket/code.tar.gz, 12,345 bytes in 0.3 s, replaces train.py``."""
        line = f"{self.source}, {self.bytes:,} bytes in {self.seconds:.1f} s" if self.bytes else self.source
        if not self.replaced:
            return line
        return f"{line}, replaces {some_of(self.replaced, 5)}"


@foreign_input(CodeError, "the code")
def download(url: str | os.PathLike[str], dst: str | os.PathLike[str]) -> str:
    """Fetch what is at a URL into a folder; it replaces all that is there.

    A folder is copied. An archive (``.tar.gz``, ``.zip`` and all others in
    :data:`smc_core.code.archive.formats.ARCHIVE_SUFFIXES`), or a folder that contains nothing but one, is unpacked as
    if hostile (:func:`smc_core.code.archive.extract.extract`). Any other file is put into the folder.
    The folder changes only when everything has arrived.

    Args:
        url: a path, ``file://``, ``s3://`` (needs the extra ``smc-core[s3]``), ``http://`` or ``https://``; with
            ``#sha256=…`` at its end, a file must have that digest.
        dst: the folder; created if it is missing. If ``url`` is the same folder, nothing is moved.

    Returns:
        The folder that contains the code: ``dst``, or the only folder at the top of an archive (``dst/project-1.0``),
        unless that is a package.

    Raises:
        CodeError: nothing can be fetched from there, it is refused or broken, or ``dst`` cannot be written.

    """
    location, destination = parse(url), os.path.realpath(dst)
    if _is_same(location, destination):
        return os.fspath(dst)
    obtained = _fetch_into(location, destination)
    _log.info("%s", _fetched(obtained, location, os.fspath(dst)).summary)
    return _code_folder(os.fspath(dst), obtained.from_archive)


@foreign_input(CodeError, "the code")
def fetch(url: str, code_dir: str, program: str | None = None) -> Fetched:
    """Fetch the submitted code into the code folder of a job; it replaces all code that was baked into the image.

    Args:
        url: where it is (:func:`download`); the code folder itself if nothing was submitted.
        code_dir: the code folder.
        program: the entry point. If it is found in the code folder, a single folder there is not entered.

    Raises:
        CodeError: nothing can be fetched from there, it is refused or broken, or the folder cannot be written.

    """
    location, destination = parse(url), os.path.realpath(code_dir)
    if _is_same(location, destination):
        return Fetched(code_dir, location.printable)
    obtained = _fetch_into(location, destination)
    return _fetched(obtained, location, _code_folder(code_dir, obtained.from_archive, program))


@dataclass
class _Obtained:
    from_archive: bool
    bytes: int
    seconds: float = 0.0
    replaced: tuple[str, ...] = ()


def _fetched(obtained: _Obtained, location: Location, path: str) -> Fetched:
    return Fetched(path, location.printable, obtained.replaced, obtained.seconds, obtained.bytes)


def _is_same(location: Location, destination: str) -> bool:
    return location.scheme == "file" and os.path.realpath(location.target) == destination


def _fetch_into(location: Location, destination: str) -> _Obtained:
    begin = time.monotonic()
    if os.path.exists(destination) and not os.path.isdir(destination):
        raise CodeError(f"{destination} is a file; code needs a folder")
    try:
        with staging(destination) as stage:
            new, aside = os.path.join(stage, "new"), os.path.join(stage, "old")
            os.mkdir(new)
            os.mkdir(aside)
            obtained = _obtain(location, destination, stage, new)
            if not os.listdir(new):
                raise CodeError(f"{location.printable} contains no files")
            obtained.replaced = replace_content(destination, new, aside)
    except OSError as error:
        raise CodeError(f"{location.printable} cannot be fetched to {destination}: {reason(error)}") from error
    obtained.seconds = time.monotonic() - begin
    return obtained


def _obtain(location: Location, destination: str, stage: str, new: str) -> _Obtained:
    """Put everything into the folder ``new``."""
    if location.scheme == "file":
        return _obtain_local(location, destination, new)
    if location.scheme == "s3":
        from smc_core.code.fetch.s3 import fetch_s3

        downloaded = fetch_s3(location, os.path.join(stage, "downloaded"))
    else:
        from smc_core.code.fetch.http import fetch_http

        downloaded = fetch_http(location, os.path.join(stage, "downloaded"))
    if downloaded.name is None:
        single = _only_archive(downloaded.path)
        if single is None:
            os.rmdir(new)
            os.rename(downloaded.path, new)
            return _Obtained(False, downloaded.bytes)
        return _Obtained(_place(single, os.path.basename(single), location, new), downloaded.bytes)
    _verify(downloaded.path, location)
    return _Obtained(_place(downloaded.path, downloaded.name, location, new), downloaded.bytes)


def _obtain_local(location: Location, destination: str, new: str) -> _Obtained:
    path = location.target
    single = _only_archive(path) if os.path.isdir(path) else None
    if os.path.isfile(path) or single is not None:
        path = single or path
        _verify(path, location)
        return _Obtained(_place(path, os.path.basename(path), location, new), os.path.getsize(path))
    if not os.path.isdir(path):
        raise CodeError(shortened(f"{location.printable} is neither a file nor a folder{_beside(path)}", 1000))
    if destination.startswith(os.path.realpath(path).rstrip(os.sep) + os.sep):
        raise CodeError(f"{path} cannot be copied into {destination}, which is inside it; give code its own folder")
    return _Obtained(False, copy_folder(path, new))


def _place(path: str, name: str, location: Location, new: str) -> bool:
    """Unpack an archive into a folder, or put a plain file there; returns whether it was an archive."""
    from smc_core.code.archive.extract import extract
    from smc_core.code.archive.formats import is_archive

    if is_archive(path, name):
        extract(path, new, name=location.printable)
        return True
    place = os.path.join(new, name)
    if location.scheme == "file":
        copy_file(path, place)
    else:
        shutil.move(path, place)
        os.chmod(place, 0o644)
    return False


def _only_archive(folder: str) -> str | None:
    from smc_core.code.archive.formats import is_archive

    path = only_file(folder)
    return path if path is not None and is_archive(path) else None


def _verify(path: str, location: Location) -> None:
    if location.checksum is None:
        return
    algorithm, expected = location.checksum
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(1024 * 1024):
            digest.update(chunk)
    found = digest.hexdigest()
    if found != expected:
        raise CodeError(f"{location.printable} is not the expected file: its {algorithm} is {found}, not {expected}")


def _code_folder(folder: str, from_archive: bool, program: str | None = None) -> str:
    """The folder itself, or the only folder in it if the code is there."""
    inner = only_folder(folder)
    if inner is None or (program and _holds(folder, program)):
        return folder
    if program and _holds(inner, program):
        return inner
    return inner if from_archive and not os.path.isfile(os.path.join(inner, "__init__.py")) else folder


def _holds(folder: str, program: str) -> bool:
    """Whether a folder contains an entry point: a file, or a module's dotted name."""
    module = os.path.join(folder, *program.split("."))
    candidates = (os.path.join(folder, program), module + ".py", os.path.join(module, "__main__.py"))
    return any(map(os.path.isfile, candidates))


def _beside(path: str) -> str:
    """What is next to a missing path, for an error message."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        return f"; there is no folder {parent}"
    names = sorted(os.listdir(parent))
    return f"; {parent} contains {some_of(names, 8) or 'nothing'}"
