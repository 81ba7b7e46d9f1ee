"""SRTP and SRTCP (RFC 3711) with AES in counter mode, HMAC-SHA1 and a master key identifier of one octet.

The MKI is the epoch of the handshake that gave the keys. SRTCP is always encrypted; its tag is ten octets in
both suites (RFC 4568 section 6.2).
"""

import hmac
import struct
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .errors import ProtocolError
from .messages import Suite

RTP_ENCRYPTION, RTP_AUTHENTICATION, RTP_SALT, RTCP_ENCRYPTION, RTCP_AUTHENTICATION, RTCP_SALT = range(6)
AUTH_KEY = 20
MKI = 1
E_FLAG = 0x80000000
MAX_STREAMS = 64


class AuthenticationError(ProtocolError):
    """The tag does not fit, or there is no key for the packet's epoch."""


class ReplayError(ProtocolError):
    """A packet that came before, or is too old to tell."""


def counter_mode(key: bytes, iv: int, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv.to_bytes(16, "big"))).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def derive(master_key: bytes, master_salt: bytes, label: int, length: int) -> bytes:
    """RFC 3711 section 4.3 with a key derivation rate of 0."""
    x = int.from_bytes(master_salt, "big") ^ (label << 48)
    return counter_mode(master_key, x << 16, bytes(length))


def packet_iv(salt: bytes, ssrc: int, index: int) -> int:
    return (int.from_bytes(salt, "big") << 16) ^ (ssrc << 64) ^ (index << 16)


def rtp_header_length(packet: bytes) -> int:
    if len(packet) < 12 or packet[0] >> 6 != 2:
        raise ProtocolError("not an RTP packet")
    length = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if len(packet) < length + 4:
            raise ProtocolError("RTP header extension cut short")
        length += 4 + 4 * struct.unpack_from("!H", packet, length + 2)[0]
    if len(packet) < length:
        raise ProtocolError("RTP header cut short")
    return length


class ReplayWindow:
    SIZE = 128

    def __init__(self) -> None:
        self._top = -1
        self._seen = 0  # bit n: top - n

    def check(self, index: int) -> None:
        behind = self._top - index
        if behind >= self.SIZE or (behind >= 0 and self._seen >> behind & 1):
            raise ReplayError("replayed")

    def add(self, index: int) -> None:
        if index > self._top:
            self._seen = (self._seen << min(index - self._top, self.SIZE) | 1) & ((1 << self.SIZE) - 1)
            self._top = index
        else:
            self._seen |= 1 << (self._top - index)


class Rollover:
    """The sender's index of one SSRC as a receiver estimates it (RFC 3711 section 3.3.1 and appendix A)."""

    def __init__(self) -> None:
        self._top: Optional[int] = None  # highest index that was authentic

    def estimate(self, sequence: int) -> int:
        if self._top is None:
            return sequence
        roc, last = self._top >> 16, self._top & 0xFFFF
        if last < 0x8000:
            if sequence - last > 0x8000 and roc > 0:
                roc -= 1
        elif last - 0x8000 > sequence:
            roc += 1
        return (roc & 0xFFFFFFFF) << 16 | sequence

    def authentic(self, index: int) -> None:
        if self._top is None or index > self._top:
            self._top = index


@dataclass(frozen=True)
class SessionKeys:
    encryption: bytes
    authentication: bytes
    salt: bytes


