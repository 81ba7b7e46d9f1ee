#!/usr/bin/env python3
"""Replays a long capture in little memory, and says how fast.

  scripts/bench-replay.py [--size 1000000000] [--profile NAME] [--runs 3] [--memory 268435456] [--write] [--dev]

Makes the capture (calls of PCMU, the same every time) in a folder of its own, replays it with an address space of
--memory octets, checks that every packet verified, and prints the best of the runs in GB/s, by the clock and by the time that the core spent on
it (which a busy machine disturbs less), and the peak of resident memory.
Fails where a count is not as it was made, or memory grows with the file: the peak may not pass 32 MiB.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

PEAK_ALLOWED = 32 * 1024 * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1_000_000_000, help="octets of capture")
    parser.add_argument("--profile", default="AES_CM_128_HMAC_SHA1_80")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=int, default=256 * 1024 * 1024, help="octets of address space")
    parser.add_argument("--write", action="store_true", help="also write the packets in clear")
    parser.add_argument("--dev", action="store_true", help="an unoptimised build: for the counts, not for the speed")
    options = parser.parse_args()

    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    os.chdir(root)
    # Over the whole workspace, so that a development build is the one that the tests have made.
    build = ["cargo", "build", "--quiet", "--workspace", "--bins", "--examples"]
    subprocess.run(build + ([] if options.dev else ["--release"]), check=True)
    built = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "debug" if options.dev else "release")

    with tempfile.TemporaryDirectory(prefix="callseal-bench-") as folder:
        capture, keys = os.path.join(folder, "long.pcap"), os.path.join(folder, "keys.json")
        make = [os.path.join(built, "examples", "long_capture"), capture, keys, str(options.size), options.profile]
        made = json.loads(subprocess.run(make, check=True, capture_output=True, text=True).stdout)
        octets = os.path.getsize(capture)
        command = [os.path.join(built, "callseal"), "replay", capture, "--keys", keys, "--json"]
        if options.write:
            command += ["--write", os.path.join(folder, "plain.pcap"), "--force"]
        runs = [run(command, options.memory) for _ in range(options.runs)]
        for *_, output in runs:
            check(output, made)
        best = min(seconds for seconds, *_ in runs)
        worked = min(worked for _, worked, *_ in runs)
        peak = max(peak for *_, peak, _ in runs)
        packets = made["rtp"] + made["rtcp"]
        print(
            f"{options.profile}: {octets / 1e9:.2f} GB, {packets} packets, {streams_in(runs[0][-1])} streams: "
            f"{best:.2f} s, {octets / best / 1e9:.2f} GB/s; of a core's time {worked:.2f} s, "
            f"{octets / worked / 1e9:.2f} GB/s, {worked / packets * 1e9:.0f} ns a packet; "
            f"peak {peak / 1e6:.1f} MB of memory"
        )
        if peak > PEAK_ALLOWED:
            sys.exit(f"more than {PEAK_ALLOWED} octets of memory")


def run(command, memory):
    """The seconds on the clock and on the core, the peak of memory in octets, and the output of one run."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=limit)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"exit code {process.returncode}: {output}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output


def check(output, made):
    lines = [json.loads(line) for line in output.splitlines()]
    summary = lines[-1]
    verified = {"rtp": 0, "rtcp": 0}
    for line in lines[:-1]:
        verified[line["protocol"]] += line["verified"]
        if line["failed"] or line["replayed"] or line["lost"]:
            sys.exit(f"not as it was made: {line}")
    if verified != {name: made[name] for name in verified} or summary["verdict"] != "all verified":
        sys.exit(f"{verified} verified of {made}: {summary}")


def streams_in(output):
    return sum('"protocol":"rtp"' in line for line in output.splitlines())


if __name__ == "__main__":
    main()
