"""Transcript, key schedule, sealing and signatures (PROTOCOL.md sections 3 and 4)."""

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import ProtocolError
from .messages import HEADER, Identity, Suite

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769"
CALLER, CALLEE = 1, 2


def H(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def u32(value: int) -> bytes:
    return struct.pack("!I", value)


# ---- HKDF-SHA256 (RFC 5869) ------------------------------------------------------------------


def hkdf_extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    if length > 255 * 32:
        raise ValueError("more than HKDF gives")
    out, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + info + bytes((counter,)), "sha256")
        out += block
    return out[:length]


# ---- X25519 (RFC 7748) -----------------------------------------------------------------------


class Ephemeral:
    """A fresh share; the scalar may be given for tests."""

    def __init__(self, scalar: bytes = b"") -> None:
        self._private = X25519PrivateKey.from_private_bytes(scalar or os.urandom(32))
        self.share = self._private.public_key().public_bytes_raw()

    def agree(self, share: bytes) -> bytes:
        if len(share) != 32:
            raise ProtocolError("a share of the wrong length")
        try:
            secret = self._private.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            raise ProtocolError("the X25519 result is all zeros") from None
        if not any(secret):
            raise ProtocolError("the X25519 result is all zeros")
        return secret


# ---- identity keys and signatures --------------------------------------------------------------


def public_key(compressed: bytes) -> ec.EllipticCurvePublicKey:
    if len(compressed) != 33 or compressed[0] not in (2, 3):
        raise ProtocolError("not a compressed secp256k1 point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), compressed)
    except ValueError:
        raise ProtocolError("not a point of secp256k1") from None


class IdentityKey:
    def __init__(self, secret: bytes) -> None:
        value = int.from_bytes(secret, "big")
        if len(secret) != 32 or not 0 < value < CURVE_ORDER:
            raise ProtocolError("not a secp256k1 secret key: 32 octets, from 1 to the group order less 1")
        self._private = ec.derive_private_key(value, ec.SECP256K1())
        self.public = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
        )

    def sign(self, octets: bytes) -> bytes:
        """RFC 6979: the same octets, the same signature. s is brought into the lower half."""
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self._private.sign(octets, algorithm))
        if s > CURVE_ORDER // 2:
            s = CURVE_ORDER - s
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(key: bytes, signature: bytes, octets: bytes) -> None:
    if len(signature) != 64:
        raise ProtocolError("a signature is 64 octets")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not 0 < r < CURVE_ORDER or not 0 < s <= CURVE_ORDER // 2:
        raise ProtocolError("a signature outside its range, or with a high s")
    try:
        public_key(key).verify(encode_dss_signature(r, s), octets, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise ProtocolError("the signature is not good") from None


def signed_by_callee(callee: Identity, th_2: bytes) -> bytes:
    return b"callseal sts v1 signature" + bytes((CALLEE,)) + callee.encode() + th_2


def signed_by_caller(caller: Identity, callee: Identity, th_3: bytes) -> bytes:
    return b"callseal sts v1 signature" + bytes((CALLER,)) + caller.encode() + callee.encode() + th_3


# ---- transcript and schedule -------------------------------------------------------------------


def commitment(reveal: bytes) -> bytes:
    return H(b"callseal sts v1 commit", reveal)


@dataclass(frozen=True)
class Media:
    caller_key: bytes
    caller_salt: bytes
    callee_key: bytes
    callee_salt: bytes


class Schedule:
    """Grows with the transcript: M1 and M2's clear part and Z at first, then the rest."""

    def __init__(self, m1: bytes, m2_clear: bytes, secret: bytes) -> None:
        self.th_1 = H(b"callseal sts v1 th1", u32(len(m1)), m1)
        self.th_2 = H(b"callseal sts v1 th2", self.th_1, u32(len(m2_clear)), m2_clear)
        self.th_3 = b""
        self.th_4 = b""
        self.prk = hkdf_extract(self.th_2, secret)

    def add_m2_sealed(self, sealed: bytes) -> None:
        self.th_3 = H(b"callseal sts v1 th3", self.th_2, u32(len(sealed)), sealed)

    def add_m3(self, m3: bytes) -> None:
        self.th_4 = H(b"callseal sts v1 th4", self.th_3, u32(len(m3)), m3)

    def _expand(self, label: bytes, th: bytes, length: int) -> bytes:
        if not th:
            raise RuntimeError("the transcript is not that far yet")
        return hkdf_expand(self.prk, b"callseal sts v1 " + label + th, length)

    def _box(self, label: bytes, th: bytes):
        octets = self._expand(label, th, 44)
        return octets[:32], octets[32:]

    def box2(self):
        """Key, nonce."""
        return self._box(b"m2", self.th_2)

    def box3(self):
        return self._box(b"m3", self.th_3)

    def box4(self):
        return self._box(b"m4", self.th_4)

    def seal2(self, plain: bytes) -> bytes:
        return _seal(self.box2(), plain, self.th_2)

    def open2(self, sealed: bytes) -> bytes:
        return _open(self.box2(), sealed, self.th_2)

    def seal3(self, header: bytes, plain: bytes) -> bytes:
        return _seal(self.box3(), plain, self.th_3 + header[:HEADER])

    def open3(self, header: bytes, sealed: bytes) -> bytes:
        return _open(self.box3(), sealed, self.th_3 + header[:HEADER])

    def seal4(self, header: bytes, plain: bytes) -> bytes:
        return _seal(self.box4(), plain, self.th_4 + header[:HEADER])

    def open4(self, header: bytes, sealed: bytes) -> bytes:
        return _open(self.box4(), sealed, self.th_4 + header[:HEADER])

    def mac(self, status: int) -> bytes:
        km = self._expand(b"mac", self.th_4, 32)
        return hmac.digest(km, b"callseal sts v1 confirm" + bytes((status,)) + self.th_4, "sha256")

    def media(self, suite: Suite) -> Media:
        octets = self._expand(b"media", self.th_4, 2 * (suite.key + suite.salt))
        half = suite.key + suite.salt
        return Media(
            octets[: suite.key], octets[suite.key : half], octets[half : half + suite.key], octets[half + suite.key :]
        )

    def session_hash(self) -> bytes:
        return H(b"callseal sts v1 session", self.th_4)

    def authentication_string(self, reveal: bytes) -> str:
        return spell(H(b"callseal sts v1 sas", self.th_4, reveal))


def spell(digest: bytes) -> str:
    bits = int.from_bytes(digest[:3], "big") >> 4
    return "".join(ALPHABET[(bits >> shift) & 31] for shift in (15, 10, 5, 0))


def _seal(box, plain: bytes, associated: bytes) -> bytes:
    return AESGCM(box[0]).encrypt(box[1], plain, associated)


def _open(box, sealed: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(box[0]).decrypt(box[1], sealed, associated)
    except InvalidTag:
        raise ProtocolError("the sealed part does not open") from None
