#!/usr/bin/env python3
"""Asserts that every crate imports only what its wall allows.

The table is ARCHITECTURE.md's. Dependencies come from `cargo metadata`;
`unsafe` is looked for in the sources.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

LIBRARIES = {"srtp-crypto", "srtp", "sts", "rtcp-ext", "registry-client"}
ALL = None

# folder: what it may import of ours
WALLS = {
    "srtp-crypto": set(),
    "srtp": {"srtp-crypto"},
    "srtp-capi": {"srtp"},
    "sts": set(),
    "rtcp-ext": set(),
    "registry-client": set(),
    "endpoint": LIBRARIES,
    "devchain": {"registry-client"},
    "eims": {"registry-client"},
    "cli": ALL,
    "testvectors": set(),
    "testkit": set(),
    "benches": ALL,
}

# Only tests and benches may use these.
DEV_ONLY = {"testvectors", "testkit"}

# Crates whose sources may say `unsafe`, and why.
UNSAFE = {
    "srtp-crypto": "the SIMD backends",
    "srtp-capi": "the C boundary",
    "testkit": "a global allocator that counts",
    "benches": "calls into libraries in C that are measured beside ours, and instructions that are timed",
}


def main() -> int:
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout
    )
    folders = {
        package["name"]: pathlib.Path(package["manifest_path"]).parent.name
        for package in metadata["packages"]
    }
    wrong = []
    for package in metadata["packages"]:
        folder = folders[package["name"]]
        if folder not in WALLS:
            wrong.append(f"{folder}: no wall is drawn for it")
            continue
        allowed = WALLS[folder]
        for dependency in package["dependencies"]:
            target = folders.get(dependency["name"])
            if target is None:
                continue
            if target == folder:
                continue  # with a feature that its own tests alone have
            if dependency["kind"] == "dev":
                # A test may look further than the crate that it tests, but
                # only the dev-only crates and what the wall allows.
                if target in DEV_ONLY or folder in {"cli", "benches"} or target in (allowed or set()):
                    continue
                if folder in {"registry-client", "endpoint", "eims"} and target == "devchain":
                    continue
                wrong.append(f"{folder}: its tests import {target}")
                continue
            if target in DEV_ONLY and folder != "benches":
                wrong.append(f"{folder}: imports {target}, which is for tests alone")
            elif allowed is not ALL and target not in allowed:
                wrong.append(f"{folder}: imports {target}, which its wall forbids")
    for folder in WALLS:
        if folder in UNSAFE:
            continue
        for source in sorted((ROOT / folder).rglob("*.rs")):
            for number, line in enumerate(source.read_text().splitlines(), 1):
                code = line.split("//")[0]
                if re.search(r"\bunsafe\b", code):
                    wrong.append(f"{source.relative_to(ROOT)}:{number}: unsafe outside its walls")
        for library in (ROOT / folder / "src").glob("lib.rs"):
            if "forbid(unsafe_code)" not in library.read_text():
                wrong.append(f"{folder}/src/lib.rs: does not forbid unsafe code")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"walls: {len(WALLS)} crates, {len(wrong)} breaches")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
