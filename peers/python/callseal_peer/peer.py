"""A whole peer on UDP sockets: handshake, media, and a report at the end."""

import hashlib
import selectors
import socket
import sys
import time
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from .caller import AWAIT_M4
from .media import Media
from .phone import Phone
from .session import Address, Established, Local

DATAGRAM = 4096
HELD = 64
DRAIN = 0.15
BATCH = 64


class SetupError(Exception):
    """Something that the command line asked for cannot be had."""


@dataclass
class Options:
    local: Local
    peers: Dict[str, bytes]
    bind: Address
    remote: Optional[Address] = None  # None: listen
    number: Optional[str] = None  # whom we call, or who must call
    mux: bool = False
    rtp_bind: Optional[Address] = None
    rtp_remote: Optional[Address] = None
    send: int = 0
    expect: Optional[int] = None
    always_challenge: bool = False
    renew_after: Optional[int] = None
    timeout: float = 30.0
    quiet: bool = False


def neighbour(address: Address, step: int) -> Address:
    if not 0 < address[1] + step < 65536:
        raise SetupError(f"port {address[1]} has no neighbour for {'RTCP' if step > 0 else 'RTP'}")
    return (address[0], address[1] + step)


def open_socket(address: Address) -> socket.socket:
    try:
        info = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
        sock = socket.socket(info[0], socket.SOCK_DGRAM)
    except OSError as error:
        raise SetupError(f"{address[0]} port {address[1]}: {error}") from None
    try:
        sock.setblocking(False)
        sock.bind(info[4])
    except OSError as error:
        sock.close()
        raise SetupError(f"cannot bind {address[0]} port {address[1]}: {error.strerror}") from None
    return sock


def open_sockets(options: Options) -> Tuple[socket.socket, socket.socket]:
    """RTP, RTCP; the same socket where they are multiplexed."""
    if options.mux:
        both = open_socket(options.bind)
        return both, both
    if options.rtp_bind is not None:
        rtp = open_socket(options.rtp_bind)
        try:
            return rtp, open_socket(options.bind)
        except SetupError:
            rtp.close()
            raise
    attempts = 20 if options.bind[1] == 0 else 1
    while True:
        attempts -= 1
        rtp = open_socket(options.bind)
        try:
            return rtp, open_socket(neighbour(rtp.getsockname()[:2], 1))
        except SetupError:
            rtp.close()
            if not attempts:
                raise


