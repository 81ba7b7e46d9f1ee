#!/usr/bin/env bash
# pylibsrtp's own tests, built from its source against Debian's headers, on our library: pylibsrtp.sh OUR-LIBRARY WORK-FOLDER
set -eu -o pipefail
library=$(realpath "${1:?usage: pylibsrtp.sh OUR-LIBRARY WORK-FOLDER}")
work=${2:?usage: pylibsrtp.sh OUR-LIBRARY WORK-FOLDER}
version=1.0.0
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"
cd "$work"
if ! pkg-config --exists libsrtp2; then
    echo "libsrtp2-dev is not installed"
    exit 77
fi
# What it is built with too, so that the same is tried again.
export PIP_CONSTRAINT=$here/pylibsrtp.txt
# What was interrupted is begun anew.
if [ ! -e complete ]; then
    rm -rf venv "pylibsrtp-$version"
    python3 -m venv venv
    venv/bin/python -m pip install --quiet --disable-pip-version-check --no-binary pylibsrtp "pylibsrtp==$version"
    venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pylibsrtp "pylibsrtp==$version"
    tar xzf "pylibsrtp-$version.tar.gz"
    touch complete
fi
rm -rf ours tests
mkdir ours
ln -s "$library" ours/libsrtp2.so.1
cp -r "pylibsrtp-$version/tests" tests
LD_LIBRARY_PATH=$PWD/ours venv/bin/python - <<'PYTHON'
import re, sys, unittest
result = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.discover("tests"))
mapped = {line.split()[-1] for line in open("/proc/self/maps") if re.search(r"libsrtp2", line)}
print("in use:", *mapped)
if result.testsRun == 0 or not result.wasSuccessful() or not all("libsrtp2.so" in path and "/usr/" not in path for path in mapped) or not mapped:
    sys.exit(1)
PYTHON
