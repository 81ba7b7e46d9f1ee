"""The callee's side, for any number of sessions (PROTOCOL.md sections 5 to 8). No sockets, no clock."""

import collections
import hmac
import ipaddress
import struct
from dataclasses import dataclass, field
from typing import Callable, Deque, Dict, List, Optional, Tuple

from . import keys, messages
from .errors import ProtocolError
from .messages import Header, Identity
from .rtcp import COOKIE, Fragment
from .session import HALF_OPEN, M4_KEPT, RESEND_GAP, Address, Call, Established, Local, Random, Wire

IN_ALL, FOR_ONE_IP = 256, 8
LOAD_SESSIONS, LOAD_PER_SECOND = 16, 50
AMPLIFICATION = 3


def next_epoch(epoch: int) -> int:
    return epoch % 255 + 1


def ip_octets(host: str) -> bytes:
    address = ipaddress.ip_address(host.partition("%")[0])
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def ip_group(host: str) -> bytes:
    """An IPv4 address, or the first 64 bits of an IPv6 address."""
    octets = ip_octets(host)
    return octets if octets.startswith(bytes(10) + b"\xff\xff") else octets[:8]


class CookieJar:
    RENEWED = 60.0

    def __init__(self, random: Random, now: float) -> None:
        self._random = random
        self._secrets = [random(32)]
        self._since = now

    def _turn(self, now: float) -> None:
        periods = int((now - self._since) // self.RENEWED)
        if periods > 0:
            self._secrets = [self._random(32)] + (self._secrets[:1] if periods == 1 else [])
            self._since += periods * self.RENEWED

    @staticmethod
    def _cookie(secret: bytes, address: Address) -> bytes:
        return hmac.digest(secret, ip_octets(address[0]) + struct.pack("!H", address[1]), "sha256")[:COOKIE]

    def make(self, address: Address, now: float) -> bytes:
        self._turn(now)
        return self._cookie(self._secrets[0], address)

    def good(self, cookie: Optional[bytes], address: Address, now: float) -> bool:
        self._turn(now)
        return cookie is not None and any(
            hmac.compare_digest(cookie, self._cookie(secret, address)) for secret in self._secrets
        )


class Ledger:
    """Octets received from and sent to addresses that have proved nothing yet."""

    LIMIT, LIFETIME = 4096, HALF_OPEN

    def __init__(self) -> None:
        self._rows: "collections.OrderedDict[Address, list]" = collections.OrderedDict()

    def _row(self, address: Address, now: float) -> list:
        row = self._rows.get(address)
        if row is None or now - row[3] >= self.LIFETIME:
            row = self._rows[address] = [0, 0, False, now]
            if len(self._rows) > self.LIMIT:
                self._rows.popitem(last=False)
        return row

    def received(self, address: Address, octets: int, now: float) -> None:
        self._row(address, now)[0] += octets

    def proved(self, address: Address, now: float) -> None:
        self._row(address, now)[2] = True

    def may_send(self, address: Address, octets: int, now: float) -> bool:
        row = self._row(address, now)
        if not row[2] and row[1] + octets > AMPLIFICATION * row[0]:
            return False
        row[1] += octets
        return True


@dataclass
class Session:
    caller_session: bytes
    callee_session: bytes
    address: Address
    m1: bytes
    m2: bytes
    suite: messages.Suite
    epoch: int
    schedule: Optional[keys.Schedule]
    reveal: bytes = field(repr=False)
    has_cookie: bool
    goes_on: bool
    since: float
    m2_sent: float
    m3: bytes = b""
    m4: bytes = b""
    m4_sent: float = 0.0
    status: Optional[int] = None
    previous: bytes = b""

    @property
    def half_open(self) -> bool:
        return not self.m4

    def dead_at(self) -> float:
        return self.since + (HALF_OPEN if self.half_open else M4_KEPT)


class Callee:
    """`judge(identity)` is the registry and the user in one: the status for a caller whose signature is good.

    `own_session(number)` gives the caller session of a handshake of our own with that number that is still under
    way; `accepted(established, address)` is told of every finished handshake, before M4 goes out.
    """

    def __init__(
        self,
        local: Local,
        judge: Callable[[Identity], int],
        wire: Wire,
        now: float,
        *,
        call: Callable[[], Optional[Call]] = lambda: None,
        unconfirmed: Callable[[], Optional[Call]] = lambda: None,
        own_session: Callable[[str], Optional[bytes]] = lambda number: None,
        accepted: Callable[[Established, Address], None] = lambda established, address: None,
        refused: Callable[[Identity, int], None] = lambda identity, status: None,
        always_challenge: bool = False,
    ) -> None:
        self.local = local
        self.outbox: List[Tuple[bytes, Address]] = []
        self.sessions: Dict[Tuple[bytes, bytes], Session] = {}
        self.cookies = CookieJar(local.random, now)
        self.ledger = Ledger()
        self._judge = judge
        self._wire = wire
        self._call = call
        self._unconfirmed = unconfirmed
        self._own_session = own_session
        self._accepted = accepted
        self._refused = refused
        self._always_challenge = always_challenge
        self._new_m1s: Deque[float] = collections.deque(maxlen=LOAD_PER_SECOND + 1)

    # ---- sending and time ----

    def _send(self, message: bytes, address: Address, now: float) -> None:
        datagrams = self._wire.datagrams(message)
        if self.ledger.may_send(address, sum(map(len, datagrams)), now):
            self.outbox += [(datagram, address) for datagram in datagrams]

    def tick(self, now: float) -> None:
        for ids in [ids for ids, one in self.sessions.items() if now >= one.dead_at()]:
            del self.sessions[ids]

    def deadline(self) -> float:
        return min((one.dead_at() for one in self.sessions.values()), default=float("inf"))

    def half_open(self) -> List[Session]:
        return [one for one in self.sessions.values() if one.half_open]

    def drop_half_open_from(self, address: Address) -> None:
        for one in self.half_open():
            if one.address == address:
                del self.sessions[one.caller_session, one.callee_session]

    # ---- before reassembly ----

    def admit(self, fragment: Fragment, address: Address, octets: int, now: float) -> bool:
        """Whether this fragment may be collected or handled; sends a challenge where it may not."""
        self.tick(now)
        self.ledger.received(address, octets, now)
        good = self.cookies.good(fragment.cookie, address, now)
        if good:
            self.ledger.proved(address, now)
        header = None
        if fragment.index == 0:
            try:
                header = messages.read_header(fragment.octets)
            except ProtocolError:
                pass
        if header is not None and header.kind == messages.M1:
            if any(
                one.caller_session == header.caller_session and one.address == address
                for one in self.sessions.values()
            ):
                return True  # most likely a repetition; on_m1 looks again
            self._new_m1s.append(now)
            if not good and self._loaded(now):
                self._challenge(header.caller_session, address, now)
                return False
        elif fragment.index > 0 and not good and self._loaded(now):
            return any(one.address == address for one in self.sessions.values())
        return True

    def _loaded(self, now: float) -> bool:
        busy_second = len(self._new_m1s) > LOAD_PER_SECOND and now - self._new_m1s[0] < 1.0
        return self._always_challenge or busy_second or len(self.half_open()) >= LOAD_SESSIONS

    def _challenge(self, caller_session: bytes, address: Address, now: float) -> None:
        self._send(messages.encode_challenge(caller_session, self.cookies.make(address, now)), address, now)

    # ---- M1 ----

    def on_m1(self, message: bytes, address: Address, has_cookie: bool, now: float) -> None:
        m1 = messages.decode_m1(message)  # step 1
        suite = next((messages.SUITES[s] for s in self.local.suites if s in m1.suites), None)
        if suite is None:
            raise ProtocolError("no suite in common")
        calls = [call for call in (self._call(), self._unconfirmed()) if call is not None]
        call = calls[0] if calls else None
        if m1.previous and not any((one.address, one.session_hash) == (address, m1.previous) for one in calls):
            raise ProtocolError("previous is not the call in progress")

        for one in self.sessions.values():  # step 2
            if one.address == address and one.m1 == message:
                if one.half_open and now - one.m2_sent >= RESEND_GAP:
                    one.m2_sent = now
                    self._send(one.m2, address, now)
                return

        if not has_cookie and self._loaded(now):  # step 3
            self._challenge(m1.caller_session, address, now)
            return
        wants_staple = messages.WANTS_STAPLE in dict(m1.extensions)
        if wants_staple and self.local.staple and not has_cookie:
            self._challenge(m1.caller_session, address, now)
            return
        if not self._make_room(m1.caller_session, address, has_cookie, now):
            return
        ephemeral = keys.Ephemeral(self.local.random(32))  # step 5
        secret = ephemeral.agree(m1.share(suite.group))
        epoch = next_epoch(calls[-1].epoch if calls else 0)
        while epoch == m1.epoch_in_use or epoch in [one.epoch for one in calls]:
            epoch = next_epoch(epoch)
        reveal = self.local.random(32)
        header = Header(messages.M2, m1.caller_session, self._free_id(m1.caller_session))
        clear = messages.encode_m2_clear(header, suite.number, epoch, keys.commitment(reveal), ephemeral.share)
        schedule = keys.Schedule(message, clear, secret)
        signature = self.local.key.sign(keys.signed_by_callee(self.local.identity, schedule.th_2))
        inside = messages.Inside2(
            self.local.identity, signature, self.local.extensions(asks=True, gives=wants_staple)
        )
        sealed = schedule.seal2(inside.encode())
        schedule.add_m2_sealed(sealed)
        session = Session(
            m1.caller_session, header.callee_session, address, message, clear + sealed, suite, epoch, schedule,
            reveal, has_cookie, any(one.session_hash == m1.previous and one.suite == suite.number for one in calls),
            now, now, previous=m1.previous,
        )  # fmt: skip
        self.sessions[session.caller_session, session.callee_session] = session
        self._send(session.m2, address, now)

    def _free_id(self, caller_session: bytes) -> bytes:
        while True:
            chosen = self.local.session_id()
            if (caller_session, chosen) not in self.sessions:
                return chosen

    def _make_room(self, caller_session: bytes, address: Address, has_cookie: bool, now: float) -> bool:
        half_open = sorted(self.half_open(), key=lambda one: one.since)
        group = ip_group(address[0])
        own = [one for one in half_open if ip_group(one.address[0]) == group]
        if len(own) >= FOR_ONE_IP:
            if not has_cookie:
                self._challenge(caller_session, address, now)
                return False
            victims = [one for one in own if not one.has_cookie]
        elif len(half_open) >= IN_ALL:
            victims = [one for one in half_open if not one.has_cookie] or [one for one in half_open if one not in own]
        else:
            return True
        if not victims:
            return False
        del self.sessions[victims[0].caller_session, victims[0].callee_session]
        return True

    # ---- M3 ----

    def on_m3(self, message: bytes, address: Address, now: float) -> None:
        m3 = messages.decode_sealed(message, messages.M3)  # step 6
        session = self.sessions.get((m3.header.caller_session, m3.header.callee_session))
        if session is None:
            raise ProtocolError("no such session")
        if not session.half_open:
            if message == session.m3 and now - session.m4_sent >= RESEND_GAP:
                session.m4_sent = now
                self._send(session.m4, address, now)
            return
        schedule = session.schedule
        inside = messages.decode_inside3(schedule.open3(message, m3.sealed))
        self.ledger.proved(address, now)

        caller = inside.caller
        if inside.callee != self.local.identity:  # step 7
            raise ProtocolError("the caller means somebody else")
        if caller.number == self.local.identity.number or caller.key == self.local.identity.key:
            raise ProtocolError("our own identity calls")

        keys.verify(caller.key, inside.signature, keys.signed_by_caller(caller, inside.callee, schedule.th_3))  # step 8
        call = self._call()
        if call is not None and now < call.pause_until:
            raise ProtocolError("too soon after another handshake")
        own = self._own_session(caller.number)
        if own is not None and own <= session.caller_session:
            raise ProtocolError("our own handshake with this number goes first")

        if call is not None and caller != call.peer:  # step 9
            status = messages.DECLINED
        else:
            status = self._judge(caller)  # steps 9 to 11
        schedule.add_m3(message)
        header = Header(messages.M4, session.caller_session, session.callee_session).encode()
        plain = messages.Inside4(status, schedule.mac(status), session.reveal).encode()
        session.m3, session.m4, session.status = message, header + schedule.seal4(header, plain), status
        session.since = session.m4_sent = now
        established = None
        if status == messages.ACCEPTED:  # step 12
            established = Established(
                "callee", caller, session.suite.number, session.epoch, schedule.media(session.suite),
                schedule.authentication_string(session.reveal), schedule.session_hash(), session.goes_on,
                messages.staple_in(dict(inside.extensions)) if self.local.takes_staples else b"",
                session.previous,
            )  # fmt: skip
        session.schedule, session.reveal = None, b""
        self._send(session.m4, address, now)
        if established is not None:
            self._accepted(established, address)
        else:
            self._refused(caller, status)
