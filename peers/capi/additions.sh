#!/usr/bin/env bash
# What our library has besides libsrtp's interface, from C: its example with our own headers, and the header as
# C++: additions.sh OUR-LIBRARY
set -eu -o pipefail
library=$(realpath "${1:?usage: additions.sh OUR-LIBRARY}")
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
ln -s "$library" "$build/libsrtp2.so.1"
cc -std=c11 -Wall -Wextra -Wpedantic -Werror -O1 -g -I"$root/srtp-capi/include" -o "$build/batch" \
    "$root/srtp-capi/examples/batch.c" "$build/libsrtp2.so.1"
cat >"$build/expected.txt" <<'END'
protected: status 0, the first has 182 octets
opened: status 7
packet 7: status 7
cafebabe: 31 packets received, 1 forged
END
LD_LIBRARY_PATH=$build "$build/batch" | diff "$build/expected.txt" -
if command -v valgrind >/dev/null; then
    LD_LIBRARY_PATH=$build valgrind --quiet --error-exitcode=9 --leak-check=full "$build/batch" | diff "$build/expected.txt" -
fi
echo '#include <srtp2/callseal_srtp.h>' >"$build/header.cc"
c++ -Wall -Wextra -Werror -I"$root/srtp-capi/include" -c -o "$build/header.o" "$build/header.cc"
echo "the example's batch and counters are as they should be"
