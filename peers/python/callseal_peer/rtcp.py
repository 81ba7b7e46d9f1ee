"""RTCP: compound packets (RFC 3550), the APP packet CSTS and its fragments (PROTOCOL.md section 1)."""

import base64
import struct
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from .errors import ProtocolError

SR, RR, SDES, BYE, APP = 200, 201, 202, 203, 204
NAME = b"CSTS"
FRAGMENT = 1024
MAX_FRAGMENTS = 20
MAX_MESSAGE = FRAGMENT * MAX_FRAGMENTS
COOKIE = 16


# ---- packets -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Packet:
    kind: int
    count: int  # report count, source count or subtype
    padded: bool
    body: bytes  # everything after the first four octets


def packet(kind: int, count: int, body: bytes) -> bytes:
    if len(body) % 4:
        raise ValueError("an RTCP packet is a multiple of four octets long")
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def split(datagram: bytes) -> List[Packet]:
    """The packets of a compound packet, after the checks of RFC 3550 appendix A.2."""
    packets, at = [], 0
    if len(datagram) < 8:
        raise ProtocolError("too short for RTCP")
    while at < len(datagram):
        if len(datagram) - at < 4:
            raise ProtocolError("octets left over behind the last RTCP packet")
        first, kind, words = struct.unpack_from("!BBH", datagram, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(datagram):
            raise ProtocolError("not an RTCP compound packet")
        packets.append(Packet(kind, first & 0x1F, bool(first & 0x20), datagram[at + 4 : end]))
        at = end
    if packets[0].kind not in (SR, RR) or any(p.padded for p in packets[:-1]):
        raise ProtocolError("not an RTCP compound packet")
    return packets


def receiver_report(ssrc: int) -> bytes:
    return packet(RR, 0, struct.pack("!I", ssrc))


def sender_report(ssrc: int, unix_time: float, rtp_time: int, packets: int, octets: int) -> bytes:
    seconds = int(unix_time)
    fraction = int((unix_time - seconds) * 2**32) & 0xFFFFFFFF
    ntp = (seconds + 2208988800) & 0xFFFFFFFF
    return packet(SR, 0, struct.pack("!IIIIII", ssrc, ntp, fraction, rtp_time & 0xFFFFFFFF, packets, octets))


def cname_packet(ssrc: int, cname: bytes) -> bytes:
    items = struct.pack("!BB", 1, len(cname)) + cname + b"\0"
    return packet(SDES, 1, struct.pack("!I", ssrc) + items + bytes(-len(items) % 4))


def bye(ssrc: int) -> bytes:
    return packet(BYE, 1, struct.pack("!I", ssrc))


def make_cname(random_12: bytes) -> bytes:
    return base64.b64encode(random_12)


# ---- fragments -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fragment:
    tag: bytes
    index: int
    count: int
    total: int
    cookie: Optional[bytes]
    octets: bytes


def build_fragments(message: bytes, tag: bytes, ssrc: int, cname: bytes, cookie: Optional[bytes] = None) -> List[bytes]:
    """The datagrams that carry one handshake message."""
    if not 1 <= len(message) <= MAX_MESSAGE or len(tag) != 4 or (cookie is not None and len(cookie) != COOKIE):
        raise ValueError("this message cannot be carried")
    count = -(-len(message) // FRAGMENT)
    front = receiver_report(ssrc) + cname_packet(ssrc, cname)
    datagrams = []
    for index in range(count):
        part = message[index * FRAGMENT : (index + 1) * FRAGMENT]
        body = struct.pack("!I", ssrc) + NAME + tag + struct.pack("!BBH", index, count, len(message))
        body += (cookie or b"") + part + bytes(-len(part) % 4)
        datagrams.append(front + packet(APP, 0 if cookie is None else 1, body))
    return datagrams


def find_fragment(datagram: bytes) -> Optional[Fragment]:
    """The handshake fragment in a datagram; None where the datagram is something else (SRTCP, say).

    ProtocolError where it is an unencrypted compound packet with a CSTS packet that is to be ignored.
    """
    try:
        packets = split(datagram)
    except ProtocolError:
        return None
    for one in packets:
        if one.kind == APP and one.body[4:8] == NAME:
            return _parse_fragment(one)
    return None


def _parse_fragment(app: Packet) -> Fragment:
    if app.padded or app.count & ~1:
        raise ProtocolError("CSTS packet with a reserved bit set")
    if len(app.body) < 16:
        raise ProtocolError("CSTS packet too short")
    tag = app.body[8:12]
    index, count, total = struct.unpack_from("!BBH", app.body, 12)
    if not 1 <= total <= MAX_MESSAGE or count != -(-total // FRAGMENT) or index >= count:
        raise ProtocolError("CSTS packet with impossible counts")
    rest = app.body[16:]
    cookie = None
    if app.count & 1:
        if len(rest) < COOKIE:
            raise ProtocolError("CSTS packet too short for its cookie")
        cookie, rest = rest[:COOKIE], rest[COOKIE:]
    size = min(FRAGMENT, total - index * FRAGMENT)
    if len(rest) != size + (-size % 4):
        raise ProtocolError("CSTS packet whose length does not fit")
    return Fragment(tag, index, count, total, cookie, rest[:size])


class Reassembler:
    """Collects fragments. Bounded for one source and in all; what exceeds the bounds is dropped."""

    LIFETIME = 10.0
    PER_SOURCE = 4
    IN_ALL = 64
    OCTETS_IN_ALL = 512 * 1024

    def __init__(self) -> None:
        self._collections: Dict[tuple, Tuple[float, Dict[int, bytes]]] = {}
        self._octets = 0

    def __len__(self) -> int:
        return len(self._collections)

    def add(self, source: tuple, fragment: Fragment, now: float) -> Optional[bytes]:
        """The whole message once its last fragment has come."""
        if fragment.count == 1:
            return fragment.octets
        self.expire(now)
        key = (source, fragment.tag, fragment.count, fragment.total)
        held = self._collections.get(key)
        size = len(fragment.octets)
        if self._octets + size > self.OCTETS_IN_ALL:
            return None
        if held is None:
            mine = sum(1 for other in self._collections if other[0] == source)
            if mine >= self.PER_SOURCE or len(self._collections) >= self.IN_ALL:
                return None
            held = self._collections[key] = (now, {})
        parts = held[1]
        if fragment.index in parts:
            return None
        parts[fragment.index] = fragment.octets
        self._octets += size
        if len(parts) < fragment.count:
            return None
        self._drop(key)
        return b"".join(parts[index] for index in range(fragment.count))

    def expire(self, now: float) -> None:
        for key in [k for k, (since, _) in self._collections.items() if now - since >= self.LIFETIME]:
            self._drop(key)

    def _drop(self, key: tuple) -> None:
        _, parts = self._collections.pop(key)
        self._octets -= sum(map(len, parts.values()))
