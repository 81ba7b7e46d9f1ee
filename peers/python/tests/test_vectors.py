"""The worked examples of PROTOCOL.md section 10: recomputed from their inputs, and played from end to end."""

import base64
import glob
import json
import os
import unittest

from callseal_peer import keys, messages, rtcp
from callseal_peer.callee import CookieJar
from callseal_peer.phone import Phone
from callseal_peer.session import Call, make_local

from .net import Net

FOLDER = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../testvectors/sts"))
FILES = sorted(glob.glob(os.path.join(FOLDER, "*.json")))

x = bytes.fromhex


def examples():
    for path in FILES:
        with open(path, encoding="utf-8") as file:
            yield os.path.basename(path), json.load(file)


def suites(texts):
    return tuple(int(text, 16) for text in texts)


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


class Script:
    """What a phone draws instead of random octets, in this order."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def __call__(self, count):
        drawn = self.draws.pop(0)
        if len(drawn) != count:
            raise AssertionError(f"{count} octets wanted, {len(drawn)} are next")
        return drawn


class Examples(unittest.TestCase):
    def test_there_are_some(self):
        self.assertTrue(FILES, f"no worked examples in {FOLDER}")

    def test_recomputed(self):
        for name, example in examples():
            with self.subTest(example=name):
                self.recompute(example)

    def recompute(self, example):
        inputs, given, expected = example["inputs"], example["intermediate"], {}
        octets = {what: x(text) for what, text in example["messages"].items() if text}
        sides = {side: make_local(inputs[side]["number"], x(inputs[side]["identity_secret"])) for side in ("caller", "callee")}
        caller, callee = sides["caller"], sides["callee"]
        ours, theirs = (keys.Ephemeral(x(inputs[side]["ephemeral_secret"])) for side in ("caller", "callee"))
        nonce, reveal, status = x(inputs["nonce"]), x(inputs["reveal"]), inputs["status"]
        sessions = x(inputs["caller"]["session"]), x(inputs["callee"]["session"])
        running = inputs["running"]

        expected["callers_identity"] = caller.identity.encode()
        expected["callees_identity"] = callee.identity.encode()
        expected["callers_share"], expected["callees_share"] = ours.share, theirs.share
        secret = expected["z"] = ours.agree(theirs.share)
        self.assertEqual(theirs.agree(ours.share), secret)

        m1 = messages.Message1(
            sessions[0],
            suites(inputs["suites_offered"]),
            ((messages.X25519, ours.share),),
            running["callers_epoch"] if running else 0,
            x(running["session_hash"]) if running and inputs["renews"] else b"",
        )
        self.assertEqual(m1.encode(), octets["m1"])
        self.assertEqual(messages.decode_m1(octets["m1"]), m1)
        outcome = example["outcome"]
        suite = messages.SUITES[int(outcome["suite"], 16)]
        commitment = expected["commitment"] = keys.commitment(reveal)
        header = messages.Header(messages.M2, *sessions)
        clear = messages.encode_m2_clear(header, suite.number, outcome["epoch"], commitment, theirs.share)
        schedule = keys.Schedule(octets["m1"], clear, secret)
        expected["th_1"], expected["th_2"], expected["prk"] = schedule.th_1, schedule.th_2, schedule.prk
        expected["k2"], expected["n2"] = schedule.box2()
        expected["m2_signed"] = keys.signed_by_callee(callee.identity, schedule.th_2)
        expected["m2_signature"] = callee.key.sign(expected["m2_signed"])
        expected["m2_plaintext"] = messages.Inside2(callee.identity, expected["m2_signature"]).encode()
        sealed = schedule.seal2(expected["m2_plaintext"])
        self.assertEqual(clear + sealed, octets["m2"])
        keys.verify(callee.key.public, x(given["m2_signature"]), x(given["m2_signed"]))

        schedule.add_m2_sealed(sealed)
        expected["th_3"] = schedule.th_3
        expected["k3"], expected["n3"] = schedule.box3()
        expected["m3_signed"] = keys.signed_by_caller(caller.identity, callee.identity, schedule.th_3)
        expected["m3_signature"] = caller.key.sign(expected["m3_signed"])
        inside = messages.Inside3(caller.identity, callee.identity, nonce, expected["m3_signature"])
        expected["m3_plaintext"] = inside.encode()
        header = messages.Header(messages.M3, *sessions).encode()
        self.assertEqual(header + schedule.seal3(header, inside.encode()), octets["m3"])
        keys.verify(caller.key.public, x(given["m3_signature"]), x(given["m3_signed"]))

        schedule.add_m3(octets["m3"])
        expected["th_4"] = schedule.th_4
        expected["k4"], expected["n4"] = schedule.box4()
        expected["km"] = keys.hkdf_expand(schedule.prk, b"callseal sts v1 mac" + schedule.th_4, 32)
        expected["mac"] = schedule.mac(status)
        expected["m4_plaintext"] = messages.Inside4(status, expected["mac"], reveal).encode()
        header = messages.Header(messages.M4, *sessions).encode()
        self.assertEqual(header + schedule.seal4(header, expected["m4_plaintext"]), octets["m4"])

        self.assertEqual({what: value.hex() for what, value in expected.items()}, given)

        call = outcome["call"]
        self.assertEqual(call is None, status != 0)
        if call is not None:
            self.check_call(call, schedule.media(suite), schedule.authentication_string(reveal), schedule.session_hash())

        if inputs["cookie_secret"]:
            jar = CookieJar(Script(x(inputs["cookie_secret"])), 0.0)
            cookie = jar.make(address(inputs["caller"]["address"]), 0.0)
            self.assertEqual(messages.encode_challenge(sessions[0], cookie), octets["challenge"])

        for one in example["datagrams"]:
            side = inputs[one["from"]]
            message, tag = octets[one["message"]], x(one["message_tag"])
            self.assertEqual(tag, keys.H(message)[:4])
            cookie = x(one["cookie"]) if one["cookie"] else None
            built = rtcp.build_fragments(message, tag, int(side["ssrc"], 16), side["cname"].encode(), cookie)
            self.assertEqual([datagram.hex() for datagram in built], [one["octets"]])
            self.assertEqual(rtcp.find_fragment(built[0]), rtcp.Fragment(tag, 0, 1, len(message), cookie, message))

    def check_call(self, call, media, sas, session_hash):
        self.assertEqual(
            call,
            {
                "caller_to_callee_key": media.caller_key.hex(),
                "caller_to_callee_salt": media.caller_salt.hex(),
                "callee_to_caller_key": media.callee_key.hex(),
                "callee_to_caller_salt": media.callee_salt.hex(),
                "session_hash": session_hash.hex(),
                "authentication_string": sas,
            },
        )

    def test_played(self):
        """Our two phones, drawing what the example drew, say on the wire what it says, octet for octet."""
        for name, example in examples():
            with self.subTest(example=name):
                self.play(example)

    def play(self, example):
        inputs, outcome = example["inputs"], example["outcome"]
        caller, callee = inputs["caller"], inputs["callee"]
        caller_at, callee_at = address(caller["address"]), address(callee["address"])

        def wire(side):
            return x(side["ssrc"]), base64.b64decode(side["cname"])

        caller_draws = Script(
            *wire(caller), bytes(32), x(caller["session"]), x(caller["ephemeral_secret"]), x(inputs["nonce"])
        )
        callee_draws = Script(
            *wire(callee), x(inputs["cookie_secret"] or "00" * 32), x(callee["ephemeral_secret"]), x(inputs["reveal"]),
            x(callee["session"]),
        )  # fmt: skip
        offered, accepted = suites(inputs["suites_offered"]), suites(inputs["suites_accepted"])
        us = make_local(caller["number"], x(caller["identity_secret"]), offered, caller_draws)
        them = make_local(callee["number"], x(callee["identity_secret"]), accepted, callee_draws)
        vouched = {us.identity.number: us.identity.key} if inputs["status"] == 0 else {}
        self.assertIn(inputs["status"], (0, 1))

        net = Net()
        calling = net.add(caller_at, Phone(us, {them.identity.number: them.identity.key}.get, 0.0))
        called = net.add(callee_at, Phone(them, vouched.get, 0.0, always_challenge=bool(inputs["cookie_secret"])))
        running = inputs["running"]
        if running:
            session_hash = x(running["session_hash"])
            calling.call = Call(them.identity, offered[0], running["callers_epoch"], session_hash, callee_at, 0.0)
            called.call = Call(us.identity, offered[0], running["callees_epoch"], session_hash, caller_at, 0.0)
            self.assertTrue(inputs["renews"] and calling.renew(0.0))
        else:
            calling.dial(callee["number"], callee_at, 0.0)
        net.run(5.0)

        said = [("caller" if source == caller_at else "callee", datagram.hex()) for _, source, _, datagram in net.log]
        self.assertEqual(said, [(one["from"], one["octets"]) for one in example["datagrams"]])
        self.assertEqual((caller_draws.draws, callee_draws.draws), ([], []))
        if outcome["call"] is None:
            self.assertEqual((calling.established, called.established), ([], []))
            self.assertIn(f"status {inputs['status']}", calling.caller_error)
            return
        for phone in (calling, called):
            ((one, _),) = phone.established
            self.assertEqual((one.suite, one.epoch), (int(outcome["suite"], 16), outcome["epoch"]))
            self.check_call(outcome["call"], one.media, one.sas, one.session_hash)


if __name__ == "__main__":
    unittest.main()
