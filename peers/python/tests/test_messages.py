import unittest

from callseal_peer import messages as m
from callseal_peer.errors import ProtocolError

CALLER, CALLEE = b"\1" * 8, b"\2" * 8
SHARE = (1, b"s" * 32)
WHO = m.Identity("+4930123456", b"\x02" + b"k" * 32)


def m1(**changes):
    fields = dict(caller_session=CALLER, suites=(1, 2), shares=(SHARE,))
    return m.Message1(**{**fields, **changes})


class First(unittest.TestCase):
    def test_there_and_back(self):
        for one in (
            m1(),
            m1(epoch_in_use=7, previous=b"p" * 32),
            m1(suites=(9, 1, 3), shares=((2, b""), SHARE, (77, b"x" * 900)), extensions=((5, b"five"), (6, b""))),
        ):
            self.assertEqual(m.decode_m1(one.encode()), one)

    def test_octets(self):
        expected = b"\x01\x01" + CALLER + bytes(8) + bytes.fromhex("02 0001 0002 01 0001 0020") + SHARE[1] + bytes(4)
        self.assertEqual(m1().encode(), expected)
        self.assertEqual(len(expected), 64)

    def test_refused(self):
        for one in (
            m1(caller_session=bytes(8)),
            m1(suites=()),
            m1(suites=tuple(range(1, 18))),
            m1(suites=(1, 1)),
            m1(shares=()),
            m1(shares=(SHARE, SHARE)),
            m1(shares=tuple((group, b"s" * 32) for group in range(1, 6))),
            m1(shares=((1, b"s" * 31),)),
            m1(shares=((2, b"s" * 32),)),
            m1(previous=b"p" * 31),
            m1(extensions=((5, b""), (5, b""))),
        ):
            with self.subTest(one=one), self.assertRaises(ProtocolError):
                m.decode_m1(one.encode())

    def test_header(self):
        good = m1().encode()
        for at, value in ((0, 0), (0, 2), (1, 0), (1, 2), (1, 6), (10, 1)):
            bad = bytearray(good)
            bad[at] = value
            with self.assertRaises(ProtocolError):
                m.decode_m1(bytes(bad))

    def test_extensions_fill_their_length(self):
        good = m1().encode()
        for tail in ("0001 00", "0003 000500", "0004 0005 0001", "0005 0005 0000 00"):
            with self.assertRaises(ProtocolError):
                m.decode_m1(good[:-2] + bytes.fromhex(tail))


class Lengths(unittest.TestCase):
    """Every message is exactly as long as its fields say."""

    def check(self, octets, decode):
        decode(octets)
        for cut in range(len(octets)):
            with self.assertRaises(ProtocolError):
                decode(octets[:cut])
        with self.assertRaises(ProtocolError):
            decode(octets + b"\0")

    def test_closed_ones(self):
        self.check(m1(previous=b"p" * 32, extensions=((1, b"one"),)).encode(), m.decode_m1)
        self.check(m.Inside2(WHO, b"s" * 64).encode(), m.decode_inside2)
        self.check(m.Inside3(WHO, WHO, b"n" * 32, b"s" * 64).encode(), m.decode_inside3)
        self.check(m.Inside4(0, b"m" * 32, b"r" * 32).encode(), m.decode_inside4)
        self.check(m.encode_challenge(CALLER, b"c" * 16), m.decode_challenge)

    def test_sealed_ones(self):
        header = m.Header(m.M2, CALLER, CALLEE)
        clear = m.encode_m2_clear(header, 1, 1, b"c" * 32, b"s" * 32)
        self.assertEqual(len(clear), 87)
        for cut in range(len(clear) + 16):
            with self.assertRaises(ProtocolError):
                m.decode_m2((clear + bytes(16))[:cut])
        m2 = m.decode_m2(clear + b"x" * 40)
        self.assertEqual((m2.header, m2.suite, m2.epoch, m2.commitment), (header, 1, 1, b"c" * 32))
        self.assertEqual((m2.share, m2.clear, m2.sealed), (b"s" * 32, clear, b"x" * 40))
        with self.assertRaises(ProtocolError):
            m.decode_m2(m.encode_m2_clear(header, 1, 0, b"c" * 32, b"s" * 32) + bytes(16))

    def test_callee_session(self):
        for kind in (m.M2, m.M3, m.M4):
            with self.assertRaises(ProtocolError):
                m.read_header(m.Header(kind, CALLER, bytes(8)).encode())
        with self.assertRaises(ProtocolError):
            m.read_header(m.Header(m.CHALLENGE, CALLER, CALLEE).encode())


class Numbers(unittest.TestCase):
    def test_good(self):
        for number in ("+49", "+123456789012345", WHO.number):
            self.assertEqual(m.check_number(number), number)

    def test_bad(self):
        for number in ("", "+", "+4", "+0123", "+1234567890123456", "4930", "+49 30", "+49a", "+4²", "+٤٩٣٠", "++49"):
            with self.subTest(number=number), self.assertRaises(ProtocolError):
                m.check_number(number)

    def test_in_octets(self):
        for raw in (b"\x03\xff49", b"\x00", b"\x0449\0\0", b"\x03+04", b"\xff+49"):
            with self.assertRaises(ProtocolError):
                m.read_identity(m.Reader(raw + WHO.key))
        with self.assertRaises(ProtocolError):
            m.read_identity(m.Reader(b"\x03+49\x04" + b"k" * 32))


if __name__ == "__main__":
    unittest.main()
