#!/usr/bin/env bash
# Fuzzes the readers of model files, chat templates, tokenizers, sounds, pictures and HTTP requests,
# and the HTTP front's connections and WebSockets, with libFuzzer, under AddressSanitizer and
# UndefinedBehaviorSanitizer. Exit 77: no clang with libFuzzer.
#   run.sh <folder for builds> [<seconds for each>] [<folder for new inputs>]
# Without a folder for them, new inputs are forgotten. LIMELIGHT_FUZZ names some of the readers.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) build=$1 seconds=${2:-5} keep=${3:-}
root=$here/../..
mkdir -p "$build"
command -v clang++ >/dev/null || { echo "skipped: no clang++"; exit 77; }
flags=(
  -std=c++20 -O1 -g -fno-omit-frame-pointer
  -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
  -fno-sanitize=function # clang 14 cannot build coroutines with it
  -DBOOST_DISABLE_ASSERTS # as actors/http/CMakeLists.txt has it
  -I"$root" -I"$root/include" -DFIXTURES="\"$root/tests/fixtures\"")
probe='extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
echo "$probe" | clang++ -x c++ - -fsanitize=fuzzer,address -o "$build/probe" 2>/dev/null ||
  { echo "skipped: this clang++ has no libFuzzer"; exit 77; }
# What reads files and texts; the networks need devices.
mapfile -t sources < <(cd "$root" && find stages/models stages/media -name '*.cpp' |
  grep -vE '/(decoder|feed_forward|kv_cache|sampler|text_model|weights)\.cpp$' |
  grep -vE '/(audio_encoder|code2wav_(network|weights)|code_predictor|convolution)\.cpp$' |
  grep -vE '/(encoder_parts|media_encoders|qwen2_5_talker_inputs|talker_inputs)\.cpp$' |
  grep -vE '/(convolution_loader|diffusion_transformer|mel_vocoder|smooth_snake)\.cpp$' |
  grep -vE '/(resize_mlp|speaker_encoder|tts_inputs|vision_encoder)\.cpp$' |
  sed 's/\.cpp$//')
sources+=(stages/devices/blocks base/{mapped_file,result} profiling/record/clock)
sources+=(
  actors/api/content_part
  actors/formats/{base64,json_values,message_json,ordered_json,request_parts,sampling_json}
  actors/formats/tool_calls_json
  actors/http/{completion_request,limited_json,profile_request,request_parser,sound_format}
  actors/formats/wav
  actors/http/{api_error,connection,exchange,loop,message,socket_progress,stream_watch,websocket}
  base/{log,log_fields})
objects=()
for source in "${sources[@]}"; do
  object=$build/$(basename "$(dirname "$source")")_$(basename "$source").o
  [[ $object -nt $root/$source.cpp && $object -nt $root/stages/models/model_file.hpp ]] ||
    clang++ "${flags[@]}" -c "$root/$source.cpp" -o "$object" &
  objects+=("$object")
  (($(jobs -r | wc -l) < 2)) || wait -n
done
wait
# Pictures and sounds are those of the unit tests.
corpus() {
  local endings
  case $1 in
    audio) endings=(wav flac mp3) ;;
    jpeg) endings=(jpg) ;;
    png) endings=(png) ;;
    *) echo "$here/corpus/$1"; return ;;
  esac
  mkdir -p "$build/corpus/$1"
  for ending in "${endings[@]}"; do
    cp "$root"/tests/fixtures/media/*."$ending" "$build/corpus/$1"
  done
  echo "$build/corpus/$1"
}
all="audio connection gguf http jpeg png safetensors template tokenizer"
for target in ${LIMELIGHT_FUZZ:-$all}; do
  clang++ "${flags[@]}" -fsanitize=fuzzer "$here/fuzz_$target.cpp" "${objects[@]}" \
    -ljpeg -lpcre2-8 -lpng -lsndfile -lsoxr -lutf8proc \
    -o "$build/fuzz_$target"
  new=${keep:+$keep/$target}
  [[ -n $new ]] || new=$(mktemp -d "$build/new.XXXX")
  mkdir -p "$new"
  # More than 512 MiB for a file of some kilobytes is a finding as well.
  limits=(-rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=10 -max_len=65536)
  "$build/fuzz_$target" -max_total_time="$seconds" "${limits[@]}" -print_final_stats=1 \
    -artifact_prefix="$build/" "$new" "$(corpus "$target")" 2>&1 |
    grep -E 'stat::number_of_executed_units|stat::peak_rss|ERROR|SUMMARY|cov:' | tail -5
  [[ -n $keep ]] || rm -rf "$new"
done
