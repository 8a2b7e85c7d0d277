#!/usr/bin/env bash
# Installs what Limelight builds on (Debian 12), and builds it in build/. Called by run.sh,
# voice.sh and test.sh; cheap when there is nothing to do.
#   setup.sh [<option of cmake, such as -DLIMELIGHT_CUDA=OFF>...]
set -euo pipefail
cd "$(dirname "$0")"
packages=(
  ca-certificates
  cmake
  curl
  g++
  libacl1-dev
  libboost-test-dev
  libboost1.74-dev
  libcaf-dev
  libcli11-dev
  libcpp-httplib-dev
  libcurl4-openssl-dev
  libdeflate-dev
  libespeak-ng-dev
  libiceoryx-hoofs-dev
  libiceoryx-posh-dev
  libjpeg62-turbo-dev
  libpcre2-dev
  libpng-dev
  libprotozero-dev
  libsndfile1-dev
  libsoxr-dev
  libssl-dev
  libunwind-dev
  libutf8proc-dev
  libyaml-cpp-dev
  libzip-dev
  libzmq3-dev
  libzstd-dev
  ninja-build
  nlohmann-json3-dev
  procps
  unzip
  zlib1g-dev
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
    missing+=("$package")
done
if ((${#missing[@]})); then
  as_root=()
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if (($#)) || [[ ! -f build/build.ninja ]]; then cmake -S . -B build -G Ninja "$@" >/dev/null; fi
cmake --build build
