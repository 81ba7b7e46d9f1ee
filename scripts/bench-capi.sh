#!/usr/bin/env bash
# Measures libsrtp2.so.1, ours, beside Debian's and those built with OpenSSL, in turns, and fills its table in
# BENCHMARKING.md in; with --only capi it prints the figures alone.
set -eu
[ $# != 0 ] || set -- --capi
CALLSEAL_BENCH_PEERS=libsrtp,libsrtp-openssl exec "$(dirname "$0")/bench-report.sh" "$@"
