"""Operations on whole folders: create a private one to build in, replace the content of one, copy one."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator

from smc_core.code.limits import Limits, Quota
from smc_core.errors import CodeError
from smc_core.printable import shortened

_LEFT_ALONE = frozenset({"lost+found"})
"""Created by a file system in its own top folder."""

_log = logging.getLogger("smc.code")


def reason(error: OSError) -> str:
    """What went wrong and with which file, for an error message."""
    text = error.strerror or str(error)
    return f"{text}: {shortened(os.fsdecode(error.filename))}" if error.filename else text


@contextlib.contextmanager
def staging(destination: str) -> Iterator[str]:
    """A fresh private folder on the same disk as ``destination``; it is removed on exit.

    It is next to the destination if that is on the same disk and writable, otherwise inside it. Folders left behind by
    killed processes are removed.

    Raises:
        CodeError: neither place is writable.

    """
    parent, name = os.path.split(destination)
    prefix = f".{name}.smc-"
    try:
        os.makedirs(parent, exist_ok=True)
        inside = os.path.isdir(destination) and (os.path.ismount(destination) or not os.access(parent, os.W_OK))
        place = destination if inside else parent
        _remove_left_behind(place, prefix)
        folder = tempfile.mkdtemp(prefix=prefix, dir=place)
    except OSError as error:
        raise CodeError(f"{destination} cannot be written: {reason(error)}") from error
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # a folder of a killed process is recognised by its missing lock
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _remove_left_behind(place: str, prefix: str) -> None:
    for entry in os.scandir(place):
        if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False):
            handle = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            os.close(handle)


def replace_content(destination: str, new: str, aside: str) -> tuple[str, ...]:
    """Replace the content of a folder by that of another.

    The destination itself stays: it may be a mount point, a layer of an image that cannot be renamed, or the working
    directory of a process. If something fails, the old content is put back.

    Args:
        destination: the folder whose content is replaced; created if it is missing.
        new: the folder whose entries move there; quick only on the same disk.
        aside: an empty folder for the old content, which the caller removes.

    Returns:
        The entries that were replaced; folders end in ``/``.

    Raises:
        OSError: the destination cannot be changed.

    """
    os.makedirs(destination, exist_ok=True)
    outside = os.path.dirname(aside)  # the staging folder, which may itself be inside the destination
    old = sorted(name for name in os.listdir(destination) if name not in _LEFT_ALONE)
    old = [name for name in old if os.path.join(destination, name) != outside]
    replaced = tuple(name + "/" if os.path.isdir(os.path.join(destination, name)) else name for name in old)
    moved: list[tuple[str, str]] = []
    try:
        for name in old:
            _move(os.path.join(destination, name), os.path.join(aside, name), moved)
        for name in sorted(os.listdir(new)):
            _move(os.path.join(new, name), os.path.join(destination, name), moved)
    except OSError:
        for source, target in reversed(moved):
            with contextlib.suppress(OSError):
                shutil.move(target, source)
        raise
    return replaced


def _move(source: str, target: str, moved: list[tuple[str, str]]) -> None:
    shutil.move(source, target)
    moved.append((source, target))


def only_folder(folder: str) -> str | None:
    """The only folder in a folder, if there is nothing else in it that counts; else None."""
    entries = [name for name in os.listdir(folder) if not is_litter(name)]
    if len(entries) != 1:
        return None
    path = os.path.join(folder, entries[0])
    return path if os.path.isdir(path) and not os.path.islink(path) else None


def only_file(folder: str) -> str | None:
    """The only file in a folder, if there is nothing else in it that counts; else None."""
    entries = [name for name in os.listdir(folder) if not is_litter(name)]
    path = os.path.join(folder, entries[0]) if len(entries) == 1 else ""
    return path if os.path.isfile(path) else None


def is_litter(name: str) -> bool:
    """Whether a name is one of those that archivers, desktops and file systems leave behind."""
    return name in _LEFT_ALONE or name in ("__MACOSX", ".DS_Store", "pax_global_header") or name.startswith("._")


def copy_folder(source: str, target: str, quota: Quota | None = None) -> int:
    """Copy a whole folder, so that the copy does not depend on the original.

    A symbolic link that stays inside the folder is kept; one that leaves it is replaced by its target. Sockets, FIFOs
    and devices are skipped, with a line in the log.

    Args:
        source: the folder.
        target: an existing empty folder.
        quota: how large it may be; by default, the limits in the variables of this process. The target of several
            links counts as often as it is copied.

    Returns:
        The size of its files in bytes.

    Raises:
        CodeError: links form a circle, or the folder is too large.
        OSError: something cannot be read or written.

    """
    root = os.path.realpath(source)
    quota = quota or Quota(source, Limits.of_job(os.environ))
    pending = [(source, target, frozenset({root}))]
    while pending:
        folder, copy, above = pending.pop()
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path, place = entry.path, os.path.join(copy, entry.name)
            quota.add_file()
            if entry.is_symlink() and _keep_link(path, root, place, target):
                continue
            facts = os.stat(path)
            if stat.S_ISDIR(facts.st_mode):
                real = os.path.realpath(path)
                if real in above:
                    raise CodeError(f"{path} is a circular link: it points to a folder that contains it")
                os.mkdir(place)
                pending.append((path, place, above | {real}))
            elif stat.S_ISREG(facts.st_mode):
                quota.add_bytes(facts.st_size)
                copy_file(path, place)
            else:
                _log.warning("%s is skipped: it is neither a file nor a folder", path)
    return quota.bytes


def copy_file(source: str, target: str) -> None:
    """Copy a file with its permissions (without setuid and the like) and its modification time."""
    shutil.copyfile(source, target)
    facts = os.stat(source)
    os.chmod(target, (facts.st_mode & 0o777) | 0o600)
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _keep_link(path: str, root: str, place: str, target: str) -> bool:
    """Copy a link that stays inside ``root`` as a link inside ``target``, and a dangling one unchanged.

    Returns whether it was copied; a link that leaves ``root`` is not.
    """
    real = os.path.realpath(path)
    if real == root or real.startswith(root + os.sep):
        text = os.path.relpath(os.path.join(target, os.path.relpath(real, root)), os.path.dirname(place))
    elif os.path.exists(path):
        return False
    else:
        text = os.readlink(path)
    os.symlink(text, place)
    return True
