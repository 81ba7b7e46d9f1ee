import random
import struct
import unittest

from callseal_peer import rtcp, srtp
from callseal_peer.errors import ProtocolError
from callseal_peer.messages import SUITES

KEY, SALT = bytes(range(16)), bytes(range(14))


def made(suite=1, epoch=1, key=KEY):
    return srtp.Keys(SUITES[suite], epoch, key, SALT)


def ends(suite=1):
    sender, receiver = srtp.Sender(), srtp.Receiver()
    sender.use(made(suite))
    receiver.use(made(suite))
    return sender, receiver


def rtp(sequence, payload=b"payload", ssrc=7):
    return srtp.rtp_packet(sequence, 160 * sequence, ssrc, 0, payload)


REPORT = rtcp.receiver_report(7) + rtcp.cname_packet(7, b"A" * 16) + rtcp.bye(7)


class Reference(unittest.TestCase):
    """The packets that libsrtp's own test compares with; it uses no MKI, so ours is left out."""

    def setUp(self):
        key, salt = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139"), bytes.fromhex("0ec675ad498afeebb6960b3aabe6")
        self.keys = srtp.Keys(SUITES[1], 9, key, salt)

    def test_srtp(self):
        packet = bytes.fromhex("800f1234decafbadcafebabe") + b"\xab" * 16
        sealed = self.keys.protect_rtp(packet, 0x1234)
        self.assertEqual(sealed[-11], 9)
        expected = "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
        self.assertEqual((sealed[:-11] + sealed[-10:]).hex(), expected)

    def test_srtcp(self):
        packet = bytes.fromhex("81c8000bcafebabe") + b"\xab" * 16
        sealed = self.keys.protect_rtcp(packet, 1)
        self.assertEqual(sealed[-11], 9)
        expected = "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"
        self.assertEqual((sealed[:-11] + sealed[-10:]).hex(), expected)


