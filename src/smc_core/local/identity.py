"""A separate name and address for each of several hosts on one machine. Standard library only.

Each host gets its own mount namespace, with the job's ``/etc/hosts``, and its own host name (``namespaces(7)``): no
file of the machine changes, and no other process sees the names. This needs root, or a kernel that lets users create
namespaces. Addresses are from the loopback network, all of which is this machine (RFC 1122).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

HOSTS_FILE = "/etc/hosts"
_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWUSER = 0x00020000, 0x04000000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000


def address(number: int) -> str:
    """The address of a host, counted from 1."""
    return f"127.0.0.{number}"


def hosts_file(names: Sequence[str]) -> str:
    """The text of an ``/etc/hosts`` with the hosts of a job, followed by this machine's own."""
    ours = "".join(f"{address(number)}\t{name}\n" for number, name in enumerate(names, 1))
    try:
        with open(HOSTS_FILE, encoding="utf-8", errors="surrogateescape") as file:
            return ours + file.read()
    except OSError:
        return ours + "127.0.0.1\tlocalhost\n"


def take_identity(hosts: str, name: str) -> None:
    """Make this process, and those that it starts, a separate host.

    Args:
        hosts: path of the job's hosts file.
        name: name of the host, one of those in the file.

    Raises:
        OSError: this process lacks the permission.

    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    try:
        _check(libc.unshare(_CLONE_NEWNS | _CLONE_NEWUTS))
    except OSError:
        # Without root, a user namespace permits the other two; the ids are mapped to themselves, so that files keep
        # their owner. gid_map can only be written after setgroups is denied (user_namespaces(7)).
        _check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWUTS))
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _check(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))  # or the bind mount would propagate outside
    _check(libc.mount(os.fsencode(hosts), HOSTS_FILE.encode(), None, _MS_BIND, None))
    _check(libc.sethostname(os.fsencode(name), len(os.fsencode(name))))


def _check(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
