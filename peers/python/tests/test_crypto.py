"""The published vectors of what the protocol is built of, and the rules about signatures."""

import hashlib
import unittest

from callseal_peer import keys, srtp
from callseal_peer.errors import ProtocolError

from .net import ANNA, BERT, local

x = bytes.fromhex


class Rfc7748(unittest.TestCase):
    def test_section_6_1(self):
        alice = keys.Ephemeral(x("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
        bob = keys.Ephemeral(x("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
        self.assertEqual(alice.share, x("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"))
        self.assertEqual(bob.share, x("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))
        secret = x("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        self.assertEqual((alice.agree(bob.share), bob.agree(alice.share)), (secret, secret))

    def test_section_5_2_iterated(self):
        k = u = bytes([9]) + bytes(31)
        for _ in range(1000):
            k, u = keys.Ephemeral(k).agree(u), k
        self.assertEqual(k, x("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"))

    def test_all_zeros_refused(self):
        for point in (bytes(32), bytes([1]) + bytes(31)):
            with self.assertRaises(ProtocolError):
                keys.Ephemeral().agree(point)


class Rfc5869(unittest.TestCase):
    def test_case_1(self):
        prk = keys.hkdf_extract(bytes(range(13)), b"\x0b" * 22)
        self.assertEqual(prk, x("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"))
        okm = x("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
        self.assertEqual(keys.hkdf_expand(prk, bytes(range(0xF0, 0xFA)), 42), okm)

    def test_case_3_no_salt(self):
        prk = keys.hkdf_extract(b"", b"\x0b" * 22)
        self.assertEqual(prk, x("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"))


class Rfc3711(unittest.TestCase):
    def test_b_2_keystream(self):
        key, salt = x("2B7E151628AED2A6ABF7158809CF4F3C"), x("F0F1F2F3F4F5F6F7F8F9FAFBFCFD")
        stream = srtp.counter_mode(key, srtp.packet_iv(salt, 0, 0), bytes(16 * 0xFF02))
        self.assertEqual(
            stream[:48],
            x("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0"),
        )
        self.assertEqual(
            stream[16 * 0xFEFF :],
            x("EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44"),
        )

    def test_b_3_key_derivation(self):
        key, salt = x("E1F97A0D3E018BE0D64FA32C06DE4139"), x("0EC675AD498AFEEBB6960B3AABE6")
        self.assertEqual(srtp.derive(key, salt, 0, 16), x("C61E7A93744F39EE10734AFE3FF7A087"))
        self.assertEqual(srtp.derive(key, salt, 2, 14), x("30CBBC08863D8C85D49DB34A9AE1"))
        self.assertEqual(
            srtp.derive(key, salt, 1, 94),
            x(
                "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE"
                "E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25"
                "6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2"
            ),
        )


class Signatures(unittest.TestCase):
    def setUp(self):
        self.key = local(ANNA).key

    def test_low_s_always(self):
        for number in range(40):
            signature = self.key.sign(bytes([number]))
            self.assertLessEqual(int.from_bytes(signature[32:], "big"), keys.CURVE_ORDER // 2)
            keys.verify(self.key.public, signature, bytes([number]))

    def test_high_s_refused(self):
        signature = self.key.sign(b"octets")
        high = keys.CURVE_ORDER - int.from_bytes(signature[32:], "big")
        with self.assertRaises(ProtocolError):
            keys.verify(self.key.public, signature[:32] + high.to_bytes(32, "big"), b"octets")

    def test_out_of_range_refused(self):
        signature = self.key.sign(b"octets")
        for r, s in ((0, 1), (1, 0), (keys.CURVE_ORDER, 1), (2**256 - 1, 1), (1, 2**256 - 1)):
            with self.assertRaises(ProtocolError):
                keys.verify(self.key.public, r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"octets")
        for bad in (b"", signature[:-1], signature + b"\0"):
            with self.assertRaises(ProtocolError):
                keys.verify(self.key.public, bad, b"octets")

    def test_other_octets_or_key_refused(self):
        signature = self.key.sign(b"octets")
        for public, octets in ((self.key.public, b"octet"), (local(BERT).key.public, b"octets")):
            with self.assertRaises(ProtocolError):
                keys.verify(public, signature, octets)

    def test_points(self):
        generator = x("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
        self.assertEqual(keys.IdentityKey(bytes(31) + b"\x01").public, generator)
        uncompressed = keys.public_key(generator).public_numbers()
        self.assertEqual(uncompressed.y & 1, 0)
        for bad in (
            b"",
            generator[:-1],
            generator + b"\0",
            b"\x04" + generator[1:],
            b"\x00" + generator[1:],
            b"\x02" + bytes(31) + b"\x05",  # no such x on the curve
            b"\x02" + b"\xff" * 32,
        ):
            with self.assertRaises(ProtocolError):
                keys.public_key(bad)

    def test_secrets(self):
        for bad in (bytes(32), b"\xff" * 32, keys.CURVE_ORDER.to_bytes(32, "big"), b"\x01" * 31, b"\x01" * 33):
            with self.assertRaises(ProtocolError):
                keys.IdentityKey(bad)


class AuthenticationString(unittest.TestCase):
    def test_spelling(self):
        self.assertEqual(keys.spell(bytes(32)), "yyyy")
        self.assertEqual(keys.spell(b"\xff" * 32), "9999")
        self.assertEqual(keys.spell(x("08864f")), "bndr")

    def test_first_20_bits_count(self):
        digest = bytearray(hashlib.sha256(b"").digest())
        before = keys.spell(bytes(digest))
        digest[2] ^= 0x0F
        self.assertEqual(keys.spell(bytes(digest)), before)
        digest[2] ^= 0x10
        self.assertNotEqual(keys.spell(bytes(digest)), before)


if __name__ == "__main__":
    unittest.main()
