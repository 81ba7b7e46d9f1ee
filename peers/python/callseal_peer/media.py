"""The media of one call: deterministic PCMU packets out, what came in, and RTCP about both."""

import hashlib
import struct
import time
from typing import Dict, List, Optional, Tuple

from . import rtcp, srtp
from .messages import SUITES
from .session import OLD_EPOCH, UNHEARD_EPOCH, Established, Random

PCMU, SAMPLES, INTERVAL = 0, 160, 0.02
REPORT_INTERVAL = 1.0
MAX_RECEIVED = 1_000_000


def payload(sequence: int) -> bytes:
    """160 octets: SHA-256("callseal payload" || u32(sequence) || u8(block)) for block 0 to 4."""
    return b"".join(
        hashlib.sha256(b"callseal payload" + struct.pack("!IB", sequence & 0xFFFF, block)).digest() for block in range(5)
    )


class Media:
    def __init__(self, count: int, cname: bytes, random: Random) -> None:
        self.count = count
        self.sent = 0
        self.auth_failures = 0
        self.replayed = 0
        self.heard = False
        self.epoch_heard = 0
        self.bye = False
        self.rtp_source: Optional[Tuple[str, int]] = None
        self.received: Dict[Tuple[int, int, int], bytes] = {}  # generation, index, SSRC
        self._cname = cname
        self._random = random
        self._new_stream()
        self._sender = srtp.Sender()
        self._receiver = srtp.Receiver()
        self._to_send_with: Optional[Tuple[srtp.Keys, bool]] = None  # once the caller has them too
        self._unseen: Optional[int] = None  # the new epoch, as long as the other side has not used it
        self._sent_hash = hashlib.sha256()
        self._next = float("inf")
        self._next_report = float("inf")

    # ---- keys ----

    def use(self, established: Established, now: float) -> None:
        suite, epoch, goes_on = SUITES[established.suite], established.epoch, established.goes_on
        self._receiver.use(srtp.Keys(suite, epoch, *established.incoming()), goes_on)
        self._to_send_with = (srtp.Keys(suite, epoch, *established.outgoing()), goes_on)
        first = self._next_report == float("inf")
        if first:
            self._next = self._next_report = now
        self._unseen = epoch
        if established.role == "caller":
            self._receiver.retire_others(epoch, now + UNHEARD_EPOCH)
            self._next_report = now  # the callee waits to hear us
        if first or established.role == "caller" or not (goes_on or established.previous):
            self._send_with_new_keys(first)

    def _new_stream(self) -> None:
        self._ssrc = int.from_bytes(self._random(4), "big")
        self._sequence = int.from_bytes(self._random(2), "big") & 0x7FFF
        self._timestamp = int.from_bytes(self._random(4), "big")

    def _send_with_new_keys(self, first: bool = False) -> None:
        keys, goes_on = self._to_send_with
        self._to_send_with = None
        self._sender.use(keys, goes_on)
        if not goes_on and not first:
            self._new_stream()

    def _heard_under(self, epoch: int, now: float) -> None:
        self.heard = True
        self.epoch_heard = epoch
        if self._unseen == epoch:  # the other side uses the new keys
            self._unseen = None
            self._receiver.retire_others(epoch, now + OLD_EPOCH)
            if self._to_send_with is not None:
                self._send_with_new_keys()

    def knows(self, packet: bytes, is_rtcp: bool) -> bool:
        return self._receiver.knows(packet, is_rtcp)

    # ---- out ----

    @property
    def all_sent(self) -> bool:
        return self.sent >= self.count

    def deadline(self) -> float:
        return self._next_report if self.all_sent else min(self._next, self._next_report)

    def due(self, now: float) -> Tuple[List[bytes], List[bytes]]:
        """SRTP and SRTCP packets to send now."""
        self._receiver.expire(now)
        media, reports = [], []
        while not self.all_sent and now >= self._next:
            body = payload(self._sequence)
            media.append(
                self._sender.rtp(srtp.rtp_packet(self._sequence, self._timestamp, self._ssrc, PCMU, body))
            )
            self._sent_hash.update(body)
            self.sent += 1
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._timestamp += SAMPLES
            self._next += INTERVAL
        if now >= self._next_report:
            self._next_report = now + REPORT_INTERVAL
            reports.append(self._sender.rtcp(self._report()))
        return media, reports

    def farewell(self) -> bytes:
        return self._sender.rtcp(self._report() + rtcp.bye(self._ssrc))

    def _report(self) -> bytes:
        if self.sent:
            front = rtcp.sender_report(self._ssrc, time.time(), self._timestamp, self.sent, self.sent * SAMPLES)
        else:
            front = rtcp.receiver_report(self._ssrc)
        return front + rtcp.cname_packet(self._ssrc, self._cname)

    # ---- in ----

    def receive(self, packet: bytes, is_rtcp: bool, source: Tuple[str, int], now: float) -> None:
        try:
            if is_rtcp:
                epoch, plain = self._receiver.rtcp(packet)
                self._heard_under(epoch, now)
                self.bye |= any(one.kind == rtcp.BYE for one in rtcp.split(plain))
            else:
                epoch, generation, index, plain = self._receiver.rtp(packet)
                self._heard_under(epoch, now)
                if self.rtp_source is None:
                    self.rtp_source = source
                if len(self.received) < MAX_RECEIVED:
                    ssrc = struct.unpack_from("!I", plain, 8)[0]
                    self.received[generation, index, ssrc] = srtp.rtp_payload(plain)
        except srtp.ReplayError:
            self.replayed += 1
        except srtp.AuthenticationError:
            self.auth_failures += 1
        except ValueError:
            pass  # authentic, but not RTP or RTCP as we know it

    def summary(self) -> dict:
        names = sorted(self.received)
        digest = hashlib.sha256()
        for name in names:
            digest.update(self.received[name])
        return {
            "packets_sent": self.sent,
            "packets_received": len(names),
            "auth_failures": self.auth_failures,
            "replayed": self.replayed,
            "payload_sha256": digest.hexdigest() if names else None,
            "sent_payload_sha256": self._sent_hash.hexdigest() if self.sent else None,
            "received_seqs": [names[0][1] & 0xFFFF, names[-1][1] & 0xFFFF] if names else None,
        }
