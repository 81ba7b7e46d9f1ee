"""The octets of the messages (PROTOCOL.md section 2) and the tables of suites and groups (section 3)."""

import struct
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from .errors import ProtocolError

VERSION = 1
M1, M2, M3, M4, CHALLENGE = 1, 2, 3, 4, 5
HEADER = 18
NO_SESSION = bytes(8)
TAG = 16  # of AES-GCM

STATUS_TEXT = {
    0: "accepted",
    1: "the registry does not vouch for the caller's key",
    2: "busy",
    3: "the callee expects somebody else, or declines",
    4: "the caller's key has changed and the callee has not accepted the new one",
    5: "the callee could not ask the registry",
}
ACCEPTED, NOT_VOUCHED, BUSY, DECLINED, KEY_CHANGED, NO_REGISTRY = range(6)


@dataclass(frozen=True)
class Suite:
    number: int
    group: int
    media: str
    key: int
    salt: int
    rtp_tag: int
    rtcp_tag: int


X25519 = 1
SHARE_LENGTH = {X25519: 32}
SUITES = {
    1: Suite(1, X25519, "AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10),
    2: Suite(2, X25519, "AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10),
}


def status_text(status: int) -> str:
    return STATUS_TEXT.get(status, "refused without a known reason")


class Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.at = 0

    def take(self, count: int) -> bytes:
        if len(self._octets) - self.at < count:
            raise ProtocolError("shorter than its fields say")
        self.at += count
        return self._octets[self.at - count : self.at]

    def uint(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def rest(self) -> bytes:
        return self.take(len(self._octets) - self.at)

    def end(self) -> None:
        if self.at != len(self._octets):
            raise ProtocolError("longer than its fields say")


# ---- header --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Header:
    kind: int
    caller_session: bytes
    callee_session: bytes

    def encode(self) -> bytes:
        return bytes((VERSION, self.kind)) + self.caller_session + self.callee_session


def read_header(message: bytes) -> Header:
    reader = Reader(message)
    version, kind = reader.uint(1), reader.uint(1)
    if version != VERSION or not M1 <= kind <= CHALLENGE:
        raise ProtocolError("a version or type that is not ours")
    header = Header(kind, reader.take(8), reader.take(8))
    if header.caller_session == NO_SESSION:
        raise ProtocolError("no caller session")
    if (header.callee_session == NO_SESSION) != (kind in (M1, CHALLENGE)):
        raise ProtocolError("a callee session where none belongs, or none where one does")
    return header


def _open_message(message: bytes, kind: int) -> Tuple[Header, Reader]:
    header = read_header(message)
    if header.kind != kind:
        raise ProtocolError("another type of message")
    reader = Reader(message)
    reader.take(HEADER)
    return header, reader


# ---- identity and extensions ---------------------------------------------------------------


def check_number(number: str) -> str:
    digits = number[1:]
    if (
        not number.isascii()
        or number[:1] != "+"
        or not digits.isdigit()
        or not 2 <= len(digits) <= 15
        or digits[0] == "0"
    ):
        raise ProtocolError("not an E.164 number: + and 2 to 15 digits, the first not 0")
    return number


@dataclass(frozen=True)
class Identity:
    number: str
    key: bytes  # compressed; whether it is on the curve is for keys.py to say

    def encode(self) -> bytes:
        return bytes((len(self.number),)) + self.number.encode("ascii") + self.key


def read_identity(reader: Reader) -> Identity:
    raw = reader.take(reader.uint(1))
    try:
        number = check_number(raw.decode("ascii"))
    except UnicodeDecodeError:
        raise ProtocolError("not an E.164 number") from None
    key = reader.take(33)
    if key[0] not in (2, 3):
        raise ProtocolError("not a compressed point")
    return Identity(number, key)


WANTS_STAPLE, STAPLE = 1, 2
MAX_STAPLE = 16384


def staple_in(extensions: Dict[int, bytes]) -> bytes:
    """None where it is empty or too long: such a one is passed over."""
    staple = extensions.get(STAPLE, b"")
    return staple if len(staple) <= MAX_STAPLE else b""


def encode_extensions(extensions: List[Tuple[int, bytes]] = ()) -> bytes:
    body = b"".join(struct.pack("!HH", kind, len(value)) + value for kind, value in extensions)
    return struct.pack("!H", len(body)) + body


def read_extensions(reader: Reader) -> Dict[int, bytes]:
    inner = Reader(reader.take(reader.uint(2)))
    end, found = len(inner._octets), {}
    while inner.at < end:
        kind = inner.uint(2)
        value = inner.take(inner.uint(2))
        if kind in found:
            raise ProtocolError("an extension twice")
        found[kind] = value
    return found


# ---- M1 ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message1:
    caller_session: bytes
    suites: Tuple[int, ...]
    shares: Tuple[Tuple[int, bytes], ...]
    epoch_in_use: int = 0
    previous: bytes = b""
    extensions: Tuple[Tuple[int, bytes], ...] = field(default=())

    def encode(self) -> bytes:
        return b"".join(
            (
                Header(M1, self.caller_session, NO_SESSION).encode(),
                bytes((len(self.suites),)),
                b"".join(struct.pack("!H", suite) for suite in self.suites),
                bytes((len(self.shares),)),
                b"".join(struct.pack("!HH", group, len(value)) + value for group, value in self.shares),
                bytes((self.epoch_in_use, len(self.previous))),
                self.previous,
                encode_extensions(self.extensions),
            )
        )

    def share(self, group: int) -> Optional[bytes]:
        return dict(self.shares).get(group)


def decode_m1(message: bytes) -> Message1:
    header, reader = _open_message(message, M1)
    count = reader.uint(1)
    if not 1 <= count <= 16:
        raise ProtocolError("1 to 16 suites")
    suites = tuple(reader.uint(2) for _ in range(count))
    count = reader.uint(1)
    if not 1 <= count <= 4:
        raise ProtocolError("1 to 4 shares")
    shares = []
    for _ in range(count):
        group = reader.uint(2)
        shares.append((group, reader.take(reader.uint(2))))
    epoch_in_use = reader.uint(1)
    length = reader.uint(1)
    if length not in (0, 32):
        raise ProtocolError("previous is 0 or 32 octets long")
    previous = reader.take(length)
    extensions = tuple(read_extensions(reader).items())
    reader.end()

    groups = [group for group, _ in shares]
    if len(set(suites)) != len(suites) or len(set(groups)) != len(groups):
        raise ProtocolError("a suite or a group twice")
    for group, value in shares:
        if len(value) != SHARE_LENGTH.get(group, len(value)):
            raise ProtocolError("a share of the wrong length")
    for suite in suites:
        if suite in SUITES and SUITES[suite].group not in groups:
            raise ProtocolError("no share for a suite that is offered")
    return Message1(header.caller_session, suites, tuple(shares), epoch_in_use, previous, extensions)


# ---- M2 ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message2:
    header: Header
    suite: int
    epoch: int
    commitment: bytes
    share: bytes
    clear: bytes  # as received
    sealed: bytes


def encode_m2_clear(header: Header, suite: int, epoch: int, commitment: bytes, share: bytes) -> bytes:
    return header.encode() + struct.pack("!HB", suite, epoch) + commitment + struct.pack("!H", len(share)) + share


def decode_m2(message: bytes) -> Message2:
    header, reader = _open_message(message, M2)
    suite, epoch, commitment = reader.uint(2), reader.uint(1), reader.take(32)
    share = reader.take(reader.uint(2))
    clear = message[: reader.at]
    sealed = reader.rest()
    if epoch == 0:
        raise ProtocolError("epoch 0")
    if len(sealed) < TAG:
        raise ProtocolError("no sealed part")
    return Message2(header, suite, epoch, commitment, share, clear, sealed)


@dataclass(frozen=True)
class Inside2:
    callee: Identity
    signature: bytes
    extensions: Tuple[Tuple[int, bytes], ...] = ()

    def encode(self) -> bytes:
        return self.callee.encode() + self.signature + encode_extensions(self.extensions)


def decode_inside2(octets: bytes) -> Inside2:
    reader = Reader(octets)
    callee, signature = read_identity(reader), reader.take(64)
    inside = Inside2(callee, signature, tuple(read_extensions(reader).items()))
    reader.end()
    return inside


# ---- M3 and M4: header, then a sealed part ---------------------------------------------------


@dataclass(frozen=True)
class SealedMessage:
    header: Header
    sealed: bytes


def decode_sealed(message: bytes, kind: int) -> SealedMessage:
    header, reader = _open_message(message, kind)
    sealed = reader.rest()
    if len(sealed) < TAG:
        raise ProtocolError("no sealed part")
    return SealedMessage(header, sealed)


@dataclass(frozen=True)
class Inside3:
    caller: Identity
    callee: Identity
    nonce: bytes
    signature: bytes
    extensions: Tuple[Tuple[int, bytes], ...] = ()

    def encode(self) -> bytes:
        fixed = self.caller.encode() + self.callee.encode() + self.nonce + self.signature
        return fixed + encode_extensions(self.extensions)


def decode_inside3(octets: bytes) -> Inside3:
    reader = Reader(octets)
    caller, callee = read_identity(reader), read_identity(reader)
    nonce, signature = reader.take(32), reader.take(64)
    inside = Inside3(caller, callee, nonce, signature, tuple(read_extensions(reader).items()))
    reader.end()
    return inside


@dataclass(frozen=True)
class Inside4:
    status: int
    mac: bytes
    reveal: bytes

    def encode(self) -> bytes:
        return bytes((self.status,)) + self.mac + self.reveal


def decode_inside4(octets: bytes) -> Inside4:
    reader = Reader(octets)
    inside = Inside4(reader.uint(1), reader.take(32), reader.take(32))
    reader.end()
    return inside


# ---- challenge -----------------------------------------------------------------------------


def encode_challenge(caller_session: bytes, cookie: bytes) -> bytes:
    return Header(CHALLENGE, caller_session, NO_SESSION).encode() + cookie


def decode_challenge(message: bytes) -> Tuple[bytes, bytes]:
    """Caller session, cookie."""
    header, reader = _open_message(message, CHALLENGE)
    cookie = reader.take(16)
    reader.end()
    return header.caller_session, cookie
