#!/usr/bin/env bash
# Measures everything in BENCHMARKING.md beside the peers and fills its tables and plots in; with arguments, does what
# `bench-report --help` says. CALLSEAL_BENCH_PROFILE=dev builds fast what is only to be tried. Installs the peers first, on Debian 12 as root: libsrtp with NSS and with OpenSSL, ipsec-mb.
set -eu
cd "$(dirname "$0")/.."

packages="build-essential cmake libclang-dev libipsec-mb-dev libpython3.11 libsrtp2-1 libssl-dev pkg-config python3-venv"
missing=()
for package in $packages; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} != 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi

# Its wheel carries libsrtp 2.7 built with an OpenSSL 3.5 of its own, a newer pair than any package of the system has.
venv=target/bench-peers
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps pylibsrtp==1.0.0
CALLSEAL_PYLIBSRTP=$(echo "$PWD/$venv"/lib/python3*/site-packages/pylibsrtp/_binding.abi3.so)
export CALLSEAL_PYLIBSRTP

profile=${CALLSEAL_BENCH_PROFILE:-release}
cargo build --quiet --profile "$profile" --package callseal-srtp-capi
CALLSEAL_CAPI=$(realpath "${CARGO_TARGET_DIR:-target}/${profile/#dev/debug}/libsrtp2.so")
export CALLSEAL_CAPI

exec cargo run --quiet --profile "$profile" --package callseal-benches --features "${CALLSEAL_BENCH_PEERS:-peers}" --bin bench-report -- "$@"
