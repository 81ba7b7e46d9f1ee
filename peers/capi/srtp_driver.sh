#!/usr/bin/env bash
# libsrtp's own tests, their source as Debian has it, run on our library: srtp_driver.sh OUR-LIBRARY WORK-FOLDER
#
# Waived, since they look inside of libsrtp (driver_shim.c stands in for them):
#   srtp_stream_list_test: the list that libsrtp keeps its streams in
#   srtp_session_print_policy: a printed description of a session
set -eu -o pipefail
library=$(realpath "${1:?usage: srtp_driver.sh OUR-LIBRARY WORK-FOLDER}")
work=${2:?usage: srtp_driver.sh OUR-LIBRARY WORK-FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"
cd "$work"
# What was interrupted is begun anew.
if [ ! -e complete ]; then
    rm -rf libsrtp2-*/
    apt-get source -qq libsrtp2 >/dev/null 2>&1 || {
        echo "Debian's source package libsrtp2 is not to be had: a deb-src line is missing"
        exit 77
    }
    (cd libsrtp2-*/ && ./configure --enable-nss >/dev/null 2>&1)
    touch complete
fi
source=$(ls -d libsrtp2-*/ | tail -n 1)
rm -rf objects
mkdir objects
for file in srtp_driver util getopt_s rtp rtpw; do
    cc -O1 -w -DHAVE_CONFIG_H -I"$source/include" -I"$source/crypto/include" -c "$source/test/$file.c" -o "objects/$file.o"
done
cc -O1 -I"$source/include" -I"$source/crypto/include" -c "$here/driver_shim.c" -o objects/shim.o
objcopy --weaken-symbol=srtp_session_print_policy --weaken-symbol=srtp_stream_list_test objects/srtp_driver.o
ln -s "$library" objects/libsrtp2.so.1
cc -o objects/driver objects/srtp_driver.o objects/shim.o objects/util.o objects/getopt_s.o objects/libsrtp2.so.1

status=0
(cd "$source/test" && LD_LIBRARY_PATH=$PWD/../../objects "$OLDPWD/objects/driver" -v) >driver.log 2>&1 || status=$?
loaded=$(LD_LIBRARY_PATH=objects ldd objects/driver)
[[ $loaded = *"libsrtp2.so.1 => objects/"* ]] || {
    echo "the driver did not run on our library: $loaded"
    exit 1
}
if [ "$status" != 0 ] || grep -q 'failed$' driver.log; then
    tail -n 20 driver.log
    echo "srtp_driver failed with $status"
    exit 1
fi
echo "srtp_driver: $(grep -c 'passed$' driver.log) checks passed, of them $(grep -c 'waived passed$' driver.log) waived by name"
