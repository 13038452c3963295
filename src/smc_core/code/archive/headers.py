"""Reads the headers of tar archives strictly: form and size of every field are checked before it is used.

It supports the old format, ustar, GNU tar's and pax, and GNU tar's sparse files in all their forms (POSIX.1-2001 for
``pax``; ``tar(5)`` of libarchive and the manual of GNU tar for the rest). Anything else is a ``ValueError``. A test
compares the results with the standard library's ``tarfile``, which is not used: it parses some hostile headers in
quadratic time and unbounded memory.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

BLOCK = 512
REGULAR, HARD_LINK, SYMBOLIC_LINK, FOLDER = b"0", b"1", b"2", b"5"
SPARSE = b"S"
LABEL = b"V"
"""The type of GNU tar's volume label, which is not a file."""
LONG_NAME, LONG_LINK = b"L", b"K"
PAX, SOLARIS_PAX, PAX_GLOBAL = b"x", b"X", b"g"
EXTENDED = (LONG_NAME, LONG_LINK, PAX, SOLARIS_PAX, PAX_GLOBAL)
MAX_EXTENDED = 256 * 1024
"""Bytes of one extended header. Real ones have a few hundred."""
MAX_NUMBER = 2**63 - 1
MAX_PIECES = 50_000
"""Pieces of a sparse file; their map is kept in memory."""

_REGULAR_TYPES = (b"0", b"\0", b"7")
"""POSIX, the old format, and a contiguous file, which Linux stores like any other."""
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_DECIMAL = re.compile(rb"[0-9]{1,19}")
"""No more than 19 digits: ``int()`` takes quadratic time for a long text."""
_SECONDS = re.compile(rb"-?[0-9]{1,18}(?:\.[0-9]{0,30})?(?:e[-+]?[0-9]{1,3})?")
_OLD_ENTRIES, _MORE_ENTRIES = 4, 21
_ENTRY = 24
_LIST = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
_WANTED = frozenset(
    {
        b"path", b"linkpath", b"size", b"mtime", b"GNU.sparse.major", b"GNU.sparse.minor", b"GNU.sparse.name",
        b"GNU.sparse.realsize", b"GNU.sparse.size", b"GNU.sparse.map", *_LIST,
    }
)  # fmt: skip

Map = list[tuple[int, int]]
"""Offset and length, in bytes, of each stored piece of a sparse file."""
Records = dict[bytes, bytes]


@dataclass(slots=True)
class Header:
    """What is known about a member.

    Attributes:
        name: its name.
        type: one byte; ``0`` for all kinds of regular files.
        size: the bytes stored in the archive.
        mode: its permissions.
        time: when it was last changed, in seconds since 1970.
        target: the target of a link.
        sparse: the map of a sparse file; None for any other member.
        real_size: the size of a sparse file, in bytes.
        more: whether further blocks continue the map.
        map_in_content: whether the content begins with the map.
    """

    name: str
    type: bytes
    size: int
    mode: int
    time: float
    target: str
    sparse: Map | None = None
    real_size: int = 0
    more: bool = False
    map_in_content: bool = False


@dataclass(slots=True)
class Extended:
    """The content of the extended headers in front of a member."""

    name: str | None = None
    target: str | None = None
    records: Records = field(default_factory=dict)


def read_header(block: bytes) -> Header:
    """Read a header block.

    The offsets are those of ``struct posix_header`` (ustar): name 0, mode 100, uid 108, gid 116, size 124, mtime 136,
    checksum 148, type 156, link target 157, magic 257, prefix 345. GNU tar uses the space of the prefix otherwise: for
    a sparse file, the first entries of its map begin at 386, and the real size is at 483.

    Raises:
        ValueError: it is not a header.
        OverflowError: a size is impossible.

    """
    stated = _number(block[148:156])
    computed = sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")  # the checksum itself counts as blanks
    if len(block) != BLOCK or stated != computed:
        raise ValueError("the checksum is wrong")
    name, kind = _text(block[:100]), block[156:157]
    if block[257:265] != b"ustar  \0" and (prefix := _text(block[345:500])) and kind not in (SPARSE, *EXTENDED):
        name = f"{prefix}/{name}"
    if kind in _REGULAR_TYPES:  # the old format has no type for folders: their names end in "/"
        kind = FOLDER if kind == b"\0" and name.endswith("/") else REGULAR
    size = _number(block[124:136])
    if size < 0 or (kind in EXTENDED and size > MAX_EXTENDED):
        raise OverflowError
    header = Header(name, kind, size, _number(block[100:108]) & 0o7777, _number(block[136:148]), _text(block[157:257]))
    if kind == SPARSE:
        header.sparse = _entries(block[386:482], _OLD_ENTRIES)
        header.more = bool(block[482])
        header.real_size = _size(_number(block[483:495]))
    return header


def read_more(header: Header, block: bytes) -> None:
    """Read a block that continues the map of a sparse file.

    Raises:
        ValueError: it is not such a block.

    """
    if len(block) != BLOCK or header.sparse is None:
        raise ValueError("the map of a sparse file is cut off")
    header.sparse += _entries(block, _MORE_ENTRIES)
    if len(header.sparse) > MAX_PIECES:
        raise ValueError("a sparse file has too many pieces")
    header.more = bool(block[504])


