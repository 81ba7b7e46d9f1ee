#!/usr/bin/env bash
# What the C compiler makes of Debian's headers is what it makes of ours, and what the crate's tests compare its
# structures with (srtp-capi/tests/layout.txt, of 64-bit machines): layout.sh
set -eu -o pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
debian=/usr/include
if ! [ -f "$debian/srtp2/srtp.h" ]; then
    echo "libsrtp2-dev is not installed"
    exit 77
fi
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
for headers in "$debian" "$root/srtp-capi/include"; do
    cc -Wall -Wextra -Werror -I"$headers" -o "$build/layout" "$here/layout.c"
    "$build/layout" | diff "$root/srtp-capi/tests/layout.txt" -
done

# Nothing that Debian's headers define is left out.
printf '#include <srtp2/%s>\n' auth.h cipher.h crypto_types.h srtp.h >"$build/all.c"
cc -E -P "$build/all.c" | tr '\n' ' ' >"$build/all.txt"
{
    cc -E -dM "$build/all.c" | sed -n 's/^#define \(SRT[A-Z]*_[A-Za-z0-9_]*\) ..*/\1/p'
    grep -o 'typedef enum {[^}]*}' "$build/all.txt" | sed 's/.*{//; s/}//' | tr ',' '\n' | sed 's/=.*//' | tr -d ' '
    grep -o 'typedef struct[^;{]*{[^}]*}[^;]*;' "$build/all.txt" | sed 's/.*} *\([a-z0-9_]*\);/\1/'
    # A field's name is the last word before its semicolon.
    grep -o 'typedef struct[^;{]*{[^}]*}' "$build/all.txt" | sed 's/.*{//; s/}//' | tr ';' '\n' |
        sed -n 's/.*[ *]\([a-z0-9_]*\) *$/\1/p'
} | grep -v '^_' | grep . | sort -u >"$build/names.txt"
[ "$(wc -l <"$build/names.txt")" -gt 100 ]
missing=$(tr -c 'A-Za-z0-9_\n' '\n' <"$root/srtp-capi/tests/layout.txt" | sort -u | comm -13 - "$build/names.txt")
if [ -n "$missing" ]; then
    echo "not compared: $missing"
    exit 1
fi
echo "$(wc -l <"$root/srtp-capi/tests/layout.txt") sizes, offsets and values are Debian's: all of $(wc -l <"$build/names.txt") names"
