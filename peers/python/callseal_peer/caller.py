"""The caller's side of one handshake (PROTOCOL.md section 5). No sockets, no clock: time is handed in."""

import hmac
from typing import Callable, List, Optional

from . import keys, messages
from .errors import ProtocolError
from .session import RESEND_GAP, WAIT_M2, WAIT_M4, Call, Established, Local, Schedule, Wire

AWAIT_M2, AWAIT_M4, DONE, ENDED = "waits for M2", "waits for M4", "established", "ended"


class Caller:
    """Sends M1, and so on. `registry` gives the key that belongs to a number, or None; `call` is the call to renew.

    The registry's answer is known before M2 comes, so an M2 under any other key is ignored at step 4 and the
    caller waits on for the true one, as step 6 allows.
    """

    def __init__(
        self,
        local: Local,
        number: str,
        registry: Callable[[str], Optional[bytes]],
        wire: Wire,
        now: float,
        call: Optional[Call] = None,
    ) -> None:
        self.local = local
        self.number = number
        self.state = AWAIT_M2
        self.error: Optional[str] = None
        self.status: Optional[int] = None
        self.established: Optional[Established] = None
        self.outbox: List[bytes] = []
        self.ignored: Optional[str] = None  # why the last message was ignored, for the report

        self._wire = wire
        self._call_peer = call.peer if call else None
        self._call_epoch = call.epoch if call else 0
        self._call_suite = call.suite if call else None
        self._previous = call.session_hash if call else b""
        self._expected_key = registry(number)
        self._cookie: Optional[bytes] = None
        self._challenged_at = float("-inf")
        self.session = local.session_id()
        self._ephemeral: Optional[keys.Ephemeral] = keys.Ephemeral(local.random(32))
        self.m1 = messages.Message1(
            self.session,
            local.suites,
            ((messages.X25519, self._ephemeral.share),),
            self._call_epoch,
            self._previous,
            local.extensions(asks=True, gives=False),
        ).encode()
        self.m2 = self.m3 = b""
        self._message = self.m1
        self._schedule = Schedule(now, now + WAIT_M2)
        self.tick(now)

    # ---- time ----

    def tick(self, now: float) -> None:
        if self.state not in (AWAIT_M2, AWAIT_M4):
            return
        if now >= self._schedule.until:
            waited = f"no answer: {self.number} sent no " + ("M2" if self.state == AWAIT_M2 else "M4")
            self._end(waited + (f" (ignored: {self.ignored})" if self.ignored else ""))
        elif self._schedule.due(now):
            self._send()

    def deadline(self) -> float:
        return self._schedule.deadline() if self.state in (AWAIT_M2, AWAIT_M4) else float("inf")

    def _send(self) -> None:
        self.outbox += self._wire.datagrams(self._message, self._cookie)

    def _end(self, error: str, status: Optional[int] = None) -> None:
        self.state, self.error, self.status = ENDED, error, status
        self._ephemeral = None

    # ---- messages ----

    def receive(self, message: bytes, now: float) -> None:
        """M2, M4 or a challenge. What is wrong in any way raises ProtocolError and changes nothing."""
        header = messages.read_header(message)
        if header.caller_session != self.session:
            raise ProtocolError("another session")
        try:
            if header.kind == messages.CHALLENGE:
                self._on_challenge(message, now)
            elif header.kind == messages.M2 and self.state == AWAIT_M2:
                self._on_m2(message, now)
            elif header.kind == messages.M4 and self.state == AWAIT_M4:
                self._on_m4(message)
        except ProtocolError as error:
            self.ignored = str(error)
            raise

    def _on_challenge(self, message: bytes, now: float) -> None:
        _, cookie = messages.decode_challenge(message)
        if self.state != AWAIT_M2 or now - self._challenged_at < RESEND_GAP:
            return
        self._challenged_at = now
        self._cookie = cookie
        self._send()

    def _on_m2(self, message: bytes, now: float) -> None:
        m2 = messages.decode_m2(message)  # step 2
        if m2.suite not in self.local.suites or m2.suite not in messages.SUITES:
            raise ProtocolError("a suite that was not offered")
        suite = messages.SUITES[m2.suite]
        if len(m2.share) != messages.SHARE_LENGTH[suite.group]:
            raise ProtocolError("a share of the wrong length")
        if m2.epoch == self._call_epoch:
            raise ProtocolError("the epoch of the call in progress")

        schedule = keys.Schedule(self.m1, m2.clear, self._ephemeral.agree(m2.share))  # step 3
        inside = messages.decode_inside2(schedule.open2(m2.sealed))
        callee = inside.callee
        keys.public_key(callee.key)

        if callee.number != self.number:  # step 4
            raise ProtocolError("another number answers")
        if callee.number == self.local.identity.number or callee.key == self.local.identity.key:
            raise ProtocolError("our own identity answers")
        if self._call_peer is not None and callee != self._call_peer:
            raise ProtocolError("the renewal is answered by another identity")
        if callee.key != self._expected_key:
            raise ProtocolError("the registry does not vouch for the key that answers")

        keys.verify(callee.key, inside.signature, keys.signed_by_callee(callee, schedule.th_2))  # step 5, with 6 done
        schedule.add_m2_sealed(m2.sealed)
        self.m2 = message
        self._schedule_keys = schedule
        self._peer, self._suite, self._epoch, self._commitment = callee, suite, m2.epoch, m2.commitment
        self._callee_session = m2.header.callee_session
        extensions = dict(inside.extensions)
        self._staple = messages.staple_in(extensions) if self.local.takes_staples else b""
        self._ephemeral = None

        header = messages.Header(messages.M3, self.session, self._callee_session).encode()  # step 8
        plain = messages.Inside3(
            self.local.identity,
            callee,
            self.local.random(32),
            self.local.key.sign(keys.signed_by_caller(self.local.identity, callee, schedule.th_3)),
            self.local.extensions(asks=False, gives=messages.WANTS_STAPLE in extensions),
        ).encode()
        self.m3 = header + schedule.seal3(header, plain)
        schedule.add_m3(self.m3)
        self.state, self.ignored = AWAIT_M4, None
        self._message = self.m3
        self._schedule = Schedule(now, now + WAIT_M4)
        self.tick(now)

    def _on_m4(self, message: bytes) -> None:
        m4 = messages.decode_sealed(message, messages.M4)  # step 9
        if m4.header.callee_session != self._callee_session:
            raise ProtocolError("another session")
        schedule = self._schedule_keys
        inside = messages.decode_inside4(schedule.open4(message, m4.sealed))
        if not hmac.compare_digest(inside.mac, schedule.mac(inside.status)):
            raise ProtocolError("the MAC of M4 is not good")
        if not hmac.compare_digest(keys.commitment(inside.reveal), self._commitment):
            raise ProtocolError("the callee's reveal is not what it committed to")
        if inside.status != messages.ACCEPTED:  # step 10
            self._end(f"refused with status {inside.status}: {messages.status_text(inside.status)}", inside.status)
            return
        self.state = DONE
        self.established = Established(
            "caller",
            self._peer,
            self._suite.number,
            self._epoch,
            schedule.media(self._suite),
            schedule.authentication_string(inside.reveal),
            schedule.session_hash(),
            bool(self._previous) and self._suite.number == self._call_suite,
            self._staple,
            self._previous,
        )
        del self._schedule_keys
