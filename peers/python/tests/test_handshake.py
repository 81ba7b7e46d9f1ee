import dataclasses
import random
import unittest

from callseal_peer import keys, messages, rtcp
from callseal_peer.callee import AMPLIFICATION, Callee, CookieJar, next_epoch
from callseal_peer.caller import AWAIT_M2, Caller
from callseal_peer.errors import ProtocolError
from callseal_peer.messages import Header, Message1
from callseal_peer.session import Call, Wire

from .net import ANNA, ANNA_AT, BERT, BERT_AT, EVE, EVE_AT, REGISTRY, SECRETS, Net, both_done, local, pair, phone


def message_of(datagram):
    return rtcp.find_fragment(datagram).octets


def kinds(net):
    return [message_of(datagram)[1] for _, _, _, datagram in net.log]


def stranger(seed=1):
    """Somebody who makes M1s by hand."""
    return Wire(random.Random(seed).randbytes)


class Case(unittest.TestCase):
    def agree(self, one, other):
        (mine, _), (theirs, _) = one.established[-1], other.established[-1]
        self.assertEqual({mine.role, theirs.role}, {"caller", "callee"})
        for name in ("suite", "epoch", "media", "sas", "session_hash", "goes_on"):
            self.assertEqual(getattr(mine, name), getattr(theirs, name))
        self.assertEqual(mine.peer, other.local.identity)
        self.assertEqual(theirs.peer, one.local.identity)
        self.assertEqual(mine.outgoing(), theirs.incoming())
        self.assertEqual(mine.incoming(), theirs.outgoing())
        self.assertNotEqual(mine.incoming(), mine.outgoing())
        one.heard_under(mine.epoch)
        other.heard_under(mine.epoch)
        return mine

    def neither(self, *phones):
        for one in phones:
            self.assertEqual((one.established, one.call), ([], None))


class Plain(Case):
    def test_four_datagrams(self):
        net = Net()
        anna, bert = pair(net)
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(60.0)
        got = self.agree(anna, bert)
        self.assertEqual((got.suite, got.epoch), (1, 1))
        self.assertEqual(kinds(net), [1, 2, 3, 4])
        self.assertEqual(sum(len(datagram) for *_, datagram in net.log), 836)
        self.assertEqual(bert.callee.sessions, {})

    def test_nothing_the_same_twice(self):
        seen = set()
        for _ in range(5):
            net = Net()
            anna, bert = pair(net)
            anna.dial(BERT, BERT_AT, 0.0)
            net.run(60.0)
            got = self.agree(anna, bert)
            seen |= {got.media, got.session_hash}
        self.assertEqual(len(seen), 10)

    def test_the_callee_prefers(self):
        for theirs, ours, chosen in (((1, 2), (2, 1), 2), ((2, 1), (1,), 1), ((2,), (1, 2), 2)):
            net = Net()
            anna, bert = pair(net, phone(ANNA, suites=theirs), phone(BERT, suites=ours))
            anna.dial(BERT, BERT_AT, 0.0)
            net.run(60.0)
            self.assertEqual(self.agree(anna, bert).suite, chosen)

    def test_no_suite_in_common(self):
        net = Net()
        anna, bert = pair(net, phone(ANNA, suites=(1,)), phone(BERT, suites=(2,)))
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(60.0)
        self.neither(anna, bert)
        self.assertEqual(kinds(net), [1] * 11)

    def test_when_messages_are_repeated(self):
        net = Net(loss=1.0)
        anna, _ = pair(net)
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(60.0)
        times = [round(1000 * at) for at, *_ in net.log]
        self.assertEqual(times, [0, 150, 450, 1050, 2250, 3450, 4650, 5850, 7050, 8250, 9450])
        self.assertEqual(len({datagram for *_, datagram in net.log}), 1)
        self.assertIn("no M2", anna.caller_error)

    def test_m3_is_repeated_for_45_seconds(self):
        net = Net()
        net.filter = lambda datagram, source, destination: (
            [] if message_of(datagram)[1] == 4 else [(datagram, source, destination)]
        )
        anna, bert = pair(net)
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(100.0)
        threes = [(at, datagram) for at, _, _, datagram in net.log if message_of(datagram)[1] == 3]
        self.assertEqual([round(1000 * (at - threes[0][0])) for at, _ in threes[:5]], [0, 150, 450, 1050, 2250])
        self.assertLess(threes[-1][0] - threes[0][0], 45.0)
        self.assertGreater(threes[-1][0] - threes[0][0], 43.0)
        fours = {datagram for *_, datagram in net.log if message_of(datagram)[1] == 4}
        self.assertEqual((len({datagram for _, datagram in threes}), len(fours)), (1, 1))
        self.assertIn("no M4", anna.caller_error)
        self.neither(anna)
        self.assertEqual(len(bert.established), 1)


