#!/usr/bin/env bash
# fuzz-briefly.sh SECONDS TARGET_DIR: builds the fuzz targets that need no
# Ethereum with libFuzzer's coverage, and runs each for so long over its seeds.
# A finding fails the run and stays in TARGET_DIR. `cargo fuzz` does the same at
# length, with the address sanitizer.
set -eu -o pipefail
cd "$(dirname "$0")/.."
seconds=$1 target_dir=$2

# The flags are cargo-fuzz's, less the sanitizer; a stable compiler takes them
# for a nightly one's.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc -vV | sed -n 's/^host: //p')
# With --target the flags reach no build script.
cargo build --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir "$target_dir" \
    --target "$host" --release --no-default-features --bins

for binary in "$target_dir/$host/release/"*; do
    target=$(basename "$binary")
    [ -f "fuzz/fuzz_targets/$target.rs" ] || continue
    work=$target_dir/found/$target
    rm -rf "$work"
    mkdir -p "$work/corpus"
    log=$work/log
    if ! "$binary" "$work/corpus" "fuzz/corpus/$target" -max_len=600 -timeout=300 -seed=1 \
        "-max_total_time=$seconds" -print_final_stats=1 "-artifact_prefix=$work/" >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "$target: found something; the input is in $work"
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    printf '%-24s %9s runs, coverage %s\n' "$target" "$runs" "$coverage"
done
