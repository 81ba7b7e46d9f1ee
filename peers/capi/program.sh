#!/usr/bin/env bash
# One program, compiled once against Debian's headers, on both libraries: program.sh OUR-LIBRARY
set -eu -o pipefail
library=$(realpath "${1:?usage: program.sh OUR-LIBRARY}")
here=$(cd "$(dirname "$0")" && pwd)
if ! pkg-config --exists libsrtp2; then
    echo "libsrtp2-dev is not installed"
    exit 77
fi
if ! command -v valgrind >/dev/null; then
    echo "valgrind is not installed"
    exit 77
fi
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mkdir "$build/ours"
ln -s "$library" "$build/ours/libsrtp2.so.1"
# shellcheck disable=SC2046
cc -Wall -Wextra -O1 -g -o "$build/program" "$here/program.c" $(pkg-config --cflags --libs libsrtp2)
"$build/program" >"$build/debian.txt"
# Debian's 2.5 has its own session keys for AES-192.
export CALLSEAL_SRTP_AES192=libsrtp-2.7
LD_DEBUG=libs LD_LIBRARY_PATH=$build/ours "$build/program" >"$build/ours.txt" 2>"$build/loader.txt"
grep -q "calling init: $build/ours/libsrtp2.so.1" "$build/loader.txt" || {
    echo "the program did not run on our library"
    exit 1
}
diff "$build/debian.txt" "$build/ours.txt"
echo "$(wc -l <"$build/ours.txt") lines of statuses and octets, the same on both libraries"
LD_LIBRARY_PATH=$build/ours valgrind --quiet --error-exitcode=9 --leak-check=full "$build/program" >"$build/valgrind.txt"
diff "$build/ours.txt" "$build/valgrind.txt"
echo "and valgrind finds nothing"
# The sanitizer sees memory from malloc, which is what the library allocates, and calls into libc.
# shellcheck disable=SC2046
cc -fsanitize=address -Wall -Wextra -O1 -g -o "$build/sanitized" "$here/program.c" $(pkg-config --cflags --libs libsrtp2)
LD_LIBRARY_PATH=$build/ours "$build/sanitized" >"$build/sanitized.txt"
diff "$build/ours.txt" "$build/sanitized.txt"
echo "nor does AddressSanitizer"
