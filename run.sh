#!/usr/bin/env bash
# Installs, builds and runs the main job: prompts through all three stages, each rank in its own
# process, with profiling on.
set -euo pipefail
cd "$(dirname "$0")"
./setup.sh
build/limelight run --prompts stages/prompts.jsonl --profile all --profile-dir out/traces \
  --output-dir out "$@"
