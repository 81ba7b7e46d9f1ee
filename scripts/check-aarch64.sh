#!/usr/bin/env bash
# Builds what a phone on a 64-bit ARM processor runs; with "run", also runs its tests under QEMU, where the
# processor's AES, PMULL and SHA-1 instructions must have been met.
set -eu -o pipefail
target=aarch64-unknown-linux-gnu
packages=(-p callseal-srtp-crypto -p callseal-srtp -p callseal-srtp-capi -p callseal-sts -p callseal-rtcp-ext)
cd "$(dirname "$0")/.."
installed=$(rustup target list --installed 2>/dev/null || true)
if [[ $'\n'$installed$'\n' != *$'\n'"$target"$'\n'* ]] && ! rustup target add "$target" 2>&1; then
    echo "the standard library for $target cannot be had here"
    exit 77
fi

if [ "${1:-}" != run ]; then
    # No linker is needed for that.
    cargo clippy --quiet "${packages[@]}" --lib --target "$target" -- -D warnings
    echo "remark: builds for $target: SRTP, libsrtp2's interface, the handshake, its carriage in RTCP"
    exit
fi

for program in qemu-aarch64 aarch64-linux-gnu-gcc; do
    if ! command -v "$program" >/dev/null 2>&1; then
        echo "$program is not installed"
        exit 77
    fi
done
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

under_qemu() { # QEMU's options, cargo test's arguments...
    local qemu="qemu-aarch64 -L /usr/aarch64-linux-gnu $1"
    shift
    # All packages every time, so that nothing is built with other features. What hangs under emulation is ended.
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$qemu \
        timeout --kill-after=60 1800 cargo test --quiet --target "$target" "${packages[@]}" "$@" 2>&1
}

# All of the kernels'; of the others those of vectors, equality and a packet's walk, since floods and properties take
# minutes under emulation.
tests=(
    every_backend packets
    batch captures clauses headers index keys oracle sdes snapshot vectors
    additions cryptex handlers interface layout null_pointers snapshots
    worked_examples real_stacks
)
under_qemu "" "${tests[@]/#/--test=}" | tee "$log/tests"
awk '/^test result: ok/ { n += $4; files++ } END { if (files < '${#tests[@]}') exit 1; print "remark: " n " tests passed" }' "$log/tests"

# QEMU writes down every instruction that it translates, which is every one that is come to.
under_qemu "-d in_asm -D $log/instructions" --test packets -- --exact \
    rfc7714_packets_are_reproduced batches_of_every_size_and_length_equal_soft
for instruction in aese pmull sha1c; do
    if ! grep -qw "$instruction" "$log/instructions"; then
        echo "the kernels do without the instruction $instruction"
        exit 1
    fi
done
echo "remark: by the processor's aese, pmull and sha1c"
