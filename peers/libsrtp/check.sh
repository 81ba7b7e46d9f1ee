#!/usr/bin/env bash
# Debian's libsrtp opens the capture that the demo left: check.sh DEMO-FOLDER
set -eu -o pipefail
demo=${1:?usage: check.sh DEMO-FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
if ! pkg-config --exists libsrtp2; then
    echo "libsrtp2-dev is not installed"
    exit 77
fi
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
# shellcheck disable=SC2046
cc -Wall -Wextra -O1 -o "$build/unprotect" "$here/unprotect.c" $(pkg-config --cflags --libs libsrtp2)
python3 "$here/check.py" "$build/unprotect" "$demo" "$here/../../testvectors/media"
