#!/usr/bin/env bash
# GStreamer's srtpenc and srtpdec on our library, and on Debian's against each other: SRTP and SRTCP in each suite,
# with and without an MKI: gstreamer.sh OUR-LIBRARY
set -eu -o pipefail
library=$(realpath "${1:?usage: gstreamer.sh OUR-LIBRARY}")
if ! gst-inspect-1.0 srtpenc >/dev/null 2>&1; then
    echo "GStreamer's srtpenc is not installed"
    exit 77
fi
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mkdir "$build/ours" "$build/debian" "$build/rtcp"
ln -s "$library" "$build/ours/libsrtp2.so.1"
export GST_REGISTRY=$build/registry GST_DEBUG=0
ssrc=305419896
processes=0

# Reports of that SSRC: a sender report with a name behind it, as calls have them, each a file.
python3 - "$build" <<'PYTHON'
import struct, sys
folder, whole = sys.argv[1], b""
for n in range(12):
    report = struct.pack(">BBHIQIII", 0x80, 200, 6, 305419896, 0xe0000000_00000000 + n * 0x123456789, n * 160, n, n * 160)
    name = b"\x01\x05alice" + bytes(n % 3 * 4 + 1)
    report += struct.pack(">BBHI", 0x81, 202, 1 + len(name) // 4, 305419896) + name
    open(f"{folder}/rtcp/{n:02}", "wb").write(report)
    whole += struct.pack(">H", len(report)) + report
open(f"{folder}/rtcp/all", "wb").write(whole)
PYTHON

gst() { # folder-of-library arguments...: GStreamer, which has to say that it took the library of that folder
    local who=$1 loaded
    shift
    rm -f "$build"/loader.*
    LD_DEBUG=libs LD_DEBUG_OUTPUT=$build/loader LD_LIBRARY_PATH=$build/$who gst-launch-1.0 -q "$@"
    loaded=$(sed -n 's/.*calling init: \(.*libsrtp2.*\)/\1/p' "$build"/loader.* | sort -u)
    if [ "$who" = ours ] && [ "$loaded" = "$build/ours/libsrtp2.so.1" ]; then
        processes=$((processes + 1))
    elif [ "$who" = ours ] || [ -z "$loaded" ] || [ "$loaded" = "$build/ours/libsrtp2.so.1" ]; then
        echo "GStreamer on the library of $who took $loaded"
        exit 1
    fi
}

send() { # folder-of-library out: a second of tone as SRTP, and the reports as SRTCP, each packet with its length
    gst "$1" srtpenc name=box key="$key" ${mki:+mki="$mki"} rtp-cipher="$cipher" rtp-auth="$auth" \
        rtcp-cipher="$cipher" rtcp-auth="$rtcp_auth" \
        audiotestsrc num-buffers=50 samplesperbuffer=160 ! audio/x-raw,rate=8000,channels=1 ! alawenc ! \
        rtppcmapay ssrc=$ssrc seqnum-offset=65520 timestamp-offset=7 perfect-rtptime=true ! box.rtp_sink_0 \
        box.rtp_src_0 ! rtpstreampay ! filesink location="$2.srtp" \
        multifilesrc location="$build/rtcp/%02d" start-index=0 stop-index=11 ! application/x-rtcp ! box.rtcp_sink_0 \
        box.rtcp_src_0 ! rtpstreampay ! filesink location="$2.srtcp"
}

receive() { # folder-of-library in out [srtp-alone]: the tone, and the reports with their lengths
    local keys
    keys="srtp-key=(buffer)$key,srtp-cipher=(string)$cipher,srtp-auth=(string)$auth"
    keys+=",srtcp-cipher=(string)$cipher,srtcp-auth=(string)$rtcp_auth${mki:+,mki=(buffer)$mki}"
    # One after the other: which of two sources is first would be chance.
    gst "$1" filesrc location="$2.srtp" ! \
        "application/x-srtp-stream,media=(string)audio,payload=(int)8,clock-rate=(int)8000,encoding-name=(string)PCMA,ssrc=(uint)$ssrc,$keys" ! \
        rtpstreamdepay ! srtpdec ! rtppcmadepay ! filesink location="$3.alaw"
    [ "${4:-}" = srtp-alone ] || gst "$1" srtpdec name=box \
        filesrc location="$2.srtcp" ! "application/x-srtcp-stream,ssrc=(uint)$ssrc,$keys" ! rtpstreamdepay ! \
        box.rtcp_sink box.rtcp_src ! rtpstreampay ! filesink location="$3.rtcp"
}

# Cipher, tags of SRTP and SRTCP, octets of key and salt. GCM has its own tag, which GStreamer calls null.
for suite in "aes-128-icm hmac-sha1-80 hmac-sha1-80 30" "aes-128-icm hmac-sha1-32 hmac-sha1-80 30" \
    "aes-256-icm hmac-sha1-80 hmac-sha1-80 46" "aes-256-icm hmac-sha1-32 hmac-sha1-80 46" \
    "aes-128-gcm null null 28" "aes-256-gcm null null 44"; do
    read -r cipher auth rtcp_auth key_len <<<"$suite"
    # shellcheck disable=SC2046
    key=$(printf '%02x' $(seq 1 "$key_len"))
    for mki in "" 0102; do
        for who in ours debian; do
            send "$who" "$build/$who"
        done
        cmp "$build/ours.srtp" "$build/debian.srtp"
        cmp "$build/ours.srtcp" "$build/debian.srtcp"
        receive ours "$build/ours" "$build/ours"
        cmp "$build/ours.rtcp" "$build/rtcp/all"
        opened="both open all"
        # Debian's looks for an MKI in SRTCP where SRTP's shorter tag would begin, and ends with an error.
        if [ "$auth" != "$rtcp_auth" ] && [ -n "$mki" ]; then
            receive debian "$build/ours" "$build/debian" srtp-alone
            opened="both open the packets, ours the reports"
        else
            receive debian "$build/ours" "$build/debian"
            cmp "$build/debian.rtcp" "$build/rtcp/all"
        fi
        cmp "$build/ours.alaw" "$build/debian.alaw"
        [ "$(stat -c %s "$build/ours.alaw")" = 8000 ]
        echo "$cipher $auth${mki:+ with an MKI}: 50 packets and 12 reports, the same from both libraries; $opened"
    done
done
echo "remark: $processes processes, all of which the loader says took ours"
