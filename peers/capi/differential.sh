#!/usr/bin/env bash
# Random policies and operations through Debian's library and ours: differential.sh OUR-LIBRARY [ROUNDS [SEED]]
set -eu -o pipefail
library=$(realpath "${1:?usage: differential.sh OUR-LIBRARY [ROUNDS [SEED]]}")
here=$(cd "$(dirname "$0")" && pwd)
if ! pkg-config --exists libsrtp2; then
    echo "libsrtp2-dev is not installed"
    exit 77
fi
debians=$(realpath "$(pkg-config --variable=libdir libsrtp2)/libsrtp2.so.1")
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
# shellcheck disable=SC2046
cc -O1 -Wall -Wextra -o "$build/differential" "$here/differential.c" $(pkg-config --cflags libsrtp2) -ldl
# The same in every run; others, such as $(date +%s), are tried by hand.
for seed in ${3:-1 1000000000 2000000000}; do
    echo "seed $seed:"
    "$build/differential" "$debians" "$library" "${2:-5000}" "$seed" || {
        echo "to replay: $0 OUR-LIBRARY ${2:-5000} $seed"
        exit 1
    }
done
