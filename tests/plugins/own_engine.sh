#!/usr/bin/env bash
# Runs models that are made here through examples/own_engine; see own_engine.py.
#   own_engine.sh <limelight> <own_engine.so, or "none"> <folder, which is emptied>
# Exit status: 77 if something is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "skipped: $*"; exit 77; }
[[ $2 != none ]] || skip "no OpenVINO where this build was configured (tests/oracle/install.sh)"
for python in ${LIMELIGHT_PYTHON:-} "$here/../../build/oracle/bin/python" python3; do
  "$python" -c 'import numpy, onnx' 2>/dev/null || continue
  exec "$python" "$here/own_engine.py" "$@"
done
skip "no python with onnx, which makes the models (tests/oracle/install.sh)"
