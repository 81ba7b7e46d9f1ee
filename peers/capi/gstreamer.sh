#!/usr/bin/env bash
# GStreamer's srtpenc and srtpdec on our library, and on Debian's against each other: gstreamer.sh OUR-LIBRARY
set -eu -o pipefail
library=$(realpath "${1:?usage: gstreamer.sh OUR-LIBRARY}")
if ! gst-inspect-1.0 srtpenc >/dev/null 2>&1; then
    echo "GStreamer's srtpenc is not installed"
    exit 77
fi
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mkdir "$build/ours" "$build/debian"
ln -s "$library" "$build/ours/libsrtp2.so.1"
export GST_REGISTRY=$build/registry GST_DEBUG=0

send() { # folder-of-library suite key-octets file [mki]: one second of tone, each SRTP packet with its length
    local key
    key=$(printf '%02x' $(seq 1 "$3"))
    LD_DEBUG=libs LD_DEBUG_OUTPUT=$build/loader LD_LIBRARY_PATH=$build/$1 gst-launch-1.0 -q \
        audiotestsrc num-buffers=50 samplesperbuffer=160 ! audio/x-raw,rate=8000,channels=1 ! alawenc ! \
        rtppcmapay ssrc=305419896 seqnum-offset=65520 timestamp-offset=7 perfect-rtptime=true ! \
        srtpenc key="$key" ${5:+mki="$5"} rtp-cipher="${2%:*}" rtp-auth="${2#*:}" rtcp-cipher="${2%:*}" rtcp-auth="${2#*:}" ! \
        rtpstreampay ! filesink location="$4"
}

receive() { # folder-of-library suite key-octets in out [mki]
    local key
    key=$(printf '%02x' $(seq 1 "$3"))
    LD_DEBUG=libs LD_DEBUG_OUTPUT=$build/loader LD_LIBRARY_PATH=$build/$1 gst-launch-1.0 -q \
        filesrc location="$4" ! \
        "application/x-srtp-stream,media=(string)audio,payload=(int)8,clock-rate=(int)8000,encoding-name=(string)PCMA,ssrc=(uint)305419896,srtp-key=(buffer)$key,srtp-cipher=(string)${2%:*},srtp-auth=(string)${2#*:},srtcp-cipher=(string)${2%:*},srtcp-auth=(string)${2#*:}${6:+,mki=(buffer)$6}" ! \
        rtpstreamdepay ! \
        srtpdec ! rtppcmadepay ! filesink location="$5"
}

for suite in aes-128-icm:hmac-sha1-80:30 aes-128-icm:hmac-sha1-32:30 aes-256-icm:hmac-sha1-80:46 aes-256-icm:hmac-sha1-32:46 \
    aes-128-gcm:aes-128-gcm:28 aes-256-gcm:aes-256-gcm:44; do
    key_len=${suite##*:}
    names=${suite%:*}
    # GCM has its own tag, which GStreamer calls null.
    case $names in *gcm*) names=${names%:*}:null ;; esac
    for mki in "" 0102; do
        for who in ours debian; do
            send "$who" "$names" "$key_len" "$build/$who.srtp" "$mki"
        done
        cmp "$build/ours.srtp" "$build/debian.srtp"
        for who in ours debian; do
            receive "$who" "$names" "$key_len" "$build/ours.srtp" "$build/$who.alaw" "$mki"
        done
        cmp "$build/ours.alaw" "$build/debian.alaw"
        [ "$(stat -c %s "$build/ours.alaw")" = 8000 ]
        echo "$names${mki:+ with an MKI}: 50 packets, the same from both libraries, and opened by both"
    done
done
grep -hq "calling init: $build/ours/libsrtp2.so.1" "$build"/loader.* || {
    echo "GStreamer did not run on our library"
    exit 1
}
echo "the loader says that ours was in use: $(grep -lh "calling init: $build/ours/libsrtp2.so.1" "$build"/loader.* | wc -l) processes"
