"""The program: two processes on the loopback interface, and what it says to bad input."""

import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import time
import unittest

from callseal_peer import media

from .net import ANNA, BERT, EVE, REGISTRY, SECRETS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# Ends what hangs; nothing that goes well takes as long, on any machine.
PATIENCE = 300
# For a peer that is not to end by its own clock.
FOREVER = ("--timeout", "86400")


def start(mode, number, *more, peers=None):
    command = [sys.executable, "-m", "callseal_peer", mode, "--number", number, "--identity-key", SECRETS[number].hex()]
    for peer, key in (peers or {n: k for n, k in REGISTRY.items() if n != number}).items():
        command += ["--peer", f"{peer}={key.hex()}"]
    return subprocess.Popen(
        command + list(more), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


class Pair(unittest.TestCase):
    def run_pair(self, *both, anna=(), bert=(), anna_peers=None, bert_peers=None, noise=False, mux=True, interrupted=False):
        both = FOREVER + both + (("--mux",) if mux else ())
        listening = start("listen", BERT, "--bind", "127.0.0.1:0", *both, *bert, peers=bert_peers)
        line = listening.stderr.readline()
        self.assertIn("listening", line)
        # The port of RTP is named last.
        port = int(line.rsplit(" ", 1)[1])
        where = f"127.0.0.1:{port}"
        calling = start("call", ANNA, "--remote", where, "--to", BERT, *both, *anna, peers=anna_peers)
        if noise:
            self.make_noise(port, calling)
        results = []
        for process in (calling, listening):
            if process is listening and interrupted:
                listening.terminate()
            out, err = process.communicate(timeout=PATIENCE)
            self.assertNotIn("Traceback", err)
            self.assertEqual(out.count("\n"), 1)
            results.append((process.returncode, json.loads(out)))
        return results

    def make_noise(self, port, process):
        source = random.Random(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            end = time.monotonic() + PATIENCE
            while process.poll() is None and time.monotonic() < end:
                octets = bytearray(source.randbytes(source.randrange(0, 200)))
                if len(octets) > 4 and source.random() < 0.7:
                    octets[0] = 0x80 | source.randrange(4)
                    octets[1] = source.choice((0, 200, 201, 204))
                sock.sendto(octets, ("127.0.0.1", port))
                time.sleep(0.002)

    def good(self, results, count):
        (code_a, anna), (code_b, bert) = results
        self.assertEqual((code_a, code_b), (0, 0), results)
        self.assertEqual((anna["role"], bert["role"]), ("caller", "callee"))
        self.assertEqual((anna["peer_number"], bert["peer_number"]), (BERT, ANNA))
        self.assertEqual((anna["peer_key"], bert["peer_key"]), (REGISTRY[BERT].hex(), REGISTRY[ANNA].hex()))
        for name in ("sas", "epoch", "suite", "handshakes"):
            self.assertEqual(anna[name], bert[name])
        for one, other in ((anna, bert), (bert, anna)):
            self.assertEqual((one["packets_sent"], one["packets_received"]), (count, count))
            self.assertEqual(one["payload_sha256"], other["sent_payload_sha256"])
            self.assertIsNone(one["error"])
        return anna, bert

    def test_one_port(self):
        anna, bert = self.good(self.run_pair("--send", "30", "--expect", "30"), 30)
        self.assertEqual((anna["auth_failures"], bert["auth_failures"]), (0, 0))
        first, last = anna["received_seqs"]
        self.assertEqual(last - first, 29)
        expected = b"".join(media.payload(number) for number in range(first, last + 1))
        self.assertEqual(anna["payload_sha256"], hashlib.sha256(expected).hexdigest())

    def test_two_ports_with_challenge_and_suite_2(self):
        results = self.run_pair(
            "--send", "30", "--expect", "30", "--suite", "2", bert=("--always-challenge",), mux=False
        )  # fmt: skip
        self.assertEqual(self.good(results, 30)[0]["suite"], 2)

    def test_renewal(self):
        anna, bert = self.good(self.run_pair("--send", "600", "--expect", "600", anna=("--renew-after", "550")), 600)
        self.assertEqual((anna["handshakes"], anna["epoch"]), (2, 2))
        self.assertEqual((anna["auth_failures"], bert["auth_failures"]), (0, 0))

    def test_noise_at_the_port(self):
        self.good(self.run_pair("--send", "60", "--expect", "60", noise=True), 60)

    def test_end_with_bye(self):
        """The one that expects nothing leaves when the other says goodbye."""
        results = self.run_pair(anna=("--send", "10"), bert=("--expect", "10"))
        self.assertEqual([code for code, _ in results], [0, 0])

    def test_refusals(self):
        for peers, words in (({ANNA: REGISTRY[EVE]}, "status 1"), ({EVE: REGISTRY[EVE]}, "status 1")):
            # Who refuses goes on to wait for others.
            (code_a, anna), (code_b, bert) = self.run_pair(bert_peers=peers, interrupted=True)
            self.assertEqual((code_a, code_b), (1, 1))
            for one in (anna, bert):
                self.assertFalse(one["established"])
                self.assertIn(words, one["error"])
                self.assertIsNone(one["sas"])

    def test_too_few(self):
        # Until there was time enough for the three that come.
        for limit in ("2", "20", "200"):
            (code_a, anna), (code_b, _) = self.run_pair(anna=("--expect", "5", "--timeout", limit), bert=("--send", "3"))
            if anna["packets_received"] == 3:
                break
        self.assertEqual((code_a, code_b), (1, 0))
        self.assertIn("3 of 5", anna["error"])

    def test_nobody_there(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            where = "127.0.0.1:%d" % silent.getsockname()[1]
            process = start("call", ANNA, "--remote", where, "--mux", "--to", BERT, "--timeout", "1", "--json")
            out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err), (1, ""))
        self.assertFalse(json.loads(out)["established"])

    def test_interrupted(self):
        process = start("listen", BERT, "--bind", "127.0.0.1:0", "--mux")
        process.stderr.readline()
        process.terminate()
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, json.loads(out)["error"]), (1, "interrupted"))


