"""A host's own name and address on a machine that has several of them. Standard library only.

Each host gets a mount namespace with an ``/etc/hosts`` of the job, and a host name of its own (``namespaces(7)``): no
file of the machine is changed, and nobody else sees the names. Root, or anyone where the kernel lets users make
namespaces, may do that. The address is one of the loopback network, all of which is this machine (RFC 1122).
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
    """The text of an ``/etc/hosts`` that knows the hosts of a job, and what this machine's own knows."""
    ours = "".join(f"{address(number)}\t{name}\n" for number, name in enumerate(names, 1))
    try:
        with open(HOSTS_FILE, encoding="utf-8", errors="surrogateescape") as file:
            return ours + file.read()
    except OSError:
        return ours + "127.0.0.1\tlocalhost\n"


def take_identity(hosts: str, name: str) -> None:
    """Become a host of its own: this process and those that it starts.

    Args:
        hosts: path of the job's hosts file.
        name: name of the host, one of those in the file.

    Raises:
        OSError: this process may not.

    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    try:
        _check(libc.unshare(_CLONE_NEWNS | _CLONE_NEWUTS))
    except OSError:
        _check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWUTS))
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _check(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    _check(libc.mount(os.fsencode(hosts), HOSTS_FILE.encode(), None, _MS_BIND, None))
    _check(libc.sethostname(os.fsencode(name), len(os.fsencode(name))))


def _check(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
