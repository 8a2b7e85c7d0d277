#!/usr/bin/env bash
# Installs, builds and runs the second example: SmolLM2 answers, and a voice of Piper says it,
# sentence by sentence while the text still comes, each stage in its own process, with profiling on.
#   voice.sh [<prompt> [<option of limelight run>...]]
set -euo pipefail
cd "$(dirname "$0")"
prompt=${1:-"Why is the sky blue?"}
shift || true
./setup.sh

# OpenVINO's headers, libraries and CMake files are in its Python package; Python is not needed.
wheel=openvino-2026.4.1-22982-cp311-cp311-manylinux_2_28_x86_64.whl
sum=2d22b1da03f7caf74df30e9f6417d0ab2f637e4a38e08e1dcd294d2c37407aaf
cache=${XDG_CACHE_HOME:-$HOME/.cache}/limelight
folder=$cache/openvino-2026.4.1
if [[ ! -d $folder ]]; then
  index=${LIMELIGHT_INDEX_URL:-https://pypi.org/simple}
  mkdir -p "$cache"
  url=$(curl -fsSL -H 'Accept: application/vnd.pypi.simple.v1+json' "$index/openvino/" |
    grep -o "\"url\": *\"[^\"]*/$wheel\"" | head -n 1 | cut -d '"' -f 4) || true
  [[ -n $url ]] || { echo "voice.sh: $index/openvino/: found no $wheel, expected one" >&2; exit 1; }
  echo "fetching OpenVINO from $url" >&2
  curl -fsSL -C - -o "$cache/$wheel" "$url"
  if ! sha256sum --quiet -c - <<<"$sum  $cache/$wheel"; then
    rm -f "$cache/$wheel"
    exit 1
  fi
  rm -rf "$folder.part"
  unzip -q "$cache/$wheel" -d "$folder.part"
  mv "$folder.part" "$folder"
  rm -f "$cache/$wheel"
fi
./setup.sh "-DOpenVINO_DIR=$folder/openvino/cmake" -DLIMELIGHT_OPENVINO=ON

build/limelight fetch smollm2
build/limelight fetch joe
build/limelight run --config examples/voice/voice.yaml --prompt "$prompt" --profile all \
  --profile-dir out/voice/traces --output-dir out/voice "$@"
