#!/usr/bin/env bash
# libsrtp's own fuzzer over its own corpus, both as Debian's source has them, on our library:
# fuzz_corpus.sh OUR-LIBRARY WORK-FOLDER
# The work folder is srtp_driver.sh's, which has to have run.
set -eu -o pipefail
library=$(realpath "${1:?usage: fuzz_corpus.sh OUR-LIBRARY WORK-FOLDER}")
here=$(cd "$(dirname "$0")" && pwd)
cd "${2:?usage: fuzz_corpus.sh OUR-LIBRARY WORK-FOLDER}"
source=$(find . -maxdepth 1 -name 'libsrtp2-*' -type d | sort | tail -n 1)
if ! [ -f "${source:-.}/crypto/include/config.h" ]; then
    echo "srtp_driver.sh has not left libsrtp's source"
    exit 77
fi
if ! command -v valgrind >/dev/null; then
    echo "valgrind is not installed"
    exit 77
fi
rm -rf fuzz
mkdir fuzz
ln -s "$library" fuzz/libsrtp2.so.1
for file in fuzzer testmem; do
    cc -O1 -g -w -DHAVE_CONFIG_H -I"$source/include" -I"$source/crypto/include" -c "$source/fuzzer/$file.c" -o "fuzz/$file.o"
done
c++ -O1 -g -c "$source/fuzzer/mt19937.cpp" -o fuzz/mt19937.o
cc -O1 -g -Wall -Wextra -c "$here/fuzz_corpus.c" -o fuzz/main.o
c++ -o fuzz/fuzzer fuzz/*.o fuzz/libsrtp2.so.1
loaded=$(LD_LIBRARY_PATH=fuzz ldd fuzz/fuzzer)
[[ $loaded = *"libsrtp2.so.1 => fuzz/"* ]] || {
    echo "the fuzzer did not take our library: $loaded"
    exit 1
}

replay() { # command...: that of the fuzzer, over the corpus
    # A panic would become a status, and be seen here alone.
    LD_LIBRARY_PATH=fuzz "$@" fuzz/fuzzer "$source/fuzzer/corpus" >fuzz/count 2>fuzz/said || {
        tail -n 20 fuzz/said
        exit 1
    }
    if grep panicked fuzz/said; then
        exit 1
    fi
}
replay env
files=$(find "$source/fuzzer/corpus" -type f | wc -l)
[ "$(tail -n 1 fuzz/count)" = "$files" ] && [ "$files" -gt 2000 ]
replay valgrind --quiet --error-exitcode=9
echo "remark: $files inputs, none crashes, panics or reads what is not there"
