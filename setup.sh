#!/usr/bin/env bash
# Installs what Limelight builds on (Debian 12), and builds it. Called by run.sh and test.sh; cheap when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")"
packages=(g++ cmake ninja-build libcaf-dev libiceoryx-posh-dev libiceoryx-hoofs-dev libacl1-dev libboost-test-dev zlib1g-dev libzstd-dev libdeflate-dev libcpp-httplib-dev libpcre2-dev libcurl4-openssl-dev libssl-dev libzip-dev
  procps libdnnl-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev libzmq3-dev)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  as_root=()
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
[[ -f build/build.ninja ]] || cmake -S . -B build -G Ninja >/dev/null
cmake --build build
