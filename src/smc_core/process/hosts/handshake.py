"""How two hosts of a job prove to each other that they belong to it, and how their messages are authenticated.

The listener sends a challenge, and the caller proves itself first. Everything is lines of ASCII::

    listener   NONCE                   32 random bytes, fresh for each connection
    caller     NONCE PROOF NAME        its own fresh nonce; HMAC of both nonces, the purpose and its name
    listener   PROOF                   the same HMAC in the listener's role
    caller     its first message       sealed; until it has come, the listener trusts nothing, not even the name

Every proof is an HMAC-SHA256 with the key of the job (:mod:`smc_core.process.hosts.host_key`), compared in constant
time. A listener that gets a wrong proof closes the connection without a message, so a stranger does not learn what was
wrong. Every proof contains the nonces of both sides, so a recorded one is worthless on another connection; and the two
roles differ, so a proof cannot be reflected to its author.

A message is sealed by an HMAC over its number and its text, with a key of this connection and direction: nobody in
between can add, change, repeat or reorder messages. They are not encrypted; nothing in them is secret.
"""

from __future__ import annotations

import hmac
import os
import socket
import time

LONGEST_INTRODUCTION = 700
"""Longest line of a stranger, in bytes: two digests and a name."""
HANDSHAKE_SECONDS = 10.0
"""How long a stranger may take to prove itself."""
SEAL_BYTES = 65
"""Bytes in front of the text of a message: a digest and a blank."""
_LONGEST_NAME = 255
_HEX = 64
"""Characters of a nonce or of a digest."""


class RefusedError(Exception):
    """The other side has not proved that it belongs to the job, or what it sends is malformed."""


class Session:
    """Seals messages to the other side, and opens messages from it.

    Args:
        key: the key of the job.
        context: what the handshake has exchanged, nonces included.
        mine: this side's role, ``caller`` or ``listener``.
        other: the other side's role.

    """

    def __init__(self, key: bytes, context: bytes, mine: bytes, other: bytes) -> None:
        self._seals = hmac.digest(key, b"seal " + mine + b" " + context, "sha256")
        self._opens = hmac.digest(key, b"seal " + other + b" " + context, "sha256")
        self._sent = self._received = 0

    def seal(self, text: bytes) -> bytes:
        """A line that only this side of this connection can have written; the text must not contain a line break."""
        line = _mac(self._seals, self._sent, text) + b" " + text + b"\n"
        self._sent += 1
        return line

    def open(self, line: bytes) -> bytes:
        """The text of a sealed line, which is passed without its line break.

        Raises:
            RefusedError: the other side has not written it, or it is not the next one in order.

        """
        mac, _, text = line.partition(b" ")
        if not hmac.compare_digest(mac, _mac(self._opens, self._received, text)):
            raise RefusedError
        self._received += 1
        return text


def _mac(key: bytes, number: int, text: bytes) -> bytes:
    return hmac.digest(key, number.to_bytes(8, "big") + text, "sha256").hex().encode()


class Challenge:
    """The listener's side, for one connection.

    Args:
        key: the key of the job.
        purpose: what the connection is for; a proof for one purpose is not valid for another.

    """

    def __init__(self, key: bytes, purpose: str) -> None:
        self._key = key
        self._purpose = purpose
        self._nonce = os.urandom(32).hex().encode()

    @property
    def line(self) -> bytes:
        """The line to send first."""
        return self._nonce + b"\n"

    def answer(self, line: bytes) -> tuple[str, bytes, Session]:
        """Check the caller's line, which is passed without its line break.

        Returns:
            The caller's name, the line that proves this side to it, and the session.

        Raises:
            RefusedError: the proof is wrong.

        """
        nonce, _, rest = line.partition(b" ")
        proof, _, name = rest.partition(b" ")
        if len(nonce) != _HEX or len(name) > 2 * _LONGEST_NAME:
            raise RefusedError
        context = _context(self._purpose, self._nonce, nonce, name)
        if not hmac.compare_digest(proof, _proof(self._key, b"caller", context)):
            raise RefusedError
        try:
            called = bytes.fromhex(name.decode()).decode()
        except ValueError as error:
            raise RefusedError from error
        session = Session(self._key, context, b"listener", b"caller")
        return called, _proof(self._key, b"listener", context) + b"\n", session


def call(link: socket.socket, key: bytes, purpose: str, name: str, seconds: float = HANDSHAKE_SECONDS) -> Session:
    """The caller's side: prove this host to the listener, and let the listener prove itself.

    Args:
        link: the connection.
        key: the key of the job.
        purpose: what the connection is for.
        name: name of this host, at most 255 bytes.
        seconds: how long the whole handshake may take.

    Raises:
        RefusedError: the listener has closed the connection, or has not proved itself.
        OSError: the connection broke, or took too long.

    """
    deadline = time.monotonic() + seconds
    theirs = _line(link, deadline)
    if len(theirs) != _HEX:
        raise RefusedError
    # The name in hex, too: whatever characters it has, the line stays three words of ASCII.
    mine, called = os.urandom(32).hex().encode(), name.encode().hex().encode()
    context = _context(purpose, theirs, mine, called)
    link.sendall(b" ".join((mine, _proof(key, b"caller", context), called)) + b"\n")
    if not hmac.compare_digest(_line(link, deadline), _proof(key, b"listener", context)):
        raise RefusedError
    link.settimeout(None)
    return Session(key, context, b"caller", b"listener")


def _context(purpose: str, listener: bytes, caller: bytes, name: bytes) -> bytes:
    return b" ".join((b"smc-1", purpose.encode(), listener, caller, name))


def _proof(key: bytes, role: bytes, context: bytes) -> bytes:
    return hmac.digest(key, b"proof " + role + b" " + context, "sha256").hex().encode()


def _line(link: socket.socket, deadline: float) -> bytes:
    """A line of the handshake, read byte by byte: what follows it belongs to the session."""
    line = b""
    while not line.endswith(b"\n"):
        link.settimeout(max(0.001, deadline - time.monotonic()))  # 0 would mean not to wait at all
        data = link.recv(1)
        line += data
        if not data or len(line) > LONGEST_INTRODUCTION:
            raise RefusedError
        if time.monotonic() >= deadline:
            raise TimeoutError("the handshake took too long")
    return line[:-1]
