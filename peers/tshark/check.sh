#!/usr/bin/env bash
# tshark reads the captures that the demo left: check.sh DEMO-FOLDER
# It must find the speech of both phones in the plaintext, octet for octet; the same streams, whole, on the wire; the
# handshake as well-formed RTCP; and nothing malformed anywhere.
set -eu -o pipefail
demo=${1:?usage: check.sh DEMO-FOLDER}
media=$(cd "$(dirname "$0")/../../testvectors/media" && pwd)
if ! command -v tshark >/dev/null; then
    echo "tshark is not installed"
    exit 77
fi

dissect() { # capture filter field...
    local capture=$1 filter=$2 field fields=()
    shift 2
    for field; do fields+=(-e "$field"); done
    tshark -n -r "$capture" --enable-heuristic rtp_udp --enable-heuristic rtcp_udp \
        -Y "$filter" -T fields "${fields[@]}" 2>/dev/null
}

fail() {
    echo "$*"
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for capture in "$media"/*.pcap; do
    dissect "$capture" rtp rtp.ssrc rtp.seq rtp.timestamp rtp.payload
done | sort >"$work/said"
dissect "$demo/plain.pcap" rtp rtp.ssrc rtp.seq rtp.timestamp rtp.payload | sort >"$work/plain"
[ -s "$work/said" ] || fail "tshark finds no speech in $media"
cmp "$work/said" "$work/plain" || fail "plain.pcap holds other speech than was sent"

cut -f 1-3 "$work/said" >"$work/said-numbers"
dissect "$demo/call.pcapng" rtp rtp.ssrc rtp.seq rtp.timestamp | sort >"$work/wire-numbers"
cmp "$work/said-numbers" "$work/wire-numbers" || fail "call.pcapng holds other packets than were sent"

messages=$(dissect "$demo/call.pcapng" 'rtcp.app.name == "CSTS" && rtcp.length_check == 1' frame.number | wc -l)
[ "$messages" -ge 4 ] || fail "of the handshake's four messages tshark finds $messages"
byes=$(dissect "$demo/plain.pcap" 'rtcp.pt == 203 && rtcp.length_check == 1' frame.number | wc -l)
[ "$byes" -ge 1 ] || fail "tshark finds no BYE"

for capture in "$demo"/*.pcap "$demo"/*.pcapng; do
    malformed=$(dissect "$capture" _ws.malformed frame.number | tr '\n' ' ')
    [ -z "$malformed" ] || fail "malformed to tshark in $capture: $malformed"
done
echo "remark: $(wc -l <"$work/said") packets of speech equal, $messages messages of the handshake read as RTCP"
