#!/usr/bin/env bash
# Janus, as Debian has it, on our library: WebRTC calls of aiortc, which brings a libsrtp of its own, to Janus' echo
# test, in each SRTP profile of DTLS that both know: janus.sh OUR-LIBRARY WORK-FOLDER
set -eu -o pipefail
library=$(realpath "${1:?usage: janus.sh OUR-LIBRARY WORK-FOLDER}")
work=${2:?usage: janus.sh OUR-LIBRARY WORK-FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v janus >/dev/null; then
    echo "janus is not installed"
    exit 77
fi
installed=$(dirname "$(dpkg -L janus | sed -n '0,/plugins$/s/plugins$/&/p')")
mkdir -p "$work"
cd "$work"
if ! venv/bin/python -c 'import aiortc, numpy' 2>/dev/null; then
    rm -rf venv
    python3 -m venv venv
    venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$here/janus.txt"
fi
rm -rf ours folder
mkdir -p ours folder/plugins folder/transports folder/none
ln -s "$library" ours/libsrtp2.so.1
ln -s "$installed/plugins/libjanus_echotest.so" folder/plugins/
ln -s "$installed/transports/libjanus_http.so" folder/transports/
port=$((28000 + $$ % 4000))
# One that nobody listens at.
while [[ $(cut -d ' ' -f 4 < <(tr -s ' ' </proc/net/tcp)) = *":$(printf %04X "$port")"$'\n'* ]]; do
    port=$((28000 + (port + 1) % 4000))
done
cat >folder/janus.jcfg <<END
general: {
  configs_folder = "$PWD/folder"
  plugins_folder = "$PWD/folder/plugins"
  transports_folder = "$PWD/folder/transports"
  events_folder = "$PWD/folder/none"
  loggers_folder = "$PWD/folder/none"
}
END
cat >folder/janus.transport.http.jcfg <<END
general: { json = "compact", base_path = "/janus", http = true, https = false, port = $port, ip = "127.0.0.1" }
END
: >folder/janus.plugin.echotest.jcfg

LD_LIBRARY_PATH=$PWD/ours janus --disable-colors --configs-folder="$PWD/folder" >janus.log 2>&1 &
janus=$!
trap 'kill $janus 2>/dev/null || true' EXIT
for _ in $(seq 1500); do
    grep -q 'HTTP webserver started' janus.log && break
    kill -0 $janus || { tail -n 20 janus.log; exit 1; }
    sleep 0.2
done
grep -q 'HTTP webserver started' janus.log || {
    tail -n 20 janus.log
    echo "Janus listens to nobody"
    exit 1
}
for profile in SRTP_AES128_CM_SHA1_80 SRTP_AEAD_AES_128_GCM SRTP_AEAD_AES_256_GCM; do
    venv/bin/python "$here/janus_echo.py" "$port" "$profile" || { tail -n 20 janus.log; exit 1; }
done
mapped=$(sed -n 's/.* \(\/.*srtp2.*\)/\1/p' /proc/$janus/maps | sort -u)
[ "$mapped" = "$library" ] || {
    echo "Janus did not run on our library: $mapped"
    exit 1
}
echo "remark: in Janus' memory: $(basename "$mapped"), ours"
