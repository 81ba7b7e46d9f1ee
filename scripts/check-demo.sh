#!/usr/bin/env bash
# Runs the main job as the README says, and reads its capture again; then all of the published system.
set -eu -o pipefail
out=${1:?usage: check-demo.sh FOLDER}
cd "$(dirname "$0")/.."
rm -rf "$out" "$out.full"
cargo build --release --quiet
cargo run --release --quiet -- demo --fast --out "$out"
cargo run --release --quiet -- replay "$out/call.pcapng" --keys "$out/keys.json" --write "$out/plain.pcap"
cargo run --release --quiet -- demo --full --fast --out "$out.full"