class CommandLine(unittest.TestCase):
    def test_bad_input(self):
        good = {
            "--number": BERT,
            "--identity-key": SECRETS[BERT].hex(),
            "--peer": f"{ANNA}={REGISTRY[ANNA].hex()}",
            "--bind": "127.0.0.1:0",
        }
        for change in (
            {"--number": "4930"},
            {"--number": ANNA},
            {"--identity-key": "00" * 32},
            {"--identity-key": "11" * 31},
            {"--identity-key": "xyz"},
            {"--identity-key": "@/nonexistent"},
            {"--peer": ANNA},
            {"--peer": f"{ANNA}=02{'ff' * 32}"},
            {"--peer": f"+0={REGISTRY[ANNA].hex()}"},
            {"--bind": "127.0.0.1"},
            {"--bind": "localhost:5000"},
            {"--bind": "127.0.0.1:70000"},
            {"--bind": "192.0.2.1:5000"},  # not an address of ours
            {"--suite": "3"},
            {"--send": "-1"},
            {"--expect": "many"},
            {"--timeout": "nan"},
            {"--timeout": "0"},
        ):
            arguments = [part for pair in {**good, **change}.items() for part in pair]
            done = subprocess.run(
                [sys.executable, "-m", "callseal_peer", "listen", *arguments],
                cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
            with self.subTest(change=change):
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn("callseal_peer", done.stderr)
                self.assertNotIn("Traceback", done.stderr)

    def test_public_key(self):
        done = subprocess.run(
            [sys.executable, "-m", "callseal_peer", "key", "--identity-key", SECRETS[EVE].hex()],
            cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        self.assertEqual(done.stdout, REGISTRY[EVE].hex() + "\n")


if __name__ == "__main__":
    unittest.main()
