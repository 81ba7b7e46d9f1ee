"""One phone: its own handshake as a caller, others' as a callee, and what happens when they meet (section 8)."""

from typing import Callable, List, Optional, Tuple

from . import messages, rtcp
from .callee import Callee
from .caller import AWAIT_M2, AWAIT_M4, DONE, Caller
from .errors import ProtocolError
from .messages import Identity
from .session import PAUSE, Address, Call, Established, Local, Wire

Registry = Callable[[str], Optional[bytes]]


class Phone:
    """Takes datagrams from the RTCP port and gives datagrams for it. No sockets, no clock.

    answer: whom we answer as a callee: True everybody, an address only that one.
    expected: the number that must call, where somebody is expected.
    """

    def __init__(
        self,
        local: Local,
        registry: Registry,
        now: float,
        *,
        answer: object = True,
        expected: Optional[str] = None,
        always_challenge: bool = False,
    ) -> None:
        self.local = local
        self.registry = registry
        self.expected = expected
        self.answer = answer
        self.call: Optional[Call] = None
        self.unconfirmed: Optional[Call] = None  # a renewal that we answered, until its caller is heard
        self.caller: Optional[Caller] = None
        self.remote: Optional[Address] = None
        self.outbox: List[Tuple[bytes, Address]] = []
        self.established: List[Tuple[Established, Address]] = []  # for the media, in order; to be taken out
        self.caller_error: Optional[str] = None
        self.last_refusal: Optional[str] = None
        self.ignored: Optional[str] = None
        self.wire = Wire(local.random)
        self._now = now
        self._began = float("-inf")  # our last handshake as a caller
        self._fragments = rtcp.Reassembler()
        self.callee = Callee(
            local,
            self._judge,
            self.wire,
            now,
            call=lambda: self.call,
            unconfirmed=lambda: self.unconfirmed,
            own_session=self._own_session,
            accepted=self._finish,
            refused=self._refused,
            always_challenge=always_challenge,
        )

    # ---- what the program asks for ----

    def dial(self, number: str, remote: Address, now: float) -> None:
        self._began = now
        self.remote = remote
        self.caller_error = None
        self.caller = Caller(self.local, number, self.registry, self.wire, now)
        self._flush(now)

    def renew(self, now: float) -> bool:
        """A new handshake beside the running call; False where it is not the time for one."""
        call = self.call
        if call is None or self.caller is not None or now < max(call.pause_until, self._began + PAUSE):
            return False
        self._began = now
        self.remote = call.address
        self.caller_error = None
        self.caller = Caller(self.local, call.peer.number, self.registry, self.wire, now, call)
        self._flush(now)
        return True

    def heard_under(self, epoch: int) -> None:
        """A packet under this epoch was opened: its sender has finished that handshake."""
        if self.unconfirmed is not None and self.unconfirmed.epoch == epoch:
            self.call, self.unconfirmed = self.unconfirmed, None

    # ---- time ----

    def tick(self, now: float) -> None:
        self._now = now
        if self.caller is not None:
            self.caller.tick(now)
        self.callee.tick(now)
        self._fragments.expire(now)
        self._flush(now)

    def deadline(self) -> float:
        return min(self.caller.deadline() if self.caller else float("inf"), self.callee.deadline())

    def _flush(self, now: float) -> None:
        caller = self.caller
        if caller is not None:
            self.outbox += [(datagram, self.remote) for datagram in caller.outbox]
            caller.outbox.clear()
            if caller.state == DONE:
                self.caller = None
                self._finish(caller.established, self.remote)
            elif caller.state not in (AWAIT_M2, AWAIT_M4):
                self.caller = None
                self.caller_error = caller.error
        self.outbox += self.callee.outbox
        self.callee.outbox.clear()

    # ---- datagrams ----

    def datagram(self, datagram: bytes, source: Address, now: float) -> bool:
        """True where this was a handshake datagram, good or bad; False where it may be SRTCP."""
        self._now = now
        try:
            fragment = rtcp.find_fragment(datagram)
            if fragment is None:
                return False
            self._fragment(fragment, source, len(datagram), now)
        except ProtocolError as error:
            self.ignored = str(error)
        self._flush(now)
        return True

    def _fragment(self, fragment: rtcp.Fragment, source: Address, octets: int, now: float) -> None:
        if not self.callee.admit(fragment, source, octets, now):
            return
        message = self._fragments.add(source, fragment, now)
        if message is None:
            return
        kind = messages.read_header(message).kind
        if kind == messages.M1:
            if self._answers(message, source):
                good = self.callee.cookies.good(fragment.cookie, source, now)
                self.callee.on_m1(message, source, good, now)
        elif kind == messages.M3:
            self.callee.on_m3(message, source, now)
        elif self.caller is not None and source == self.remote:
            self.caller.receive(message, now)

    def _answers(self, message: bytes, source: Address) -> bool:
        if self.answer is not True and self.answer != source:
            return False
        caller = self.caller
        if caller is not None and caller.state == AWAIT_M2 and source == self.remote:  # both call at once
            return messages.read_header(message).caller_session < caller.session
        return True

    # ---- the callee's questions ----

    def _own_session(self, number: str) -> Optional[bytes]:
        return self.caller.session if self.caller is not None and self.caller.number == number else None

    def _judge(self, identity: Identity) -> int:
        if self.expected is not None and identity.number != self.expected:
            return messages.DECLINED
        return messages.ACCEPTED if self.registry(identity.number) == identity.key else messages.NOT_VOUCHED

    def _refused(self, identity: Identity, status: int) -> None:
        self.last_refusal = f"refused {identity.number} with status {status}: {messages.status_text(status)}"

    def _finish(self, established: Established, address: Address) -> None:
        one = established
        call = Call(one.peer, one.suite, one.epoch, one.session_hash, address, self._now + PAUSE)
        if one.role == "callee" and one.previous and self.call is not None:
            if self.unconfirmed is not None and self.unconfirmed.session_hash == one.previous:
                self.call = self.unconfirmed  # who renews it has finished it
            self.call.pause_until = call.pause_until
            self.unconfirmed = call
        else:
            self.call, self.unconfirmed = call, None
        if self.caller is not None and (self.caller.number == established.peer.number or self.remote == address):
            self.caller = None
        self.callee.drop_half_open_from(address)
        self.established.append((established, address))
