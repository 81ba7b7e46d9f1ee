"""How a call goes over to new keys (PROTOCOL.md section 8)."""

import random
import unittest

from callseal_peer.keys import Media as Keys
from callseal_peer.media import Media
from callseal_peer.session import Established

from .net import ANNA, BERT, local

HERE = ("127.0.0.1", 5000)


def established(role, epoch, goes_on, suite=1):
    fill = bytes([epoch])
    keys = Keys(fill * 16, fill * 14, bytes([epoch + 50]) * 16, bytes([epoch + 100]) * 14)
    return Established(role, local(BERT if role == "caller" else ANNA).identity, suite, epoch, keys, "", b"", goes_on)


class Change(unittest.TestCase):
    def setUp(self):
        self.anna = Media(5000, b"A" * 16, random.Random(1).randbytes)
        self.bert = Media(5000, b"B" * 16, random.Random(2).randbytes)
        self.caller(0.0, 1, False)
        self.callee(0.0, 1, False)

    def caller(self, now, epoch, goes_on, suite=1):
        self.anna.use(established("caller", epoch, goes_on, suite), now)

    def callee(self, now, epoch, goes_on, suite=1):
        self.bert.use(established("callee", epoch, goes_on, suite), now)

    def talk(self, start, end, lost=()):
        """What both send in that time; whose packets are in `lost` are not delivered. Epochs, callee's and caller's."""
        epochs = ([], [])
        now = start
        while now < end:
            for side, one, other in ((0, self.bert, self.anna), (1, self.anna, self.bert)):
                media, reports = one.due(now)
                for packet in media:
                    epochs[side].append(packet[-11])
                    if side not in lost:
                        other.receive(packet, False, HERE, now)
                for packet in reports:
                    if side not in lost:
                        other.receive(packet, True, HERE, now)
            now += 0.02
        return [sorted(set(one)) for one in epochs]

    def nothing_lost(self):
        for one, other in ((self.anna, self.bert), (self.bert, self.anna)):
            self.assertEqual((one.auth_failures, one.replayed), (0, 0))
            self.assertEqual(len(one.received), other.sent)
            self.assertEqual(one.summary()["payload_sha256"], other.summary()["sent_payload_sha256"])

    def test_the_callee_waits_to_be_heard(self):
        self.assertEqual(self.talk(0.0, 1.0), [[1], [1]])
        self.callee(1.0, 2, True)  # M4 takes half a minute
        self.assertEqual(self.talk(1.0, 31.0), [[1], [1]])
        self.caller(31.0, 2, True)
        self.assertEqual(self.talk(31.0, 31.1), [[2], [2]])  # the caller's report has told it
        self.assertEqual(self.talk(31.1, 45.0), [[2], [2]])
        self.nothing_lost()
        self.assertEqual((len(self.anna._receiver._keys), len(self.bert._receiver._keys)), (1, 1))

    def test_starting_over(self):
        self.talk(0.0, 1.0)
        before = self.anna._ssrc, self.bert._ssrc
        self.callee(1.0, 2, False, 1)
        self.caller(1.0, 2, False, 1)
        self.assertEqual(self.talk(1.0, 2.0), [[2], [2]])
        self.assertFalse({self.anna._ssrc, self.bert._ssrc} & set(before))
        self.nothing_lost()

    def test_the_old_epoch_lives_on_until_the_callee_is_heard_under_the_new(self):
        self.talk(0.0, 1.0)
        self.caller(1.0, 2, True)
        self.talk(1.0, 30.0)
        self.assertEqual(self.anna.auth_failures, 0)
        self.assertEqual(len(self.anna._receiver._keys), 2)
        self.anna.due(121.1)
        self.assertEqual(len(self.anna._receiver._keys), 1)

    def test_the_old_epoch_lives_ten_seconds_more(self):
        self.talk(0.0, 1.0)
        self.callee(1.0, 2, True)
        self.caller(1.0, 2, True)
        self.talk(1.0, 10.9)
        self.assertEqual(len(self.anna._receiver._keys), 2)
        self.talk(11.1, 12.0)
        self.assertEqual(len(self.anna._receiver._keys), 1)
        self.nothing_lost()


if __name__ == "__main__":
    unittest.main()