class Keys:
    """What one master key of one epoch gives, for one direction."""

    def __init__(self, suite: Suite, epoch: int, master_key: bytes, master_salt: bytes) -> None:
        def session(first_label: int) -> SessionKeys:
            return SessionKeys(
                derive(master_key, master_salt, first_label, suite.key),
                derive(master_key, master_salt, first_label + 1, AUTH_KEY),
                derive(master_key, master_salt, first_label + 2, suite.salt),
            )

        self.suite = suite
        self.epoch = epoch
        self.rtp = session(RTP_ENCRYPTION)
        self.rtcp = session(RTCP_ENCRYPTION)

    # ---- one packet, index known ----

    def protect_rtp(self, packet: bytes, index: int) -> bytes:
        start = rtp_header_length(packet)
        ssrc = struct.unpack_from("!I", packet, 8)[0]
        body = packet[:start] + counter_mode(
            self.rtp.encryption, packet_iv(self.rtp.salt, ssrc, index), packet[start:]
        )
        return body + bytes((self.epoch,)) + self._rtp_tag(body, index)

    def unprotect_rtp(self, packet: bytes, index: int) -> bytes:
        cut = len(packet) - self.suite.rtp_tag - MKI
        body, tag = packet[:cut], packet[cut + MKI :]
        if not hmac.compare_digest(tag, self._rtp_tag(body, index)):
            raise AuthenticationError("the SRTP tag is not good")
        start = rtp_header_length(body)
        ssrc = struct.unpack_from("!I", body, 8)[0]
        return body[:start] + counter_mode(
            self.rtp.encryption, packet_iv(self.rtp.salt, ssrc, index), body[start:]
        )

    def _rtp_tag(self, body: bytes, index: int) -> bytes:
        roc = struct.pack("!I", index >> 16)
        return hmac.digest(self.rtp.authentication, body + roc, "sha1")[: self.suite.rtp_tag]

    def protect_rtcp(self, packet: bytes, index: int) -> bytes:
        ssrc = struct.unpack_from("!I", packet, 4)[0]
        body = packet[:8] + counter_mode(self.rtcp.encryption, packet_iv(self.rtcp.salt, ssrc, index), packet[8:])
        body += struct.pack("!I", E_FLAG | index)
        return body + bytes((self.epoch,)) + self._rtcp_tag(body)

    def unprotect_rtcp(self, packet: bytes) -> Tuple[int, bytes]:
        """Index, plain packet."""
        cut = len(packet) - self.suite.rtcp_tag - MKI
        if cut < 12:
            raise AuthenticationError("too short for SRTCP")
        body, tag = packet[:cut], packet[cut + MKI :]
        if not hmac.compare_digest(tag, self._rtcp_tag(body)):
            raise AuthenticationError("the SRTCP tag is not good")
        word = struct.unpack_from("!I", body, cut - 4)[0]
        if not word & E_FLAG:
            raise AuthenticationError("SRTCP that is not encrypted")
        index, ssrc = word & ~E_FLAG, struct.unpack_from("!I", body, 4)[0]
        plain = counter_mode(self.rtcp.encryption, packet_iv(self.rtcp.salt, ssrc, index), body[8:-4])
        return index, body[:8] + plain

    def _rtcp_tag(self, body: bytes) -> bytes:
        return hmac.digest(self.rtcp.authentication, body, "sha1")[: self.suite.rtcp_tag]


class Sender:
    """Protects what one side sends. ROC and SRTCP index go on across epochs, or start over."""

    def __init__(self) -> None:
        self._keys: Optional[Keys] = None
        self._rtp: Dict[int, int] = {}  # SSRC: highest index sent
        self._rtcp_index = 0

    def use(self, keys: Keys, goes_on: bool = True) -> None:
        self._keys = keys
        if not goes_on:
            self._rtp.clear()
            self._rtcp_index = 0

    def rtp(self, packet: bytes) -> bytes:
        ssrc, sequence = struct.unpack_from("!I", packet, 8)[0], struct.unpack_from("!H", packet, 2)[0]
        last = self._rtp.get(ssrc)
        index = sequence if last is None else last + 1
        if index & 0xFFFF != sequence or index >> 48:
            raise ValueError("an RTP stream is sent in order, and not beyond its key's life")
        self._rtp[ssrc] = index
        return self._keys.protect_rtp(packet, index)

    def rtcp(self, packet: bytes) -> bytes:
        index, self._rtcp_index = self._rtcp_index, self._rtcp_index + 1
        if index >> 31:
            raise ValueError("beyond the life of an SRTCP key")
        return self._keys.protect_rtcp(packet, index)