def read_records(data: bytes) -> Records:
    """Read the relevant records of a pax header: lines of the form ``LENGTH NAME=VALUE``.

    The length counts the whole record, including its own digits and the newline; a value may contain newlines.

    Raises:
        ValueError: they are malformed.

    """
    found: Records = {}
    lists: dict[bytes, list[bytes]] = {name: [] for name in _LIST}
    position = 0
    while position < len(data) and data[position]:  # zeros after the last record are padding
        blank = data.find(b" ", position, position + 9)  # -1 leaves the number empty, which decimal() refuses
        length = decimal(data[position : max(position, blank)])
        end = position + length
        if not blank + 1 < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ValueError("a pax record is malformed")
        name, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if not equals or not name:
            raise ValueError("a pax record is malformed")
        if name in lists:  # repeated for every piece of a sparse file; of any other record the last one counts
            lists[name].append(value)
        elif name in _WANTED:
            found[name] = value
        position = end
    return found | {name: b",".join(values) for name, values in lists.items() if values}


def read_text(data: bytes) -> str:
    """The name in GNU tar's header for a long name."""
    return _text(data)


def complete(header: Header, records: Mapping[bytes, bytes], extended: Extended) -> None:
    """Replace fields of a header by those of its extended headers.

    Args:
        header: the member's header.
        records: the records of pax headers; those of its own override global ones.
        extended: the names from GNU tar's own headers.

    Raises:
        ValueError: a record is malformed.

    """
    if extended.name is not None:
        header.name = extended.name
    if extended.target is not None:
        header.target = extended.target
    for name, use in _USES.items():
        if name in records:
            use(header, records[name])
    if header.type == REGULAR:
        _complete_sparse(header, records)


def read_map(numbers: list[int]) -> Map:
    """A map from alternating offsets and lengths.

    Raises:
        ValueError: the last offset has no length.

    """
    if len(numbers) % 2:
        raise ValueError("the map of a sparse file is malformed")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def check_map(header: Header, stored: int) -> Map:
    """The map of a sparse file, checked: pieces in order, inside the file, and together as long as what is stored.

    Raises:
        ValueError: the map is wrong.

    """
    pieces = [piece for piece in header.sparse or () if piece[1]]
    end = 0
    for offset, length in pieces:
        if offset < end:
            raise ValueError("the pieces of a sparse file overlap")
        end = offset + length
    if end > header.real_size or sum(length for _, length in pieces) != stored:
        raise ValueError("a sparse file is not as long as it says")
    return pieces


def _complete_sparse(header: Header, records: Mapping[bytes, bytes]) -> None:
    """Take over a map in pax records: GNU's formats 0.0 (two lists), 0.1 (one list) and 1.0 (in the content)."""
    if b"GNU.sparse.map" in records or b"GNU.sparse.offset" in records:
        if b"GNU.sparse.map" in records:
            numbers = [decimal(text) for text in records[b"GNU.sparse.map"].split(b",")]
        else:
            offsets, lengths = (records.get(name, b"").split(b",") for name in _LIST)
            if len(offsets) != len(lengths):
                raise ValueError("the map of a sparse file is malformed")
            numbers = [decimal(text) for pair in zip(offsets, lengths, strict=True) for text in pair]
        header.sparse = read_map(numbers)
    elif b"GNU.sparse.major" in records:
        if (records[b"GNU.sparse.major"], records.get(b"GNU.sparse.minor")) != (b"1", b"0"):
            raise ValueError("a sparse file has an unknown format")
        header.sparse, header.map_in_content = [], True
    else:
        return
    sizes = [records[name] for name in (b"GNU.sparse.realsize", b"GNU.sparse.size") if name in records]
    header.real_size = decimal(sizes[0]) if sizes else header.size
    if b"GNU.sparse.name" in records:
        header.name = _text(records[b"GNU.sparse.name"])


def _use_size(header: Header, value: bytes) -> None:
    header.size = decimal(value)


def _use_time(header: Header, value: bytes) -> None:
    time = float(value) if _SECONDS.fullmatch(value) else math.inf
    if math.isinf(time):
        raise ValueError("a time is malformed")
    header.time = time


def _use_name(header: Header, value: bytes) -> None:
    header.name = _text(value)


def _use_target(header: Header, value: bytes) -> None:
    header.target = _text(value)


_USES: dict[bytes, Callable[[Header, bytes], None]] = {
    b"path": _use_name,
    b"linkpath": _use_target,
    b"size": _use_size,
    b"mtime": _use_time,
}


def _entries(data: bytes, count: int) -> Map:
    """Entries of an old sparse map, up to the first empty one."""
    found: Map = []
    for start in range(0, count * _ENTRY, _ENTRY):
        offset, length = data[start : start + 12], data[start + 12 : start + _ENTRY]
        if not offset[0] or not length[0]:
            break
        found.append((_size(_number(offset)), _size(_number(length))))
    return found


def _size(number: int) -> int:
    if number < 0:
        raise OverflowError
    return number


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(data: bytes) -> int:
    """A number in a header: octal digits, or GNU tar's base 256, marked by the first byte (0xff for negative)."""
    if data[:1] in (b"\x80", b"\xff"):
        number = int.from_bytes(data[1:], "big")
        number -= 0 if data[0] == 0x80 else 256 ** (len(data) - 1)
        if abs(number) > MAX_NUMBER:
            raise OverflowError
        return number
    match = _OCTAL.fullmatch(data.partition(b"\0")[0])
    if match is None:
        raise ValueError("a number is malformed")
    return int(match.group(1) or b"0", 8)


def decimal(data: bytes) -> int:
    """A whole number in a pax record or a sparse map: 1 to 19 digits, of at most 63 bits.

    Raises:
        ValueError: it is not such a number.

    """
    if not _DECIMAL.fullmatch(data) or (number := int(data)) > MAX_NUMBER:
        raise ValueError("a number is malformed")
    return number
