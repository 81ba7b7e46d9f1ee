#!/usr/bin/env bash
# Builds SRTP for a processor that has no operating system, and therefore no standard library to lean on.
set -eu -o pipefail
target=thumbv7em-none-eabi
cd "$(dirname "$0")/.."
installed=$(rustup target list --installed 2>/dev/null || true)
if [[ $'\n'$installed$'\n' != *$'\n'"$target"$'\n'* ]] && ! rustup target add "$target" 2>&1; then
    echo "the standard library's core for $target cannot be had here"
    exit 77
fi
for features in "" serde; do
    cargo check --quiet -p callseal-srtp --no-default-features --features "$features" --target "$target"
done
echo "remark: builds for $target, with and without serde"