class Packets(unittest.TestCase):
    def test_there_and_back(self):
        for suite, rtp_more in ((1, 11), (2, 5)):
            sender, receiver = ends(suite)
            for sequence in range(100, 110):
                sealed = sender.rtp(rtp(sequence))
                self.assertEqual(len(sealed), len(rtp(sequence)) + rtp_more)
                self.assertEqual(sealed[:12], rtp(sequence)[:12])
                self.assertEqual(sealed[19], 1)
                self.assertEqual(receiver.rtp(sealed), (1, 0, sequence, rtp(sequence)))
                control = sender.rtcp(REPORT)
                self.assertEqual(len(control), len(REPORT) + 15)
                self.assertEqual(control[:8], REPORT[:8])
                self.assertEqual(control[-15:-11], struct.pack("!I", 0x80000000 | sequence - 100))
                self.assertEqual(receiver.rtcp(control), (1, REPORT))

    def test_header_extension_and_contributors_stay_clear(self):
        packet = struct.pack("!BBHIIII", 0x92, 0, 1, 0, 7, 8, 9) + bytes.fromhex("bede0001 11223344") + b"secret"
        sender, receiver = ends()
        sealed = sender.rtp(packet)
        self.assertEqual(sealed[:28], packet[:28])
        self.assertNotEqual(sealed[28:34], b"secret")
        self.assertEqual(srtp.rtp_payload(receiver.rtp(sealed)[3]), b"secret")

    def test_every_bit_counts(self):
        for kind in ("rtp", "rtcp"):
            sender, _ = ends()
            sealed = sender.rtp(rtp(1)) if kind == "rtp" else sender.rtcp(REPORT)
            for bit in range(8 * len(sealed)):
                octets = bytearray(sealed)
                octets[bit // 8] ^= 1 << bit % 8
                _, receiver = ends()
                with self.assertRaises(srtp.AuthenticationError):
                    getattr(receiver, kind)(bytes(octets))

    def test_cut_short(self):
        sender, receiver = ends()
        for kind, sealed in (("rtp", sender.rtp(rtp(1))), ("rtcp", sender.rtcp(REPORT))):
            for cut in range(len(sealed)):
                with self.assertRaises(ProtocolError):
                    getattr(receiver, kind)(sealed[:cut])

    def test_unencrypted_rtcp_refused(self):
        one = made()
        body = REPORT + struct.pack("!I", 5)
        with self.assertRaises(srtp.AuthenticationError):
            one.unprotect_rtcp(body + b"\x01" + one._rtcp_tag(body))

    def test_noise(self):
        noise, (_, receiver) = random.Random(3), ends()
        for _ in range(3000):
            packet = noise.randbytes(noise.randrange(80))
            for kind in (receiver.rtp, receiver.rtcp):
                with self.assertRaises(ProtocolError):
                    kind(packet)


class Order(unittest.TestCase):
    def test_replays(self):
        sender, receiver = ends()
        sealed = [sender.rtp(rtp(sequence)) for sequence in range(300)]
        for index in (5, 3, 4, 290, 200):
            receiver.rtp(sealed[index])
        for index in (5, 3, 4, 290, 200, 0, 162):  # twice, or too old
            with self.assertRaises(srtp.ReplayError):
                receiver.rtp(sealed[index])
        self.assertEqual(receiver.rtp(sealed[163])[2], 163)
        control = sender.rtcp(REPORT)
        receiver.rtcp(control)
        with self.assertRaises(srtp.ReplayError):
            receiver.rtcp(control)

    def test_rollover_with_reordering(self):
        sender, receiver = ends()
        sealed = [sender.rtp(rtp(sequence & 0xFFFF)) for sequence in range(0xFFF0, 0x10010)]
        for at in range(0, len(sealed), 2):
            for one in (at + 1, at):
                self.assertEqual(receiver.rtp(sealed[one])[2], 0xFFF0 + one)

    def test_a_forgery_does_not_move_the_index(self):
        sender, receiver = ends()
        receiver.rtp(sender.rtp(rtp(10)))
        with self.assertRaises(srtp.AuthenticationError):
            receiver.rtp(made(key=bytes(16)).protect_rtp(rtp(0x9000), 0x9000))
        self.assertEqual(receiver.rtp(sender.rtp(rtp(11)))[2], 11)

    def test_sender_goes_on_in_order(self):
        sender, _ = ends()
        sender.rtp(rtp(10))
        for sequence in (10, 9, 12):
            with self.assertRaises(ValueError):
                sender.rtp(rtp(sequence))

    def test_streams_apart(self):
        sender, receiver = ends()
        for ssrc in (1, 2, 3):
            self.assertEqual(receiver.rtp(sender.rtp(rtp(50, ssrc=ssrc)))[2], 50)


class Epochs(unittest.TestCase):
    def test_change(self):
        for suite in (1, 2):
            sender, receiver = ends()
            old = [sender.rtp(rtp(0xFFFE)), sender.rtp(rtp(0xFFFF))]
            receiver.rtp(old[0])
            receiver.use(made(suite, 2, b"n" * 16))
            receiver.retire_others(2, 110.0)
            sender.use(made(suite, 2, b"n" * 16))
            self.assertEqual(receiver.rtp(sender.rtp(rtp(0)))[2], 0x10000)
            receiver.expire(109.9)
            self.assertEqual(receiver.rtp(old[1])[2], 0xFFFF)
            receiver.expire(110.0)
            with self.assertRaises(srtp.AuthenticationError):
                receiver.rtp(old[1])
            self.assertEqual(receiver.rtp(sender.rtp(rtp(1)))[2], 0x10001)

    def test_never_more_than_two(self):
        """The caller never got the keys of epoch 2; then epoch 3 comes."""
        sender, receiver = ends()
        receiver.rtp(sender.rtp(rtp(1)))
        for epoch in (2, 3):
            receiver.use(made(1, epoch, bytes([epoch]) * 16))
        self.assertEqual(set(receiver._keys), {1, 3})
        receiver.rtp(sender.rtp(rtp(2)))
        sender.use(made(1, 3, b"\3" * 16))
        receiver.rtp(sender.rtp(rtp(3)))
        receiver.use(made(1, 4))
        self.assertEqual(set(receiver._keys), {3, 4})

    def test_starting_over(self):
        """A handshake without `previous`, or with another suite: the counters begin anew under the new epoch."""
        sender, receiver = ends()
        old = [sender.rtp(rtp(sequence & 0xFFFF)) for sequence in range(0xFFFE, 0x10003)]
        for one in old[:-1]:
            receiver.rtp(one)
        sender.rtcp(REPORT)
        receiver.use(made(2, 2, b"n" * 16), False)
        sender.use(made(2, 2, b"n" * 16), False)
        self.assertEqual(receiver.rtp(sender.rtp(rtp(3)))[:3], (2, 1, 3))
        self.assertEqual(receiver.rtp(old[-1])[:3], (1, 0, 0x10002))
        self.assertEqual(sender.rtcp(REPORT)[-15:-11], struct.pack("!I", 0x80000000))


if __name__ == "__main__":
    unittest.main()