class BadNetwork(Case):
    def test_loss_doubles_and_disorder(self):
        for seed in range(60):
            net = Net(seed, loss=0.3, double=0.3, jitter=0.4)
            anna, bert = pair(net, bert=phone(BERT, always_challenge=seed % 2 == 0))
            anna.dial(BERT, BERT_AT, 0.0)
            net.run(60.0, both_done(anna, bert))
            self.agree(anna, bert)
            self.assertEqual((len(anna.established), len(bert.established)), (1, 1))

    def test_flipped_bits_are_ignored(self):
        for seed in range(40):
            net = Net(seed, flip=0.5, jitter=0.1)
            anna, bert = pair(net)
            anna.dial(BERT, BERT_AT, 0.0)
            net.run(60.0, both_done(anna, bert))
            self.agree(anna, bert)

    def test_every_bit_of_every_message(self):
        """A damaged copy runs ahead of each datagram: nothing comes of it, and the true one still counts."""
        for kind in (1, 2, 3, 4):
            size = {1: 64, 2: 217, 3: 228, 4: 99}[kind]
            for bit in range(0, 8 * size, 5):
                net = Net()

                def damage(datagram, source, destination):
                    out = [(datagram, source, destination)]
                    if message_of(datagram)[1] == kind:
                        octets = bytearray(datagram)
                        octets[56 + bit // 8] ^= 1 << bit % 8
                        out.insert(0, (bytes(octets), source, destination))
                    return out

                net.filter = damage
                anna, bert = pair(net)
                anna.dial(BERT, BERT_AT, 0.0)
                net.run(10.0, both_done(anna, bert))
                with self.subTest(kind=kind, bit=bit):
                    self.agree(anna, bert)

    def test_noise(self):
        noise = random.Random(9)
        anna, bert = phone(ANNA), phone(BERT)
        anna.dial(BERT, BERT_AT, 0.0)
        front = rtcp.receiver_report(1)
        for number in range(4000):
            body = noise.randbytes(4 * noise.randrange(1, 60))
            if number % 2:  # a message that begins well
                start = bytes((1, noise.randrange(1, 6))) + anna.caller.session
                (datagram,) = stranger().datagrams(start + body)
            else:
                datagram = front + rtcp.packet(rtcp.APP, noise.randrange(2), b"ssrcCSTS" + body)
            for one in (anna, bert):
                one.datagram(datagram, BERT_AT if one is anna else ANNA_AT, number / 100)
        self.neither(anna, bert)


class Identities(Case):
    def failing(self, anna=None, bert=None, number=BERT):
        net = Net()
        anna, bert = pair(net, anna, bert)
        anna.dial(number, BERT_AT, 0.0)
        net.run(100.0)
        self.neither(anna, bert)
        return anna, bert, net

    def test_refusals(self):
        strange = {**REGISTRY, ANNA: REGISTRY[EVE]}
        unknown = {BERT: REGISTRY[BERT]}
        for bert, status in (
            (phone(BERT, registry=strange), 1),
            (phone(BERT, registry=unknown), 1),
            (phone(BERT, expected=EVE), 3),
        ):
            anna, bert, net = self.failing(bert=bert)
            self.assertIn(f"status {status}", anna.caller_error)
            self.assertIn(f"status {status}", bert.last_refusal)
            self.assertEqual(kinds(net), [1, 2, 3, 4])

    def test_a_refusal_is_repeated(self):
        net = Net(5, loss=0.5)
        anna, bert = pair(net, bert=phone(BERT, registry={}))
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(100.0)
        fours = [datagram for *_, datagram in net.log if message_of(datagram)[1] == 4]
        self.assertIn("status 1", anna.caller_error)
        self.assertGreater(len(fours), 1)
        self.assertEqual(len(set(fours)), 1)

    def test_another_number_answers(self):
        anna, _, net = self.failing(number=EVE)
        self.assertIn("another number", anna.caller_error)
        self.assertNotIn(3, kinds(net))

    def test_an_unvouched_callee(self):
        anna, _, net = self.failing(anna=phone(ANNA, registry={BERT: REGISTRY[EVE]}))
        self.assertIn("registry", anna.caller_error)
        self.assertNotIn(3, kinds(net))

    def test_ourselves(self):
        net = Net()
        anna = net.add(ANNA_AT, phone(ANNA))
        anna.dial(ANNA, ANNA_AT, 0.0)
        net.run(100.0)
        self.neither(anna)
        self.assertEqual(set(kinds(net)), {1})
        twin = net.add(BERT_AT, phone(ANNA))  # the same phone elsewhere
        anna.dial(ANNA, BERT_AT, net.now)
        net.run(200.0)
        self.neither(anna, twin)

    def test_an_injected_m2_does_not_end_the_call(self):
        """Somebody with another key answers first, under Bert's number."""
        net = Net()
        anna, bert = pair(net)
        eve = phone(BERT, secret=SECRETS[EVE])

        def inject(datagram, source, destination):
            if destination == BERT_AT and message_of(datagram)[1] == 1:
                eve.datagram(datagram, source, net.now)
                for forged, _ in eve.outbox:
                    net.inject(forged, BERT_AT, ANNA_AT)
                eve.outbox.clear()
            return [(datagram, source, destination)]

        net.filter = inject
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(60.0)
        self.agree(anna, bert)

    def test_answers_from_elsewhere_are_ignored(self):
        net = Net()
        anna, bert = pair(net)
        net.filter = lambda datagram, source, destination: [
            (datagram, EVE_AT if source == BERT_AT else source, destination)
        ]
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(100.0)
        self.neither(anna, bert)

    def test_the_caller_may_move(self):
        net = Net()
        anna, bert = pair(net)
        moved = ("10.0.0.9", 9)

        def move(datagram, source, destination):
            if message_of(datagram)[1] == 3:
                source = moved
            return [(datagram, source, ANNA_AT if destination == moved else destination)]

        net.filter = move
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(60.0)
        self.agree(anna, bert)
        self.assertEqual(bert.established[0][1], moved)


class Dishonest(Case):
    def setUp(self):
        self.anna, self.bert = phone(ANNA), phone(BERT)
        self.anna.dial(BERT, BERT_AT, 0.0)

    def deliver(self, to):
        source, sender = (ANNA_AT, self.anna) if to is self.bert else (BERT_AT, self.bert)
        for datagram, _ in sender.outbox:
            to.datagram(datagram, source, 0.1)
        sender.outbox.clear()

    def half_way(self):
        self.deliver(self.bert)
        self.deliver(self.anna)
        return next(iter(self.bert.callee.sessions.values()))

    def test_a_reveal_other_than_committed(self):
        self.half_way().reveal = bytes(32)
        self.deliver(self.bert)
        self.deliver(self.anna)
        self.neither(self.anna)
        self.assertIn("committed", self.anna.ignored)

    def test_a_mac_for_another_status(self):
        schedule = self.half_way().schedule
        mac = schedule.mac
        schedule.mac = lambda status: mac(status + 1)
        self.deliver(self.bert)
        self.deliver(self.anna)
        self.neither(self.anna)
        self.assertIn("MAC", self.anna.ignored)

    def test_epoch_in_use_and_suite_not_offered(self):
        running = Call(local(BERT).identity, 1, 4, b"h" * 32, BERT_AT, 0.0)
        caller = Caller(local(ANNA, (1,)), BERT, REGISTRY.get, stranger(), 0.0, running)
        theirs, me = keys.Ephemeral(), local(BERT)
        share = messages.decode_m1(caller.m1).share(1)

        def answer(suite=1, epoch=1, sign=lambda signature: signature, session=b"c" * 8):
            header = Header(messages.M2, caller.session, session)
            clear = messages.encode_m2_clear(header, suite, epoch, keys.commitment(b"r" * 32), theirs.share)
            schedule = keys.Schedule(caller.m1, clear, theirs.agree(share))
            signature = sign(me.key.sign(keys.signed_by_callee(me.identity, schedule.th_2)))
            return clear + schedule.seal2(messages.Inside2(me.identity, signature).encode())

        def high_s(signature):
            s = keys.CURVE_ORDER - int.from_bytes(signature[32:], "big")
            return signature[:32] + s.to_bytes(32, "big")

        for bad in (answer(suite=2), answer(suite=3), answer(epoch=4), answer(session=bytes(8)), answer(sign=high_s)):
            with self.assertRaises(ProtocolError):
                caller.receive(bad, 0.0)
            self.assertEqual(caller.state, AWAIT_M2)
        caller.receive(answer(), 0.0)
        self.assertNotEqual(caller.state, AWAIT_M2)


class CookiesAndLoad(Case):
    def test_challenge(self):
        net = Net()
        anna, bert = pair(net, bert=phone(BERT, always_challenge=True))
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(60.0)
        self.agree(anna, bert)
        self.assertEqual(kinds(net), [1, 5, 1, 2, 3, 4])
        with_cookie = [rtcp.find_fragment(datagram).cookie is not None for *_, datagram in net.log]
        self.assertEqual(with_cookie, [False, False, True, False, True, False])
        tags = [rtcp.find_fragment(datagram).tag for *_, datagram in net.log]
        self.assertEqual(tags[0], tags[2])

    def test_no_state_before_the_cookie(self):
        bert = phone(BERT, always_challenge=True)
        caller = Caller(local(ANNA), BERT, REGISTRY.get, stranger(), 0.0)
        for datagram in caller.outbox + stranger().datagrams(caller.m1, bytes(16)):
            bert.datagram(datagram, ANNA_AT, 0.0)
        self.assertEqual((bert.callee.sessions, len(bert._fragments)), ({}, 0))
        self.assertEqual([message_of(datagram)[1] for datagram, _ in bert.outbox], [5, 5])

    def test_challenges_not_for_us(self):
        anna = phone(ANNA)
        anna.dial(BERT, BERT_AT, 0.0)
        anna.outbox.clear()
        session = anna.caller.session
        for one, source in ((b"x" * 8, BERT_AT), (session, EVE_AT)):
            (datagram,) = stranger().datagrams(messages.encode_challenge(one, b"c" * 16))
            anna.datagram(datagram, source, 0.01)
        self.assertEqual(anna.outbox, [])
        sent = []
        for step in range(20):  # at most once in 100 ms
            (datagram,) = stranger().datagrams(messages.encode_challenge(session, bytes([step]) * 16))
            anna.datagram(datagram, BERT_AT, 0.01 + step / 100)
            sent += anna.outbox
            anna.outbox.clear()
        self.assertEqual([rtcp.find_fragment(d).cookie[0] for d, _ in sent], [0, 10])

    def test_jar(self):
        jar, here = CookieJar(random.Random(1).randbytes, 0.0), ("10.1.1.1", 7)
        cookie = jar.make(here, 10.0)
        self.assertEqual(len(cookie), 16)
        self.assertTrue(jar.good(cookie, here, 119.0))
        self.assertFalse(jar.good(cookie, here, 121.0))
        fresh = jar.make(here, 121.0)
        for other in (("10.1.1.2", 7), ("10.1.1.1", 8)):
            self.assertFalse(jar.good(fresh, other, 121.0))
        self.assertTrue(jar.good(fresh, ("::ffff:10.1.1.1", 7), 121.0))
        self.assertFalse(jar.good(None, here, 121.0))

    def flood(self, bert, count, address, now=0.0):
        for number in range(count):
            at = address(number)
            m1 = Message1(number.to_bytes(8, "big").replace(b"\0", b"\1"), (1,), ((1, keys.Ephemeral().share),))
            for datagram in stranger().datagrams(m1.encode()):
                bert.datagram(datagram, at, now + number / 10)

    def test_load_is_answered_with_challenges(self):
        bert = phone(BERT)
        self.flood(bert, 40, lambda n: (f"10.1.{n}.1", 1))
        self.assertEqual(len(bert.callee.half_open()), 16)
        self.assertEqual([message_of(d)[1] for d, _ in bert.outbox], [2] * 16 + [5] * 24)

    def test_an_address_has_its_share(self):
        for address in (lambda n: ("10.1.1.1", n + 1), lambda n: (f"2001:db8::{n + 1:x}", 1)):
            bert = phone(BERT)
            self.flood(bert, 12, address)
            self.assertEqual([message_of(d)[1] for d, _ in bert.outbox], [2] * 8 + [5] * 4)

    def test_never_three_times_what_came(self):
        for options in ({}, {"always_challenge": True}):
            bert = phone(BERT, **options)
            caller = Caller(local(ANNA), BERT, REGISTRY.get, stranger(), 0.0)
            received = sent = 0
            app = caller.outbox[0][36:]
            lean = rtcp.receiver_report(1) + app
            for step in range(400):
                datagram = lean if step % 2 else rtcp.receiver_report(1) + app[:16] + app[16:]
                received += len(datagram)
                bert.datagram(datagram, ANNA_AT, step / 20)
                sent += sum(len(one) for one, _ in bert.outbox)
                bert.outbox.clear()
                self.assertLessEqual(sent, AMPLIFICATION * received)
            self.assertGreater(sent, 0)

    def test_m2_again_without_a_cookie_but_not_after_m3(self):
        net = Net()
        anna, bert = pair(net)
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(0.015)
        self.flood(bert, 16, lambda n: (f"10.1.{n}.1", 1), 0.02)
        bert.outbox.clear()
        m1 = net.log[0][3]
        bert.datagram(m1, ANNA_AT, 2.0)
        bert.datagram(m1, EVE_AT, 2.0)
        self.assertEqual([(message_of(d)[1], to) for d, to in bert.outbox], [(2, ANNA_AT), (5, EVE_AT)])
        net.run(5.0)
        self.agree(anna, bert)
        bert.datagram(m1, ANNA_AT, 6.0)
        self.assertEqual(bert.outbox, [])

    def test_m2_again_at_most_every_100_ms(self):
        bert = phone(BERT)
        caller = Caller(local(ANNA), BERT, REGISTRY.get, stranger(), 0.0)
        for step in range(100):
            bert.datagram(caller.outbox[0], ANNA_AT, step / 100)
        sent = [message_of(datagram) for datagram, _ in bert.outbox]
        self.assertEqual((len(sent), len(set(sent))), (10, 1))
        bert.datagram(caller.outbox[0], EVE_AT, 2.0)  # the same M1 from elsewhere is another session
        self.assertEqual(len(bert.callee.sessions), 2)

    def test_half_open_sessions_age(self):
        bert = phone(BERT)
        self.flood(bert, 1, lambda n: ANNA_AT)
        bert.tick(44.9)
        self.assertEqual(len(bert.callee.sessions), 1)
        bert.tick(45.0)
        self.assertEqual(len(bert.callee.sessions), 0)


class Meeting(Case):
    def test_both_call(self):
        winners = set()
        for seed in range(60):
            net = Net(seed, loss=0.2 if seed % 3 else 0.0, double=0.2, jitter=0.2)
            anna, bert = pair(net, phone(ANNA, seed=seed), phone(BERT, seed=1000 + seed))
            anna.dial(BERT, BERT_AT, 0.0)
            bert.dial(ANNA, ANNA_AT, 0.0)
            lower = "anna" if anna.caller.session < bert.caller.session else "bert"
            net.run(100.0, both_done(anna, bert))
            net.run(net.now + 1.0)
            got = self.agree(anna, bert)
            self.assertEqual((len(anna.established), len(bert.established)), (1, 1))
            self.assertEqual(got.role, "caller" if lower == "anna" else "callee")
            self.assertEqual((anna.caller, bert.caller), (None, None))
            winners.add(lower)
        self.assertEqual(winners, {"anna", "bert"})

    def test_a_low_session_of_a_stranger_costs_nothing(self):
        """Eve calls Bert under Anna's number with her own key, and a caller session that would win."""
        net = Net()
        anna, bert = pair(net)
        eve = net.add(EVE_AT, phone(ANNA, secret=SECRETS[EVE]))
        bert.dial(ANNA, ("10.0.0.99", 1), 0.0)  # Anna does not answer for now
        mine = bert.caller
        eve.local = type(eve.local)(eve.local.identity, eve.local.key, (1,), lambda n: bytes(n - 1) + b"\1")
        eve.dial(BERT, BERT_AT, 0.0)
        net.run(5.0)
        self.assertIs(bert.caller, mine)
        self.assertIn("status 1", bert.last_refusal)
        self.neither(bert)

    def test_our_own_m1_come_back(self):
        net = Net()
        anna = net.add(ANNA_AT, phone(ANNA))
        net.filter = lambda datagram, source, destination: [(datagram, BERT_AT, ANNA_AT)]
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(60.0)
        self.assertEqual(set(kinds(net)), {1})


class Renewal(Case):
    def established(self, **options):
        net = Net(**options)
        anna, bert = pair(net)
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(15.0)
        return net, anna, bert, self.agree(anna, bert)

    def test_from_either_side(self):
        net, anna, bert, before = self.established()
        for number, one in enumerate((bert, anna, bert)):
            self.assertTrue(one.renew(net.now))
            m1 = messages.decode_m1(one.caller.m1)
            self.assertEqual((m1.previous, m1.epoch_in_use), (before.session_hash, before.epoch))
            net.run(net.now + 1.0)
            after = self.agree(anna, bert)
            self.assertEqual(after.epoch, number + 2)
            self.assertTrue(after.goes_on)
            self.assertNotEqual(after.media, before.media)
            self.assertFalse(anna.renew(net.now) or bert.renew(net.now))
            net.run(net.now + 9.5)
            before = after

    def test_no_sooner_than_ten_seconds(self):
        net = Net()
        anna, bert = pair(net)
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(9.9)
        self.assertFalse(anna.renew(net.now) or bert.renew(net.now))
        net.run(10.1)
        net.loss = 1.0
        self.assertTrue(anna.renew(net.now))
        net.run(20.05, lambda: False)
        self.assertFalse(anna.renew(net.now))  # ten seconds between two beginnings
        net.loss = 0.0
        net.run(20.2)
        self.assertTrue(anna.renew(net.now))
        net.run(21.0)
        self.assertEqual(self.agree(anna, bert).epoch, 2)

    def test_a_new_m3_waits_ten_seconds(self):
        net, anna, bert, _ = self.established()
        anna.renew(net.now)
        net.run(net.now + 1.0)
        started = net.now
        anna.call.pause_until = anna._began = -100.0  # a caller that does not keep to it
        self.assertTrue(anna.renew(net.now))
        net.run(net.now + 30.0, lambda: len(bert.established) == 3)
        self.assertGreater(net.now - started, 8.9)
        net.run(net.now + 1.0)
        self.assertEqual(self.agree(anna, bert).epoch, 3)

    def test_lost_m4s(self):
        for renews in (0, 1):
            net, anna, bert, before = self.established()
            anna.renew(net.now)
            anna.caller._on_m4 = lambda message: None  # none arrives
            net.run(70.0, lambda: False)
            self.assertEqual((len(anna.established), len(bert.established)), (1, 2))
            self.assertTrue((anna, bert)[renews].renew(net.now))
            net.run(net.now + 5.0)
            after = self.agree(anna, bert)
            self.assertEqual((after.previous, after.goes_on), (before.session_hash, True))

    def test_both_renew(self):
        for seed in range(10):
            net, anna, bert, _ = self.established(seed=seed)
            anna.renew(net.now)
            bert.renew(net.now)
            net.run(net.now + 60.0)
            self.agree(anna, bert)
            self.assertEqual((len(anna.established), len(bert.established)), (2, 2))

    def test_somebody_else_during_a_call(self):
        net, anna, bert, before = self.established()
        eve = net.add(EVE_AT, phone(EVE))
        eve.dial(BERT, BERT_AT, net.now)
        net.run(net.now + 5.0)
        self.assertIn("status 3", eve.caller_error)
        self.assertEqual(bert.call.session_hash, before.session_hash)

    def test_a_wrong_previous(self):
        net, anna, bert, _ = self.established()
        anna.call.session_hash = b"x" * 32
        anna.renew(net.now)
        net.run(net.now + 60.0)
        self.assertIn("no M2", anna.caller_error)
        self.assertEqual(len(bert.established), 1)

    def test_a_caller_that_lost_the_call(self):
        net, anna, bert, _ = self.established()
        anna = net.phones[ANNA_AT] = phone(ANNA, net.now)
        anna.dial(BERT, BERT_AT, net.now)
        net.run(net.now + 5.0)
        got = self.agree(anna, bert)
        self.assertEqual((got.epoch, got.goes_on), (2, False))

    def test_another_suite(self):
        net, anna, bert, _ = self.established()
        anna.local = local(ANNA, (2,))
        anna.renew(net.now)
        net.run(net.now + 5.0)
        got = self.agree(anna, bert)
        self.assertEqual((got.suite, got.goes_on), (2, False))

    def test_epochs(self):
        self.assertEqual([next_epoch(e) for e in (0, 1, 254, 255)], [1, 2, 255, 1])
        for ours, theirs, chosen in ((0, 0, 1), (0, 1, 2), (255, 0, 1), (255, 1, 2), (254, 255, 1)):
            net, anna, bert, _ = self.established()
            anna.call.epoch, bert.call.epoch = theirs, ours
            if not ours:
                bert.call = None
                anna.call.session_hash = b""
            anna.renew(net.now)
            net.run(net.now + 5.0)
            self.assertEqual(self.agree(anna, bert).epoch, chosen)


class Callees(Case):
    def test_a_callee_alone_without_a_phone(self):
        accepted = []
        callee = Callee(local(BERT), lambda identity: 0, stranger(), 0.0, accepted=lambda e, a: accepted.append((e, a)))
        caller = Caller(local(ANNA), BERT, REGISTRY.get, stranger(2), 0.0)

        def give(datagrams):
            for datagram in datagrams:
                fragment = rtcp.find_fragment(datagram)
                self.assertTrue(callee.admit(fragment, ANNA_AT, len(datagram), 0.0))
                on = callee.on_m1 if fragment.octets[1] == 1 else callee.on_m3
                on(*((fragment.octets, ANNA_AT, False, 0.0) if fragment.octets[1] == 1 else (fragment.octets, ANNA_AT, 0.0)))
            datagrams.clear()
            for datagram, _ in callee.outbox:
                caller.receive(message_of(datagram), 0.0)
            callee.outbox.clear()

        give(caller.outbox)
        give(caller.outbox)
        self.assertEqual(accepted[0][0].media, caller.established.media)



def stapled(one, staple, takes=True):
    """The phone, handing over this and asking for the other's."""
    new = dataclasses.replace(one.local, staple=staple, takes_staples=takes)
    one.local = one.callee.local = new
    return one


class Staples(Case):
    LONGEST = bytes(range(256)) * 64

    def call(self, net, anna, bert):
        anna.dial(BERT, BERT_AT, 0.0)
        net.run(30.0, both_done(anna, bert))
        self.agree(anna, bert)
        return anna.established[-1][0].staple, bert.established[-1][0].staple

    def test_each_side_gets_the_others(self):
        net = Net()
        anna, bert = pair(net)
        got = self.call(net, stapled(anna, b"Anna's"), stapled(bert, self.LONGEST))
        self.assertEqual(got, (self.LONGEST, b"Anna's"))
        # A challenge before the long M2, and nobody on the way reads any of it.
        self.assertEqual(kinds(net)[:3], [1, 5, 1])
        self.assertTrue(all(len(datagram) <= 1096 for *_, datagram in net.log))
        self.assertFalse(any(self.LONGEST[:32] in datagram for *_, datagram in net.log))

    def test_nobody_gets_one_who_did_not_ask(self):
        net = Net()
        anna, bert = pair(net)
        got = self.call(net, stapled(anna, b"Anna's", takes=False), stapled(bert, b"Bert's"))
        self.assertEqual(got, (b"", b"Anna's"))
        self.assertEqual(kinds(net), [1, 2, 3, 4])

    def test_on_a_bad_network(self):
        for seed in range(10):
            net = Net(seed, loss=0.2, double=0.1, jitter=0.05)
            anna, bert = pair(net)
            got = self.call(net, stapled(anna, self.LONGEST), stapled(bert, self.LONGEST))
            self.assertEqual(got, (self.LONGEST, self.LONGEST))

    def test_one_that_is_too_long_is_passed_over(self):
        self.assertEqual(messages.staple_in({messages.STAPLE: bytes(16385)}), b"")
        self.assertEqual(messages.staple_in({}), b"")


if __name__ == "__main__":
    unittest.main()
