#!/usr/bin/env bash
# libsrtp's own sender and receiver of words, its source as Debian has it, on our library and on Debian's, in all
# its suites and both directions: rtpw.sh OUR-LIBRARY WORK-FOLDER
# The work folder is srtp_driver.sh's, which has to have run.
set -eu -o pipefail
library=$(realpath "${1:?usage: rtpw.sh OUR-LIBRARY WORK-FOLDER}")
cd "${2:?usage: rtpw.sh OUR-LIBRARY WORK-FOLDER}"
if ! [ -f objects/rtpw.o ] || ! pkg-config --exists libsrtp2; then
    echo "srtp_driver.sh has not left its objects, or libsrtp2-dev is not installed"
    exit 77
fi
rm -rf rtpw
mkdir -p rtpw/ours rtpw/theirs
ln -s "$library" rtpw/ours/libsrtp2.so.1
ln -s "$(ldconfig -p | awk '/libsrtp2\.so\.1 / && !n++ { print $NF }')" rtpw/theirs/libsrtp2.so.1
# rtpw's first sequence number, random elsewhere: the ROC counts up on the way.
echo 'unsigned srtp_cipher_rand_u32_for_tests(void) { return 65533; }' | cc -x c -c -o rtpw/first_seq.o -
for side in ours theirs; do
    cc -o "rtpw/$side/rtpw" objects/rtpw.o objects/rtp.o objects/util.o objects/getopt_s.o rtpw/first_seq.o "rtpw/$side/libsrtp2.so.1"
    loaded=$(LD_LIBRARY_PATH=rtpw/$side ldd "rtpw/$side/rtpw")
    [[ $loaded = *"libsrtp2.so.1 => rtpw/$side/"* ]] || {
        echo "rtpw did not take the library of $side: $loaded"
        exit 1
    }
done

cd rtpw
printf '%s\n' abacus abash abate abbey abbot >words.txt
cm=033490ba9e82994fc21013395739038992b2edc5034f61a72345ca598d7bfd0189aa6dc2ecab32fd9af74df6dfc6
gcm=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567
# A suite a line: its name, and what rtpw calls it.
cat >suites.txt <<END
none
tag-only -k ${cm:0:60} -a
cm-128-without-tag -k ${cm:0:60} -e 128
cm-256-without-tag -k ${cm:0:92} -e 256
cm-128 -k ${cm:0:60} -a -e 128
cm-256 -k ${cm:0:92} -a -e 256
gcm-128-tag-8 -k ${gcm:0:56} -g -e 128
gcm-128-tag-16 -k ${gcm:0:56} -g -t 16 -e 128
gcm-256-tag-8 -k ${gcm:0:88} -g -e 256
gcm-256-tag-16 -k ${gcm:0:88} -g -t 16 -e 256
gmac-128-tag-8 -k ${gcm:0:56} -g
gmac-128-tag-16 -k ${gcm:0:56} -g -t 16
END

# Whether somebody holds a UDP port of this machine.
is_held() {
    grep -q ":$(printf %04X "$1") 00000000:0000" /proc/net/udp
}

# Looks again and again until it is so; a hang ends after five minutes.
until_so() {
    for _ in $(seq 6000); do
        "$@" && return
        sleep 0.05
    done
    echo "still not so: $*"
    return 1
}

has_all_words() {
    [ "$(grep -c '^	word: ' "$1")" -ge "$(wc -l <words.txt)" ]
}

receivers=()
trap 'kill "${receivers[@]}" 2>/dev/null || true' EXIT
# Below the range that systems give away by themselves.
port=$((20000 + $$ % 8000))
senders=()
names=()
for way in ours-theirs theirs-ours; do
    while read -r suite arguments; do
        name=$way-$suite
        names+=("$name")
        port=$((port + 1))
        while is_held $port; do port=$((port + 1)); done
        # shellcheck disable=SC2086
        LD_LIBRARY_PATH=${way#*-} stdbuf -oL "${way#*-}/rtpw" $arguments -r 127.0.0.1 $port >"$name.received" 2>&1 &
        receivers+=($!)
        # shellcheck disable=SC2086
        (until_so is_held $port && LD_LIBRARY_PATH=${way%-*} exec timeout 300 "${way%-*}/rtpw" $arguments -w words.txt -s 127.0.0.1 $port) \
            >"$name.sent" 2>&1 &
        senders+=($!)
    done <suites.txt
done
failed=0
for sender in "${senders[@]}"; do
    wait "$sender" || failed=1
done
for name in "${names[@]}"; do
    until_so has_all_words "$name.received" || failed=1
    if ! sed -n 's/^\tword: //p' "$name.received" | grep . | diff words.txt - >"$name.diff"; then
        failed=1
        echo "$name:"
        cat "$name.sent" "$name.received"
    fi
done
[ "$failed" = 0 ]
echo "rtpw: ${#names[@]} runs, each of $(wc -l <words.txt) words, ours to theirs and theirs to ours"
