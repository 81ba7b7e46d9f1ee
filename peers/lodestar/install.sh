#!/usr/bin/env bash
# Installs Lodestar (consensus) and ethereumjs (execution) from npm into a folder, for devchain/tests/lodestar.rs.
# Exit 77 and a last line with the reason where this machine cannot.
set -u -o pipefail
into=${1:?the folder to install into}
here=$(cd "$(dirname "$0")" && pwd)

for program in node npm g++ make python3; do
    command -v "$program" >/dev/null 2>&1 || { echo "$program is not installed"; exit 77; }
done
[ -e "$into/complete" ] && exit 0

# Every package as it was when this was last tried: some are changed below.
for part in cl el; do
    mkdir -p "$into/$part"
    cp "$here/$part/package.json" "$here/$part/package-lock.json" "$into/$part/" || exit 1
    npm ci --prefix "$into/$part" --ignore-scripts --no-audit --no-fund --silent || exit 1
done
# Install scripts are off, so its one native part is built here.
node_gyp=$(npm root -g)/npm/node_modules/node-gyp/bin/node-gyp.js
(cd "$into/cl/node_modules/snappy" && node "$node_gyp" rebuild --loglevel=error --nodedir="${NODE_HEADERS:-/usr}" >/dev/null) || exit 1
# Two versions of multiaddr meet in it, and do not know each other's addresses.
sed -i "s#return mafmt.TCP.matches(ma.decapsulateCode(CODE_P2P));#return ma.protoNames().includes('tcp');#" \
    "$into/cl/node_modules/@libp2p/tcp/dist/src/index.js" || exit 1
# A node that was kept waiting for an epoch (16 s) would stop for good, and wait for peers that there are not.
sed -i "s#this.slotImportTolerance = SLOTS_PER_EPOCH;#this.slotImportTolerance = 1_000_000;#" \
    "$into/cl/node_modules/@lodestar/beacon-node/lib/sync/sync.js" || exit 1
grep -q 1_000_000 "$into/cl/node_modules/@lodestar/beacon-node/lib/sync/sync.js" || exit 1
# It would listen for peers on every interface.
sed -i "s#this.rlpx.listen(this.config.port, '0.0.0.0')#this.rlpx.listen(this.config.port, '127.0.0.1')#" \
    "$into/el/node_modules/@ethereumjs/client/dist/esm/src/net/server/rlpxserver.js" || exit 1
# What Node.js before 22 lacks.
cat > "$into/cl/poly.cjs" <<'J'
if (!Promise.withResolvers) {
  Promise.withResolvers = function () {
    let resolve, reject;
    const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
    return { promise, resolve, reject };
  };
}
J
touch "$into/complete"
