#!/usr/bin/env bash
# Runs the pipelines of examples/voice; see voice.py.
#   voice.sh <limelight> <voice.so, or "none"> <folder, which is emptied>
# Exit status: 77 if something is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "skipped: $*"; exit 77; }
[[ $2 != none ]] || skip "no OpenVINO or no libespeak-ng where this build was configured (voice.sh)"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/limelight
[[ -f $cache/joe/voice.onnx ]] || skip "no voice (limelight fetch joe)"
[[ -f $cache/smollm2/model.gguf ]] || skip "no SmolLM2 (limelight fetch smollm2)"
command -v python3 >/dev/null || skip "no python3, which reads what is written"
exec python3 "$here/voice.py" "$@" "$cache/joe/voice.onnx"
