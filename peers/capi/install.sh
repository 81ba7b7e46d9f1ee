#!/usr/bin/env bash
# scripts/install-capi.sh into an empty prefix, and programs that find it by pkg-config: one linked with the shared
# library and with the static one: install.sh
set -eu -o pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
prefix="$build/a prefix"
"$root/scripts/install-capi.sh" "$prefix"
(cd "$prefix" && find . -type f -o -type l) | sort >"$build/installed.txt"
diff "$build/installed.txt" - <<'END'
./include/srtp2/auth.h
./include/srtp2/callseal_srtp.h
./include/srtp2/cipher.h
./include/srtp2/crypto_types.h
./include/srtp2/srtp.h
./lib/libsrtp2.a
./lib/libsrtp2.so
./lib/libsrtp2.so.1
./lib/pkgconfig/libsrtp2.pc
END
soname=$(readelf -d "$prefix/lib/libsrtp2.so.1" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[ "$soname" = libsrtp2.so.1 ]
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
[ "$(pkg-config --modversion libsrtp2)" = 2.8.0 ]
flags=$(pkg-config --cflags --libs libsrtp2)
for example in batch snapshot; do
    # What pkg-config quotes the shell is to read.
    eval "cc -Wall -Wextra -Werror -o '$build/$example' '$root/srtp-capi/examples/$example.c' $flags"
    loaded=$(LD_LIBRARY_PATH=$prefix/lib ldd "$build/$example")
    [[ $loaded = *"libsrtp2.so.1 => $prefix/lib/libsrtp2.so.1"* ]] || {
        echo "$example did not take our library: $loaded"
        exit 1
    }
    LD_LIBRARY_PATH=$prefix/lib "$build/$example" >"$build/$example.txt"
    grep -q 'status 0' "$build/$example.txt"
    eval "cc -Wall -Wextra -Werror -o '$build/$example-static' '$root/srtp-capi/examples/$example.c' $(pkg-config --cflags libsrtp2)" \
        "'$prefix/lib/libsrtp2.a'" "$(pkg-config --static --libs-only-l libsrtp2 | sed 's/-lsrtp2//')"
    loaded=$(ldd "$build/$example-static")
    if [[ $loaded = *libsrtp2* ]]; then
        echo "$example-static takes a shared library: $loaded"
        exit 1
    fi
    "$build/$example-static" | diff "$build/$example.txt" -
done
# Again over itself.
"$root/scripts/install-capi.sh" "$prefix" >"$build/again.txt"
grep -q '^installed in ' "$build/again.txt"
echo "nine files, and programs that pkg-config links with them, shared and static"