class Peer:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.stop = False  # set by a signal handler
        self.first: Optional[Established] = None
        self.last: Optional[Established] = None
        self.handshakes = 0
        self.error: Optional[str] = None
        self._send_error: Optional[str] = None
        self.rtp_socket, self.rtcp_socket = open_sockets(options)
        now = time.monotonic()
        remote = options.remote
        self.remote_rtcp = remote
        if remote is not None and not options.mux and options.rtp_remote is None:
            self.remote_rtcp = neighbour(remote, 1)
        self.remote_rtp: Optional[Address] = options.rtp_remote or remote
        self.phone = Phone(
            options.local,
            options.peers.get,
            now,
            answer=True if remote is None else self.remote_rtcp,
            expected=options.number,
            always_challenge=options.always_challenge,
        )
        self.media = Media(options.send, self.phone.wire.cname, options.local.random)
        self._held: List[Tuple[bytes, bool, Address]] = []
        self._bye_at: Optional[float] = None
        self._renewing = options.renew_after is not None

    def log(self, text: str) -> None:
        if not self.options.quiet:
            print(text, file=sys.stderr, flush=True)

    # ---- the loop ----

    def run(self) -> dict:
        sockets = [self.rtcp_socket] + ([self.rtp_socket] if not self.options.mux else [])
        selector = selectors.DefaultSelector()
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        end_at = time.monotonic() + self.options.timeout
        names = ", ".join("%s port %d" % sock.getsockname()[:2] for sock in sockets)
        try:
            if self.options.remote is None:
                self.log(f"listening on {names}")
            else:
                self.log(f"calling {self.options.number} from {names}")
                self.phone.dial(self.options.number, self.remote_rtcp, time.monotonic())
            while not self._finished(end_at):
                self._step(time.monotonic())
                wait = min(self.phone.deadline(), self.media.deadline(), end_at) - time.monotonic()
                if self._bye_at is not None:
                    wait = min(wait, 0.02)
                selector.select(max(0.0, min(wait, 0.5)))
                for sock in sockets:  # RTCP first: M4 may stand in front of the media it opens
                    self._read(sock)
        finally:
            if self.first is not None:
                self._send(self.rtcp_socket, self.media.farewell(), self.phone.call.address)
            selector.close()
            for sock in sockets:
                sock.close()
        return self.report()

    def _step(self, now: float) -> None:
        self.phone.tick(now)
        self._flush(now)
        if self.first is None:
            return
        if self._renewing and self.media.sent >= self.options.renew_after:
            self._renewing = not self.phone.renew(now)
            self._flush(now)
        media, reports = self.media.due(now)
        for packet in media:
            self._send(self.rtp_socket, packet, self.media.rtp_source or self.remote_rtp)
        for packet in reports:
            self._send(self.rtcp_socket, packet, self.phone.call.address)

    def _flush(self, now: float) -> None:
        for datagram, address in self.phone.outbox:
            self._send(self.rtcp_socket, datagram, address)
        self.phone.outbox.clear()
        for established, address in self.phone.established:
            self._use(established, address, now)
        self.phone.established.clear()

    def _use(self, established: Established, address: Address, now: float) -> None:
        self.handshakes += 1
        self.last = established
        if self.first is None:
            self.first = established
            if self.remote_rtp is None:  # until the first SRTP packet shows where the peer sends from
                self.remote_rtp = address if self.options.mux else (address[0], max(address[1] - 1, 1))
        self.media.use(established, now)
        self.log(f"{established.role}: keys with {established.peer.number}, epoch {established.epoch}, {established.sas}")
        held, self._held = self._held, []
        for packet, is_rtcp, source in held:
            self._media(packet, is_rtcp, source, now)

    def _send(self, sock: socket.socket, datagram: bytes, address: Address) -> None:
        try:
            sock.sendto(datagram, address)
        except OSError as error:
            self._send_error = f"cannot send to {address[0]} port {address[1]}: {error.strerror or error}"

    def _read(self, sock: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                datagram, source = sock.recvfrom(DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error for something that we sent
            now, source = time.monotonic(), source[:2]
            if len(datagram) < 2:
                continue
            is_rtcp = 192 <= datagram[1] <= 223 if self.options.mux else sock is self.rtcp_socket
            if is_rtcp and self.phone.datagram(datagram, source, now):
                self._flush(now)
            else:
                self._media(datagram, is_rtcp, source, now)

    def _media(self, packet: bytes, is_rtcp: bool, source: Address, now: float) -> None:
        caller = self.phone.caller
        if caller is not None and caller.state == AWAIT_M4 and not self.media.knows(packet, is_rtcp):
            if len(self._held) < HELD:  # the callee's first packets may overtake its M4
                self._held.append((packet, is_rtcp, source))
        elif self.first is not None:
            self.media.receive(packet, is_rtcp, source, now)
            self.phone.heard_under(self.media.epoch_heard)

    # ---- the end ----

    def _finished(self, end_at: float) -> bool:
        now, options, media = time.monotonic(), self.options, self.media
        if self.stop:
            self.error = "interrupted"
            return True
        if media.bye:
            if self._bye_at is None:
                self._bye_at = now
            return now - self._bye_at >= DRAIN
        if self.first is None:
            if options.remote is not None and self.phone.caller is None and self.phone.caller_error:
                self.error = self.phone.caller_error
                return True
        elif options.expect is not None and len(media.received) >= options.expect and media.all_sent:
            renewed = not self._renewing and self.phone.caller is None
            # A callee waits until it has heard the caller: before that, its M4 may be lost.
            if renewed and (media.heard or self.first.role == "caller"):
                return True
        return now >= end_at

    def _why(self, arrived: int) -> Optional[str]:
        expect, phone = self.options.expect, self.phone
        if self.error is not None:
            before = self.last is None and phone.last_refusal
            return f"{self.error}; before that: {before}" if before else self.error
        if self.last is None:
            ignored = f" (ignored: {phone.ignored})" if phone.ignored else ""
            return phone.last_refusal or self._send_error or "nobody finished a handshake in time" + ignored
        if expect is not None and arrived < expect:
            return f"{arrived} of {expect} expected packets came"
        if self._renewing or phone.caller_error:
            return "the keys were not renewed: " + (phone.caller_error or "the call ended before")
        return None

    def report(self) -> dict:
        last = self.last
        summary = self.media.summary()
        if self.first is not None:
            role = self.first.role
        else:
            role = "callee" if self.options.remote is None else "caller"
        return {
            "role": role,
            "established": last is not None,
            "peer_number": last.peer.number if last else None,
            "peer_key": last.peer.key.hex() if last else None,
            "sas": last.sas if last else None,
            "staple_octets": len(last.staple) if last else 0,
            "staple_sha256": hashlib.sha256(last.staple).hexdigest() if last and last.staple else None,
            "epoch": last.epoch if last else None,
            "suite": last.suite if last else None,
            "handshakes": self.handshakes,
            **summary,
            "error": self._why(summary["packets_received"]),
        }