class Receiver:
    """Opens what the other side sends, under every epoch that is alive."""

    def __init__(self) -> None:
        self._keys: Dict[int, Tuple[Keys, float, int]] = {}  # epoch: keys, until when, generation
        self._heard: Optional[int] = None  # the epoch of the last packet that opened
        self._generation = 0  # how often the counters have started over
        self._rollover: Dict[Tuple[int, int], Rollover] = {}  # generation, SSRC
        self._windows: Dict[Tuple[str, int, int], ReplayWindow] = {}  # kind, epoch, SSRC

    def use(self, keys: Keys, goes_on: bool = True) -> None:
        """From now on these too. Of the others the last one that was heard lives on, until `retire_others`."""
        for epoch in list(self._keys):
            if epoch == keys.epoch or (self._heard in self._keys and epoch != self._heard):
                self._drop(epoch)
        if not goes_on:
            self._generation += 1
        self._keys[keys.epoch] = (keys, float("inf"), self._generation)

    def retire_others(self, epoch: int, until: float) -> None:
        for other, (old, at, generation) in list(self._keys.items()):
            if other != epoch:
                self._keys[other] = (old, min(at, until), generation)

    def expire(self, now: float) -> None:
        for epoch in [epoch for epoch, (_, until, _) in self._keys.items() if now >= until]:
            self._drop(epoch)

    def _drop(self, epoch: int) -> None:
        self._keys.pop(epoch, None)
        for name in [name for name in self._windows if name[1] == epoch]:
            del self._windows[name]

    def knows(self, packet: bytes, is_rtcp: bool) -> bool:
        return bool(self._candidates(packet, is_rtcp))

    def _candidates(self, packet: bytes, is_rtcp: bool) -> List[Tuple[Keys, int]]:
        """The keys that the packet's MKI may mean: where it stands depends on the length of the epoch's tag."""
        found = []
        for epoch, (keys, _, generation) in self._keys.items():
            at = len(packet) - (keys.suite.rtcp_tag if is_rtcp else keys.suite.rtp_tag) - MKI
            if at >= 12 and packet[at] == epoch:
                found.append((keys, generation))
        return found

    def _window(self, kind: str, epoch: int, ssrc: int) -> ReplayWindow:
        return self._windows.get((kind, epoch, ssrc)) or ReplayWindow()

    def _keep(self, kind: str, epoch: int, ssrc: int, window: ReplayWindow) -> None:
        name = (kind, epoch, ssrc)
        if name not in self._windows and len(self._windows) >= 4 * MAX_STREAMS:
            raise ProtocolError("more streams than we keep")
        self._windows[name] = window

    def rtp(self, packet: bytes) -> Tuple[int, int, int, bytes]:
        """Epoch, generation, index, plain packet."""
        for keys, generation in self._candidates(packet, False):
            sequence, ssrc = struct.unpack_from("!H", packet, 2)[0], struct.unpack_from("!I", packet, 8)[0]
            rollover = self._rollover.get((generation, ssrc)) or Rollover()
            index = rollover.estimate(sequence)
            try:
                plain = keys.unprotect_rtp(packet, index)
            except AuthenticationError:
                continue
            window = self._window("rtp", keys.epoch, ssrc)
            window.check(index)
            self._keep("rtp", keys.epoch, ssrc, window)
            window.add(index)
            rollover.authentic(index)
            self._rollover[generation, ssrc] = rollover
            self._heard = keys.epoch
            return keys.epoch, generation, index, plain
        raise AuthenticationError("no key opens this packet")

    def rtcp(self, packet: bytes) -> Tuple[int, bytes]:
        """Epoch, plain packet."""
        for keys, _ in self._candidates(packet, True):
            try:
                index, plain = keys.unprotect_rtcp(packet)
            except AuthenticationError:
                continue
            ssrc = struct.unpack_from("!I", plain, 4)[0]
            window = self._window("rtcp", keys.epoch, ssrc)
            window.check(index)
            self._keep("rtcp", keys.epoch, ssrc, window)
            window.add(index)
            self._heard = keys.epoch
            return keys.epoch, plain
        raise AuthenticationError("no key opens this packet")


def rtp_packet(sequence: int, timestamp: int, ssrc: int, payload_type: int, payload: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def rtp_payload(packet: bytes) -> bytes:
    payload = packet[rtp_header_length(packet) :]
    if packet[0] & 0x20:
        padding = payload[-1] if payload else 0
        if not 1 <= padding <= len(payload):
            raise ProtocolError("RTP padding that does not fit")
        payload = payload[:-padding]
    return payload
