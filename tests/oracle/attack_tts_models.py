"""Looks for keys of a Qwen3-TTS's config.json that are passed over in silence: random checkpoints
whose config.json was changed, beside what the reference (qwen-tts) computes of the same files.

    python3 attack_tts_models.py PROBE FOLDER [--seed N] [--cases N] [--keep]

PROBE is tts_probe; the packages are those of make_tts_models.py. A case changes one to three keys
of the talker and its code predictor to other values and types. Allowed are only: the same inputs,
states, logits and codes, or a refusal here that names a changed key or a tensor. Where the
reference fails and this project does not, the case is shown as `laxer`; it is no failure. Exits
with 1 if there are failures.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import types
import warnings

import numpy as np
import torch
import transformers
from safetensors.torch import load_file

import make_tts_models as maker
from compare_omni_models import TOLERANCE, relative_difference, state_difference

GONE, FRAMES = object(), 4
DECODER = {
    "hidden_act": ("silu", "gelu", "relu", "gelu_pytorch_tanh", None, GONE),
    "rms_norm_eps": (1e-6, 0.1, 0, None, GONE), "rope_theta": (100.0, 1e6, None, GONE),
    "attention_bias": (True, False, None, GONE), "attention_dropout": (0.5,),
    "num_key_value_heads": (1, 2, None, GONE), "head_dim": (8, 10, 6, None, GONE),
    "use_sliding_window": (True, True, False, None, GONE),
    "sliding_window": (0, 1, 2, 3, 4096, None, GONE), "max_window_layers": (0, 1, 28, None, GONE),
    "layer_types": (None, GONE, ["full_attention"] * 2, ["sliding_attention"] * 2,
                    ["full_attention", "sliding_attention"], ["sliding_attention"] * 3),
    "max_position_embeddings": (64, 4096, GONE), "tie_word_embeddings": (True, False, None, GONE),
    "initializer_range": (0.5,), "use_cache": (False, True), "pad_token_id": (3, None),
    "bos_token_id": (3,), "eos_token_id": (3, None),
    "partial_rotary_factor": (0.5, 1.0), "rope_parameters": (None, {"rope_theta": 50.0}),
    "is_decoder": (True,), "repetition_penalty": (2.0,), "temperature": (0.5,), "top_k": (3,),
    "min_length": (9,), "no_repeat_ngram_size": (2,), "suppress_tokens": ([3],),
    "num_hidden_layers": (1, 2, 3), "intermediate_size": (24, 40), "novelty": (1,),
    "rope_scaling": (
        None, GONE, 3, {"rope_type": "default"}, {"type": "linear", "factor": 2.0},
        {"rope_type": "linear", "factor": 4.0}, {"rope_type": "default", "type": "linear",
                                                  "factor": 4.0},
        {"rope_type": "default", "mrope_section": [2, 1, 1], "interleaved": True},
        {"rope_type": "default", "mrope_section": [1, 1, 2], "interleaved": False},
        {"rope_type": "linear", "factor": 2.0, "mrope_section": [2, 1, 1], "interleaved": False},
        {"rope_type": "yarn", "factor": 2.0, "mrope_section": [2, 1, 1], "interleaved": True},
        {"rope_type": "dynamic", "factor": 2.0, "mrope_section": [2, 1, 1], "interleaved": True},
        {"rope_type": "default", "mrope_section": [4, 0, 0], "interleaved": True, "slope": 2})}
TALKER = {
    "codec_bos_id": (3, 40, GONE), "codec_pad_id": (3, 41, GONE), "codec_think_id": (3, GONE),
    "codec_nothink_id": (3, GONE), "codec_think_bos_id": (3, GONE), "text_hidden_size": (16, 20),
    "codec_think_eos_id": (3, GONE), "codec_eos_token_id": (3, GONE), "spk_id": ({"eric": 5}, None),
    "codec_language_id": ({"english": 5}, None), "position_id_per_seconds": (1, None),
    "spk_is_dialect": ({"eric": "english"}, {"eric": False}, None), "num_code_groups": (3, 4, 6)}
TOP = {
    "im_start_token_id": (3,), "im_end_token_id": (3,), "tts_pad_token_id": (3, GONE),
    "tts_bos_token_id": (3, GONE), "tts_eos_token_id": (3, GONE), "assistant_token_id": (3,),
    "tts_model_size": ("0b6", "1b7"), "tie_word_embeddings": (True, False),
    "speaker_encoder_config": ({"enc_dim": 3}, None), "novelty": (1,)}


class Draw(random.Random):
    def some(self, *choices):
        return self.choice(choices)


def change(config, draw):
    changed = {}
    for _ in range(draw.randint(1, 3)):
        where = draw.some("", "talker_config", "talker_config", "talker_config",
                          "talker_config.code_predictor_config",
                          "talker_config.code_predictor_config")
        options = TOP if not where else (
            {**DECODER, **TALKER} if where == "talker_config" else DECODER)
        inner = config
        for name in filter(None, where.split(".")):
            inner = inner[name]
        key = draw.choice(sorted(options))
        value = draw.choice(options[key])
        if value is GONE:
            inner.pop(key, None)
        else:
            inner[key] = value
        changed[f"{where}.{key}".lstrip(".")] = "(gone)" if value is GONE else value
    return changed


def theirs(folder, config, request):
    """What the reference computes, or why it does not."""
    try:
        # Only a Base has a speaker encoder; its class does not take what itself has written.
        stated = maker.Qwen3TTSConfig(
            **{k: v for k, v in config.items() if k != "speaker_encoder_config"})
        model = maker.Qwen3TTSForConditionalGeneration._from_config(
            stated, attn_implementation="eager").eval()
        model.load_state_dict(load_file(folder / "model.safetensors"))
        tokenizer = transformers.Qwen2TokenizerFast.from_pretrained(folder)
        speaking = maker.Qwen3TTSModel(model, maker.Qwen3TTSProcessor(tokenizer=tokenizer), {})
        silence = types.SimpleNamespace(chunked_decode=lambda _codes: torch.zeros(1, 1, 4))
        return maker.expected(speaking, silence, request)
    except Exception as failure:  # whatever it is
        return f"{type(failure).__name__}: {failure}"[:200]


def ours(probe, folder, request):
    done = subprocess.run([probe, str(folder)], input=json.dumps(request) + "\n", text=True,
                          errors="replace", capture_output=True, timeout=120)
    if done.returncode == 0:
        return json.loads(done.stdout)
    return done.stderr.strip() if done.returncode == 1 else f"CRASH {done.returncode}"


def judge(mine, reference, changed):
    if isinstance(mine, str):
        # Of shapes that do not fit, tensors, heads and layers are named.
        named = ["tensor", "heads of size", "with the sum", "layer_types"]
        named += ["instructions"] if "tts_model_size" in changed else []  # a small one reads none
        named += [key.split(".")[-1] for key in changed]
        good = not mine.startswith("CRASH") and any(name in mine for name in named)
        return ("refused" if good else "FAIL"), ""
    if isinstance(reference, str):
        return "laxer", ""
    clear, wanted = reference
    apart = {name: (state_difference if name == "states" else relative_difference)(
        mine[name], wanted[name]) for name in ("inputs", "states", "logits")
        if np.shape(mine[name]) or name != "states"}
    same = mine["codes"] == wanted["codes"].ravel().tolist() or clear < maker.LEAST
    good = same and max(apart.values()) <= TOLERANCE
    return ("same" if good else "FAIL"), {k: f"{v:.1e}" for k, v in apart.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="the folders of failures")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    counts = collections.Counter()
    for n in range(args.cases):
        draw = Draw(f"{args.seed} {n}")
        base = args.folder / f"base-{args.seed}-{n // 15}"
        if n % 15 == 0:
            subprocess.run(
                [sys.executable, "-W", "ignore", maker.__file__, base, "--seed",
                 str(1000 * args.seed + n), "--prompts", "1", "--frames", str(FRAMES)],
                check=True, capture_output=True)
        folder = args.folder / f"{args.seed}-{n}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base, folder)
        config = json.loads((base / "config.json").read_text())
        changed = change(config, draw)
        (folder / "config.json").write_text(json.dumps(config))
        request = maker.draw_request(draw, draw.randrange(4), False, FRAMES)
        request["speaker"] = "eric"
        with torch.inference_mode():
            reference = theirs(folder, config, request)
        mine = ours(args.probe, folder, request)
        verdict, apart = judge(mine, reference, changed)
        counts[verdict] += 1
        if verdict in ("FAIL", "laxer"):
            said = re.sub(r"/\S*/", "", mine)[:250] if isinstance(mine, str) else ""
            failed = reference if isinstance(reference, str) else ""
            print(f"{verdict} {args.seed}-{n}: {json.dumps(changed)}; ours: {said} {apart}; "
                  f"theirs: {failed}", flush=True)
        if not (args.keep and verdict == "FAIL"):
            shutil.rmtree(folder)
    print(dict(counts))
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
