#!/usr/bin/env bash
# What our library has besides libsrtp's interface, from C: its examples with our own headers, the header as C++, and
# a comparison of libraries: additions.sh OUR-LIBRARY
set -eu -o pipefail
library=$(realpath "${1:?usage: additions.sh OUR-LIBRARY}")
root=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v valgrind >/dev/null; then
    echo "valgrind is not installed"
    exit 77
fi
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
ln -s "$library" "$build/libsrtp2.so.1"
cat >"$build/batch.txt" <<'END'
protected: status 0, the first has 182 octets
opened: status 7
packet 7: status 7
cafebabe: 31 packets received, 1 forged
END
cat >"$build/snapshot.txt" <<'END'
packet 65530: sent, opened with status 0
packet 3: sent, opened with status 0
packet 4: not sent, status 27
packet 4: not sent, status 27
packet 3: not sent, status 10
packet 4: sent, opened with status 0
the rollover counter is 1
END
for example in batch snapshot; do
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror -O1 -g -I"$root/srtp-capi/include" -o "$build/$example" \
        "$root/srtp-capi/examples/$example.c" "$build/libsrtp2.so.1"
    LD_LIBRARY_PATH=$build "$build/$example" | diff "$build/$example.txt" -
    LD_LIBRARY_PATH=$build valgrind --quiet --error-exitcode=9 --leak-check=full "$build/$example" |
        diff "$build/$example.txt" -
    cc -std=c11 -fsanitize=address -O1 -g -I"$root/srtp-capi/include" -o "$build/$example-sanitized" \
        "$root/srtp-capi/examples/$example.c" "$build/libsrtp2.so.1"
    LD_LIBRARY_PATH=$build "$build/$example-sanitized" | diff "$build/$example.txt" -
done
# What README has a stranger compare libraries with.
cc -O2 -Wall -Wextra -I"$root/srtp-capi/include" -o "$build/bench" "$root/peers/capi/bench.c" -ldl
"$build/bench" "$build/libsrtp2.so.1" >"$build/bench.txt"
[ "$(wc -l <"$build/bench.txt")" = 5 ]
echo '#include <srtp2/callseal_srtp.h>' >"$build/header.cc"
c++ -Wall -Wextra -Werror -I"$root/srtp-capi/include" -c -o "$build/header.o" "$build/header.cc"
echo "batches, counters and snapshots do in C what they should, and neither valgrind nor AddressSanitizer finds anything"
