#!/usr/bin/env bash
# Installs libsrtp2.so.1, its static brother, headers and pkg-config file: install-capi.sh PREFIX
# What is built already (cargo build --release -p callseal-srtp-capi) is taken from the target folder.
set -eu -o pipefail
prefix=${1:?usage: install-capi.sh PREFIX}
root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
(cd "$root" && cargo build --release --quiet -p callseal-srtp-capi)
install -d "$prefix/lib/pkgconfig" "$prefix/include/srtp2"
install -m 755 "$target/release/libsrtp2.so" "$prefix/lib/libsrtp2.so.1"
ln -sf libsrtp2.so.1 "$prefix/lib/libsrtp2.so"
install -m 644 "$target/release/libsrtp2.a" "$prefix/lib/libsrtp2.a"
install -m 644 "$root"/srtp-capi/include/srtp2/*.h "$prefix/include/srtp2/"
description=$(<"$root/srtp-capi/libsrtp2.pc.in")
printf '%s\n' "${description/@PREFIX@/"$prefix"}" >"$prefix/lib/pkgconfig/libsrtp2.pc"
echo "installed in $prefix; to try it: LD_LIBRARY_PATH=$prefix/lib PROGRAM"
