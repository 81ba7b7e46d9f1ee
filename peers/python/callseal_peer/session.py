"""What caller and callee share: who we are, what a finished handshake gives, how messages are sent and repeated."""

import os
from dataclasses import dataclass, field
from typing import Callable, List, Optional, Tuple

from . import rtcp
from .keys import H, IdentityKey, Media
from .messages import NO_SESSION, STAPLE, SUITES, WANTS_STAPLE, Identity

Address = Tuple[str, int]
Random = Callable[[int], bytes]

HALF_OPEN = 45.0
M4_KEPT = 45.0
WAIT_M2 = 10.0
WAIT_M4 = 45.0
UNHEARD_EPOCH = 120.0  # how long a caller that is not answered under the new epoch keeps the old one
OLD_EPOCH = 10.0  # how long the old epoch lives on beside the new one, once both sides have that
PAUSE = 10.0  # between the end of one handshake of a call and the next, and between two beginnings
RESEND_GAP = 0.1


@dataclass(frozen=True)
class Local:
    """Our side: number, key, suites in our order of preference."""

    identity: Identity
    key: IdentityKey
    suites: Tuple[int, ...] = tuple(SUITES)
    random: Random = field(default=os.urandom)
    staple: bytes = b""  # what proves that our key is our number's, for whoever asks; none where empty
    takes_staples: bool = False

    def extensions(self, asks: bool, gives: bool) -> Tuple[Tuple[int, bytes], ...]:
        asked = ((WANTS_STAPLE, b""),) if asks and self.takes_staples else ()
        return asked + (((STAPLE, self.staple),) if gives and self.staple else ())

    def session_id(self) -> bytes:
        while True:
            chosen = self.random(8)
            if chosen != NO_SESSION:
                return chosen


def make_local(number: str, secret: bytes, suites: Tuple[int, ...] = tuple(SUITES), random: Random = os.urandom) -> Local:
    key = IdentityKey(secret)
    return Local(Identity(number, key.public), key, suites, random)


@dataclass(frozen=True)
class Established:
    role: str  # ours: "caller" or "callee"
    peer: Identity
    suite: int
    epoch: int
    media: Media
    sas: str
    session_hash: bytes
    goes_on: bool  # `previous` was sent and the suite stayed: ROC and SRTCP index go on
    staple: bytes = b""  # the peer's; nobody has judged it
    previous: bytes = b""  # the session hash of the call that this one renews

    def outgoing(self) -> Tuple[bytes, bytes]:
        """Master key, master salt."""
        m = self.media
        return (m.caller_key, m.caller_salt) if self.role == "caller" else (m.callee_key, m.callee_salt)

    def incoming(self) -> Tuple[bytes, bytes]:
        m = self.media
        return (m.callee_key, m.callee_salt) if self.role == "caller" else (m.caller_key, m.caller_salt)


@dataclass
class Call:
    """The call in progress."""

    peer: Identity
    suite: int
    epoch: int
    session_hash: bytes
    address: Address
    pause_until: float


class Wire:
    """Turns messages into datagrams, with one SSRC and CNAME for the call."""

    def __init__(self, random: Random = os.urandom) -> None:
        self.ssrc = int.from_bytes(random(4), "big")
        self.cname = rtcp.make_cname(random(12))

    def datagrams(self, message: bytes, cookie: Optional[bytes] = None) -> List[bytes]:
        return rtcp.build_fragments(message, H(message)[:4], self.ssrc, self.cname, cookie)


class Schedule:
    """Now, then 150, 300, 600, 1,200, 1,200 ... ms after the one before, until `until`."""

    FIRST, MOST = 0.15, 1.2

    def __init__(self, now: float, until: float) -> None:
        self.next = now
        self.until = until
        self._gap = self.FIRST

    def due(self, now: float) -> bool:
        if now < self.next or now >= self.until:
            return False
        self.next = now + self._gap
        self._gap = min(2 * self._gap, self.MOST)
        return True

    def deadline(self) -> float:
        return min(self.next, self.until)
