import itertools
import random
import struct
import unittest

from callseal_peer import rtcp
from callseal_peer.errors import ProtocolError

CNAME = rtcp.make_cname(bytes(12))
HERE = ("127.0.0.1", 5001)


def fragments(message, cookie=None, tag=b"tagg"):
    return rtcp.build_fragments(message, tag, 0x01020304, CNAME, cookie)


class Layout(unittest.TestCase):
    def test_one_fragment_octet_by_octet(self):
        (datagram,) = fragments(b"abcde")
        expected = bytes.fromhex("80c90001 01020304 81ca0006 01020304 0110") + b"A" * 16 + bytes(2)
        expected += bytes.fromhex("80cc0006 01020304") + b"CSTS" + b"tagg" + bytes.fromhex("00010005") + b"abcde" + bytes(3)
        self.assertEqual(datagram, expected)

    def test_cookie(self):
        (datagram,) = fragments(b"abcd", bytes(range(16)))
        self.assertEqual(datagram[36:40], bytes.fromhex("81cc0009"))
        self.assertEqual(datagram[56:], bytes(range(16)) + b"abcd")
        self.assertEqual(rtcp.find_fragment(datagram).cookie, bytes(range(16)))

    def test_sizes(self):
        sizes = [len(one) for one in fragments(bytes(rtcp.MAX_MESSAGE), bytes(16))]
        self.assertEqual(sizes, [1096] * 20)
        for size in (1, 1023, 1024, 1025, 20480):
            found = [rtcp.find_fragment(one) for one in fragments(bytes(size))]
            self.assertEqual(sum(len(one.octets) for one in found), size)
            self.assertEqual({one.count for one in found}, {-(-size // 1024)})
        for size in (0, 20481):
            with self.assertRaises(ValueError):
                fragments(bytes(size))


class Parsing(unittest.TestCase):
    def setUp(self):
        (self.good,) = fragments(b"abcdefgh")

    def variant(self, at, value):
        octets = bytearray(self.good)
        octets[at] = value
        return bytes(octets)

    def test_ignored(self):
        app = 36
        for at, value in (
            (app, 0x82), (app, 0x84), (app, 0x88), (app, 0x90), (app, 0xA0),  # reserved bits, padding
            (app, 0x81),  # says that there is a cookie
            (app + 16, 1),  # index beyond count
            (app + 17, 0), (app + 17, 2), (app + 17, 21),  # count
            (app + 18, 0x50), (app + 19, 0), (app + 19, 4), (app + 19, 9), (app + 19, 13),  # total
        ):  # fmt: skip
            with self.subTest(at=at, value=value), self.assertRaises(ProtocolError):
                rtcp.find_fragment(self.variant(at, value))

    def test_not_a_handshake(self):
        for datagram in (
            b"",
            self.good[:-1],
            self.good + bytes(3),
            self.good[36:],  # no report in front
            self.variant(0, 0x40),
            self.variant(0, 0xA0),  # padding in front of the last packet
            self.variant(48 - 4, ord("X")),
            rtcp.receiver_report(1),
        ):
            self.assertIsNone(rtcp.find_fragment(datagram))

    def test_padding_octets_have_no_meaning(self):
        (datagram,) = fragments(b"abcde")
        self.assertEqual(rtcp.find_fragment(datagram[:-3] + b"xyz").octets, b"abcde")

    def test_others_around(self):
        front, app = self.good[:8], self.good[36:]
        other = rtcp.packet(rtcp.APP, 3, struct.pack("!I", 1) + b"OTHR" + bytes(8))
        unknown = rtcp.packet(207, 0, bytes(12))
        bye = rtcp.bye(1)
        report = rtcp.sender_report(1, 0.0, 0, 0, 0)
        for datagram in (front + app, report + other + unknown + app + other + bye, front + bye + app):
            self.assertEqual(rtcp.find_fragment(datagram).octets, b"abcdefgh")

    def test_first_one_only(self):
        front, app = self.good[:8], self.good[36:]
        (second,) = fragments(b"another", tag=b"othe")
        self.assertEqual(rtcp.find_fragment(front + app + second[36:]).octets, b"abcdefgh")
        bad = bytearray(app)
        bad[0] |= 0x10
        with self.assertRaises(ProtocolError):
            rtcp.find_fragment(front + bytes(bad) + second[36:])


class Reassembly(unittest.TestCase):
    def setUp(self):
        self.message = random.Random(1).randbytes(3000)
        self.parts = [rtcp.find_fragment(one) for one in fragments(self.message)]

    def test_any_order_with_doubles(self):
        for order in itertools.permutations(range(3)):
            collector, got = rtcp.Reassembler(), []
            for index in order:
                got.append(collector.add(HERE, self.parts[index], 0.0))
                if len(got) < 3:
                    self.assertIsNone(collector.add(HERE, self.parts[index], 0.0))
            self.assertEqual(got, [None, None, self.message])
            self.assertEqual(len(collector), 0)
            for index in order:  # a repetition is collected anew
                last = collector.add(HERE, self.parts[index], 1.0)
            self.assertEqual(last, self.message)

    def test_first_of_two_that_differ(self):
        collector = rtcp.Reassembler()
        forged = rtcp.Fragment(b"tagg", 1, 3, 3000, None, bytes(1024))
        for part in (self.parts[0], forged, self.parts[1]):
            self.assertIsNone(collector.add(HERE, part, 0.0))
        self.assertEqual(collector.add(HERE, self.parts[2], 0.0)[1024:2048], bytes(1024))
        self.assertEqual([collector.add(HERE, part, 0.0) for part in self.parts][-1], self.message)

    def test_what_keeps_collections_apart(self):
        collector = rtcp.Reassembler()
        collector.add(HERE, self.parts[0], 0.0)
        collector.add(HERE, self.parts[1], 0.0)
        other_tag = [rtcp.find_fragment(one) for one in fragments(self.message, tag=b"else")]
        self.assertIsNone(collector.add(HERE, other_tag[2], 0.0))
        self.assertIsNone(collector.add(("127.0.0.1", 5002), self.parts[2], 0.0))
        self.assertEqual(collector.add(HERE, self.parts[2], 0.0), self.message)

    def test_age(self):
        collector = rtcp.Reassembler()
        collector.add(HERE, self.parts[0], 0.0)
        collector.add(HERE, self.parts[1], 9.9)
        self.assertIsNone(collector.add(HERE, self.parts[2], 10.0))
        self.assertEqual(len(collector), 1)

    def test_bounds(self):
        collector = rtcp.Reassembler()
        for port in range(1000):
            for tag in range(20):
                part = rtcp.Fragment(struct.pack("!I", tag), 0, 20, 20480, None, bytes(1024))
                collector.add(("127.0.0.1", port), part, 0.0)
        self.assertLessEqual(len(collector), collector.IN_ALL)
        self.assertLessEqual(collector._octets, collector.OCTETS_IN_ALL)
        collector.expire(10.0)
        self.assertEqual((len(collector), collector._octets), (0, 0))


if __name__ == "__main__":
    unittest.main()
