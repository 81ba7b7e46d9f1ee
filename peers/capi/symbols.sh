#!/usr/bin/env bash
# What our library gives programs to link with is the interface, and nothing else: symbols.sh OUR-LIBRARY
set -eu -o pipefail
library=$(realpath "${1:?usage: symbols.sh OUR-LIBRARY}")
root=$(cd "$(dirname "$0")/../.." && pwd)
nm --dynamic --defined-only --format=posix "$library" | cut -d ' ' -f 1 | LC_ALL=C sort | diff "$root/srtp-capi/symbols.txt" -
echo "remark: $(wc -l <"$root/srtp-capi/symbols.txt") symbols, and no other"
