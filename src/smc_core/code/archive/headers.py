"""Headers of tar archives, read strictly: every field in form and size before it is used.

Understood are the old format, ustar, GNU tar's and pax, with the sparse files of GNU tar in all their forms. Whatever
else a header holds is a ``ValueError``. A test compares the outcome with the standard library's ``tarfile``, which
parses some hostile headers in quadratic time and unbounded memory, and is not used.
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
"""The type of GNU tar's volume label, which is no file."""
LONG_NAME, LONG_LINK = b"L", b"K"
PAX, SOLARIS_PAX, PAX_GLOBAL = b"x", b"X", b"g"
EXTENDED = (LONG_NAME, LONG_LINK, PAX, SOLARIS_PAX, PAX_GLOBAL)
MAX_EXTENDED = 256 * 1024
"""Bytes of one extended header. Real ones have a few hundred."""
MAX_NUMBER = 2**63 - 1
MAX_PIECES = 50_000
"""Pieces of a sparse file, which are kept in memory."""

_REGULAR_TYPES = (b"0", b"\0", b"7")
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_DECIMAL = re.compile(rb"[0-9]{1,19}")
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
"""Where the stored pieces of a sparse file belong: offset and length, in bytes."""
Records = dict[bytes, bytes]


@dataclass(slots=True)
class Header:
    """What is known of a member.

    Attributes:
        name: its name.
        type: one byte; ``0`` for all kinds of regular files.
        size: bytes that are stored of it.
        mode: its permissions.
        time: seconds since 1970 when it was changed last.
        target: where a link leads to.
        sparse: the map of a sparse file; None for any other member.
        real_size: how long a sparse file is, in bytes.
        more: whether blocks follow that go on with the map.
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
    """What extended headers say of the next member."""

    name: str | None = None
    target: str | None = None
    records: Records = field(default_factory=dict)


def read_header(block: bytes) -> Header:
    """Read a header block.

    Raises:
        ValueError: it is none.

    """
    stated = _number(block[148:156])
    blank = sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")
    if len(block) != BLOCK or stated != blank:
        raise ValueError("the checksum is wrong")
    name, kind = _text(block[:100]), block[156:157]
    if block[257:265] != b"ustar  \0" and (prefix := _text(block[345:500])) and kind not in (SPARSE, *EXTENDED):
        name = f"{prefix}/{name}"
    if kind in _REGULAR_TYPES:
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
    """Read a block that goes on with the map of a sparse file.

    Raises:
        ValueError: it is none.

    """
    if len(block) != BLOCK or header.sparse is None:
        raise ValueError("the map of a sparse file is cut off")
    header.sparse += _entries(block, _MORE_ENTRIES)
    if len(header.sparse) > MAX_PIECES:
        raise ValueError("a sparse file has too many pieces")
    header.more = bool(block[504])


def read_records(data: bytes) -> Records:
    """Read the records of a pax header that matter here: ``LENGTH NAME=VALUE``, each on a line.

    Raises:
        ValueError: they are malformed.

    """
    found: Records = {}
    lists: dict[bytes, list[bytes]] = {name: [] for name in _LIST}
    position = 0
    while position < len(data) and data[position]:
        blank = data.find(b" ", position, position + 9)
        length = decimal(data[position : max(position, blank)])
        end = position + length
        if not blank + 1 < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ValueError("a pax record is malformed")
        name, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if not equals or not name:
            raise ValueError("a pax record is malformed")
        if name in lists:
            lists[name].append(value)
        elif name in _WANTED:
            found[name] = value
        position = end
    return found | {name: b",".join(values) for name, values in lists.items() if values}


def read_text(data: bytes) -> str:
    """The name in a header of GNU tar for long names."""
    return _text(data)


def complete(header: Header, records: Mapping[bytes, bytes], extended: Extended) -> None:
    """Lay over a header what extended headers say of it.

    Args:
        header: of the member.
        records: of pax headers, the global ones first.
        extended: names of GNU tar's own headers.

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
    """A map from offsets and lengths in turn.

    Raises:
        ValueError: they do not pair.

    """
    if len(numbers) % 2:
        raise ValueError("the map of a sparse file is malformed")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def check_map(header: Header, stored: int) -> Map:
    """The map of a sparse file, its pieces in order, inside the file, and as long as what is stored.

    Raises:
        ValueError: they are not.

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
            raise ValueError("a sparse file is of an unknown form")
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
    """Entries of an old sparse map, up to the first that is empty."""
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
    """A number of a header: octal digits, or GNU tar's base 256."""
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
    """A whole number in a pax record or a sparse map: 1 to 19 digits, and one that fits into 63 bits.

    Raises:
        ValueError: it is none.

    """
    if not _DECIMAL.fullmatch(data) or (number := int(data)) > MAX_NUMBER:
        raise ValueError("a number is malformed")
    return number
