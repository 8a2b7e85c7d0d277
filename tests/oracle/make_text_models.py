"""Makes tiny random text models of all families, and what a reference (transformers) computes.

    pip install torch transformers tokenizers gguf safetensors
    python3 make_text_models.py OUT [--seed N] [--only PATTERN...] [--vocab N]

OUT/<case>/ gets a checkpoint: config.json, safetensors, tokenizer.json and tokenizer_config.json.
OUT/<case>-gguf/model.gguf holds the same network as llama.cpp's converter writes it. Both folders
get expected.json: the logits after eight prompts, and the greedy answer to one of them.

The seed draws weights and shapes. A pattern, such as 'gemma*', picks cases by name.

For each case it prints by how much the logits change when a feature is switched off in the
reference. It exits with 1 if a feature changes nothing: a reader could then ignore it unnoticed.
"""
import argparse
import copy
import fnmatch
import json
import pathlib
import random
import sys
from dataclasses import dataclass, field

import gguf
import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM

VOCAB = 512
CONTEXT = 256  # longer than a prompt with its answer, as some rope types change beyond it
LENGTHS = (1, 2, 8, 9, 17, 25, 33, 40)  # of prompts; around the window, and far beyond it
WINDOW = 8
ANSWER = 64
VISIBLE = 1e-3  # the least change of a logit that shows a feature
CLEAR = 5e-4  # how far, relative to the largest logit, a greedy token must lead the next one
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    r"{% for message in messages %}"
    r"{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    r"+ '<|im_end|>\n' }}{% endfor %}"
    r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
WORDS = (
    "the of and to in is was for that with as on it by at from are this be an or which have not "
    "but they their more one can when will 12 99 2024 ( ) { } => != \t \n é 日 本 😀 naïve café"
).split(" ")


# --- The cases ---


@dataclass
class Case:
    name: str
    family: str  # config.json's model_type
    features: dict = field(default_factory=dict)  # keys of the config; of the shape: not drawn
    off: dict = field(default_factory=dict)  # what must be visible: what switches it off
    same: dict = field(default_factory=dict)  # what the reference ignores: a change that proves it
    gguf: bool = False
    q8: bool = False  # the large matrices hold only values that Q8_0 can express
    v4: bool = False  # config.json as version 4 of transformers wrote it
    free_heads: bool = False  # the size of a head is not that of the hidden state over heads
    shard: str | None = None  # the largest size of a file


def rope(kind, theta=1e3, **more):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **more}}


def fill(part, value):
    """Returns a change that fills all parameters of which the name contains the part."""

    def change(model):
        for name, p in model.named_parameters():
            if part in name:
                p.fill_(value)

    return change


def untie(model):
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.flip(0))


def without_qk_norm(model):
    for layer in model.model.layers:
        layer.self_attn.q_norm = layer.self_attn.k_norm = torch.nn.Identity()


def yarn(**more):
    # So far that the ramp from old to new frequencies begins and ends within a head.
    keys = {"factor": 4.0, "original_max_position_embeddings": 4096, **more}
    return {**rope("yarn", **keys), "max_position_embeddings": 16384}


PLAIN = rope("default")
BASE = {"rope base": rope("default", 1e4)}
SCALING = {"rope scaling": PLAIN}
NO_WINDOW = {"window": {"sliding_window": 1000}, "window + 1": {"sliding_window": WINDOW + 1}}
QK_NORM = {"q/k norm": without_qk_norm}
LLAMA3 = rope(
    "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=64)
SHORT = [1.0, 1.1, 1.3, 1.7, 2.0, 2.6, 3.1, 4.0]  # for heads of 16
LONG = [1.0, 1.5, 2.5, 4.0, 6.0, 9.0, 12.0, 16.0]
BEFORE = {"original_max_position_embeddings": CONTEXT}  # where longrope doubles the context


def llama_cases():
    def case(name="", *args, **more):
        return Case("llama" + name, "llama", *args, **more)

    bias, mlp_bias = {"attention_bias": True}, {"mlp_bias": True}
    no_bias, no_mlp_bias = {"attention_bias": False}, {"mlp_bias": False}
    both = {**bias, **mlp_bias, "tie_word_embeddings": True}
    no_both = {"attention bias": no_bias, "MLP bias": no_mlp_bias, "tied embeddings": untie}
    return [
        case("", PLAIN, BASE, gguf=True, shard="50KB"),
        case("-q8", PLAIN, BASE, gguf=True, q8=True),
        case("-attention-bias", bias, {"attention bias": no_bias}, gguf=True),
        case("-mlp-bias", mlp_bias, {"MLP bias": no_mlp_bias}, gguf=True),
        case("-biases-tied", both, no_both, gguf=True),
        case("-head-dim", PLAIN, BASE, gguf=True, free_heads=True),
        case("-one-kv-head", {"num_key_value_heads": 1}, gguf=True),
        case("-gelu", {"hidden_act": "gelu"}, {"GELU": {"hidden_act": "silu"}}),
        case("-gelu-tanh", {"hidden_act": "gelu_pytorch_tanh", "num_hidden_layers": 5},
             {"GELU": {"hidden_act": "silu"}, "tanh": {"hidden_act": "gelu"}}),
        *llama_rope_cases(case),
    ]


def llama_rope_cases(case):
    mscale = {"mscale": 0.7, "mscale_all_dim": 1.3}
    longrope, factor, attention = (
        {**rope("longrope", short_factor=SHORT, long_factor=LONG, **BEFORE, **more),
         "head_dim": 16, "max_position_embeddings": 2 * CONTEXT}
        for more in ({}, {"factor": 8.0}, {"attention_factor": 1.4})
    )
    return [
        case("-rope-linear", rope("linear", factor=4.0), SCALING, gguf=True),
        # Within the context dynamic scaling is none.
        case("-rope-dynamic", rope("dynamic", factor=4.0), BASE, {"rope scaling": PLAIN}),
        case("-rope-yarn", yarn(), SCALING, gguf=True),
        case("-rope-yarn-betas", yarn(beta_fast=8.0, beta_slow=2.0),
             {**SCALING, "betas": yarn()}),
        case("-rope-yarn-attention-factor", yarn(attention_factor=1.7),
             {**SCALING, "attention factor": yarn()}),
        case("-rope-yarn-no-truncate", yarn(truncate=False),
             {**SCALING, "no truncation": yarn()}),
        case("-rope-yarn-mscale", yarn(**mscale), {**SCALING, "mscale": yarn()}),
        case("-rope-yarn-mscale-one", yarn(mscale=1.0, mscale_all_dim=1.0),
             {**SCALING, "mscale": yarn()}),
        case("-rope-yarn-mscale-alone", yarn(mscale=0.7), SCALING, {"mscale": yarn()}),
        case("-rope-llama3", LLAMA3, SCALING, gguf=True),
        case("-rope-llama3-v4", LLAMA3, SCALING, v4=True),
        case("-rope-longrope", longrope, SCALING),
        case("-rope-longrope-factor", factor, {**SCALING, "factor": longrope}),
        case("-rope-longrope-attention-factor", attention,
             {**SCALING, "attention factor": longrope}),
    ]


def mistral_cases():
    return [
        Case("mistral", "mistral", {**PLAIN, "sliding_window": None}, BASE),
        Case("mistral-window", "mistral", {"sliding_window": WINDOW}, NO_WINDOW),
    ]


def qwen2_cases():
    no_bias = {"biases": fill("bias", 0)}
    window = {
        "num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": WINDOW,
        "max_window_layers": 1}
    all_layers = {"first layers": {"layer_types": ["sliding_attention"] * 3}}
    types = {**window, "layer_types": ["sliding_attention", "full_attention", "full_attention"]}
    derived = ["full_attention", "sliding_attention", "sliding_attention"]
    return [
        Case("qwen2", "qwen2", PLAIN, {**BASE, **no_bias}, gguf=True),
        Case("qwen2-tied", "qwen2", {"tie_word_embeddings": True},
             {**no_bias, "tied embeddings": untie}, gguf=True),
        Case("qwen2-v4", "qwen2", PLAIN, {**BASE, **no_bias}, v4=True),
        Case("qwen2-q8", "qwen2", PLAIN, no_bias, gguf=True, q8=True),
        Case("qwen2-window", "qwen2", window, {**NO_WINDOW, **all_layers}),
        Case("qwen2-window-v4", "qwen2", window, {**NO_WINDOW, **all_layers}, v4=True),
        Case("qwen2-layer-types", "qwen2", types,
             {**NO_WINDOW, "layer types": {"layer_types": derived}}),
        Case("qwen2-rope-yarn", "qwen2", yarn(), SCALING, gguf=True),
    ]


def qwen3_cases():
    window = {
        "num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": WINDOW,
        "max_window_layers": 2}
    bias = {"attention bias": {"attention_bias": False}}
    return [
        Case("qwen3", "qwen3", PLAIN, {**BASE, **QK_NORM}, gguf=True),
        Case("qwen3-tied", "qwen3", {"tie_word_embeddings": True},
             {**QK_NORM, "tied embeddings": untie}, gguf=True),
        Case("qwen3-q8", "qwen3", PLAIN, QK_NORM, gguf=True, q8=True),
        Case("qwen3-attention-bias", "qwen3", {"attention_bias": True}, bias),
        Case("qwen3-window", "qwen3", window, NO_WINDOW),
        Case("qwen3-rope-yarn", "qwen3", yarn(), SCALING, gguf=True),
    ]


def qwen2_moe_cases():
    norm = {"norm_topk_prob": True}
    no_norm = {"norm_topk_prob": False}
    shared = {"shared expert": fill("shared_expert.down_proj", 0),
              "shared expert's gate": fill("shared_expert_gate", 0)}
    norm_off = {"normalisation": no_norm}
    window = {
        "num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": WINDOW,
        "max_window_layers": 2}
    later = ["full_attention", "full_attention", "sliding_attention"]
    experts = {"experts": fill("experts.down_proj", 0)}
    dense = {"dense layers": fill("mlp.down_proj", 0)}
    # llama.cpp never normalises here, and has no layers without experts.
    return [
        Case("qwen2_moe", "qwen2_moe", {**PLAIN, **no_norm},
             {**BASE, **shared, **experts, "no normalisation": norm}, gguf=True),
        Case("qwen2_moe-q8", "qwen2_moe", no_norm, shared, gguf=True, q8=True),
        Case("qwen2_moe-norm-topk", "qwen2_moe", norm, {**shared, **norm_off}),
        Case("qwen2_moe-sparse-step", "qwen2_moe",
             {"decoder_sparse_step": 2, "num_hidden_layers": 4}, {**experts, **dense}),
        Case("qwen2_moe-mlp-only", "qwen2_moe",
             {"mlp_only_layers": [0, 2], "num_hidden_layers": 4, **norm}, {**norm_off, **dense}),
        Case("qwen2_moe-no-bias", "qwen2_moe", {"qkv_bias": False, **PLAIN}, BASE),
        Case("qwen2_moe-window", "qwen2_moe", window,
             {**NO_WINDOW, "layer types": {"layer_types": later}}),
    ]


def qwen3_moe_cases():
    norm = {"norm_topk_prob": True}
    no_norm = {"norm_topk_prob": False}
    experts = {"experts": fill("experts.down_proj", 0)}
    dense = {"dense layers": fill("mlp.down_proj", 0)}
    window = {"use_sliding_window": True, "sliding_window": WINDOW, **norm}
    norm_off = {"normalisation": no_norm}
    # llama.cpp always normalises here, and has no layers without experts.
    return [
        Case("qwen3_moe", "qwen3_moe", {**PLAIN, **norm},
             {**BASE, **QK_NORM, **experts, **norm_off}, gguf=True),
        Case("qwen3_moe-q8", "qwen3_moe", norm, norm_off, gguf=True, q8=True),
        Case("qwen3_moe-v4", "qwen3_moe", {**PLAIN, **norm}, {**BASE, **norm_off}, v4=True),
        Case("qwen3_moe-no-norm-topk", "qwen3_moe", no_norm, {"no normalisation": norm}),
        Case("qwen3_moe-mlp-only", "qwen3_moe",
             {"mlp_only_layers": [1], "num_hidden_layers": 3, **norm}, {**norm_off, **dense}),
        Case("qwen3_moe-sparse-step", "qwen3_moe",
             {"decoder_sparse_step": 2, "num_hidden_layers": 4, **norm}, {**norm_off, **dense}),
        Case("qwen3_moe-attention-bias", "qwen3_moe", {"attention_bias": True},
             {"attention bias": {"attention_bias": False}}),
        Case("qwen3_moe-window", "qwen3_moe", window, NO_WINDOW),
    ]


def gemma2_cases():
    caps = {
        "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0, "sliding_window": WINDOW,
        "head_dim": 16, "num_hidden_layers": 4}
    scale = {**caps, **PLAIN, "query_pre_attn_scalar": 4}
    no_caps = {**scale, "attn_logit_softcapping": None, "final_logit_softcapping": None}
    off = {
        **NO_WINDOW,
        "attention cap": {"attn_logit_softcapping": None},
        "final cap": {"final_logit_softcapping": None}}
    scale_off = {"scale": {"query_pre_attn_scalar": 16}}
    # llama.cpp takes the scale from the size of a head, and the base of rope to be 10000.
    file = {**caps, **rope("default", 1e4), "query_pre_attn_scalar": 16}
    return [
        Case("gemma2", "gemma2", scale, {**off, **scale_off, **BASE}),
        Case("gemma2-v4", "gemma2", scale, {**off, **scale_off, **BASE}, v4=True),
        Case("gemma2-no-caps", "gemma2", no_caps, {**NO_WINDOW, **scale_off}),
        Case("gemma2-head-scale", "gemma2", file, off, gguf=True),
        Case("gemma2-q8", "gemma2", file, off, gguf=True, q8=True),
    ]


def gemma3_rope(local=1e3, base=1e5, kind="default", **more):
    full = {"rope_type": kind, "rope_theta": base, **more}
    sliding = {"rope_type": "default", "rope_theta": local}
    return {"rope_parameters": {"full_attention": full, "sliding_attention": sliding}}


def gemma3_cases():
    small = {
        "sliding_window": WINDOW, "sliding_window_pattern": 2, "num_hidden_layers": 4,
        "head_dim": 16, "query_pre_attn_scalar": 4, **gemma3_rope()}
    # llama.cpp takes the scale from the size of a head, and every sixth layer to be global.
    file = {
        "sliding_window": WINDOW, "num_hidden_layers": 7, "head_dim": 16,
        "query_pre_attn_scalar": 16, **gemma3_rope()}
    linear = gemma3_rope(kind="linear", factor=8.0)
    off = {
        **NO_WINDOW, **QK_NORM,
        "local rope": gemma3_rope(local=1e5),
        "global rope": gemma3_rope(base=1e3)}
    pattern = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]
    small_off = {**off, "scale": {"query_pre_attn_scalar": 16}, "pattern": {"layer_types": pattern}}
    scaling = {**NO_WINDOW, "rope scaling": gemma3_rope()}
    cap = {"final_logit_softcapping": 3.0}
    return [
        Case("gemma3_text", "gemma3_text", small, small_off,
             {"attention cap": {"attn_logit_softcapping": 1.0}}),
        Case("gemma3_text-pattern", "gemma3_text", file, off, gguf=True),
        Case("gemma3_text-q8", "gemma3_text", file, off, gguf=True, q8=True),
        Case("gemma3_text-linear", "gemma3_text", {**file, **linear}, scaling, gguf=True),
        Case("gemma3_text-linear-v4", "gemma3_text", {**small, **linear}, scaling, v4=True),
        Case("gemma3_text-final-cap", "gemma3_text", {**small, **cap},
             {"final cap": {"final_logit_softcapping": None}}),
    ]


def phi3_cases():
    window = {"sliding_window": WINDOW}
    half = rope("default", partial_rotary_factor=0.5)
    whole = {"partial rope": rope("default", partial_rotary_factor=1.0)}
    context = {**BEFORE, "max_position_embeddings": 2 * CONTEXT, "head_dim": 16}
    longrope = {**rope("longrope", short_factor=SHORT, long_factor=LONG), **context}
    partial = {
        **rope("longrope", short_factor=SHORT[::2], long_factor=LONG[::2],
               partial_rotary_factor=0.5),
        **context, "tie_word_embeddings": True}
    scaling = {"rope scaling": rope("default", partial_rotary_factor=1.0)}
    return [
        Case("phi3", "phi3", PLAIN, BASE, gguf=True),
        Case("phi3-q8", "phi3", PLAIN, BASE, gguf=True, q8=True),
        Case("phi3-window", "phi3", window, NO_WINDOW, gguf=True),
        Case("phi3-partial", "phi3", half, whole, gguf=True),
        Case("phi3-longrope", "phi3", longrope, scaling, gguf=True),
        Case("phi3-longrope-v4", "phi3", longrope, scaling, v4=True),
        Case("phi3-longrope-partial-tied", "phi3", partial,
             {"rope scaling": half, "tied embeddings": untie}, gguf=True),
    ]


def smollm3_cases():
    five = {"num_hidden_layers": 5, **PLAIN}
    rope_everywhere = {"layers without rope": {"no_rope_layers": [1] * 5}}
    layers = {"num_hidden_layers": 5, "no_rope_layers": [0, 1, 1, 0, 1]}
    window = {"use_sliding_window": True, "sliding_window": WINDOW}
    others = ["full_attention"] * 3 + ["sliding_attention", "full_attention"]
    biases = {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False}
    no_biases = {"attention bias": {"attention_bias": False}, "MLP bias": {"mlp_bias": False}}
    return [
        Case("smollm3", "smollm3", five, {**rope_everywhere, **BASE, "tied embeddings": untie},
             gguf=True),
        Case("smollm3-q8", "smollm3", five, rope_everywhere, gguf=True, q8=True),
        Case("smollm3-no-rope-layers", "smollm3", layers, rope_everywhere),
        Case("smollm3-window", "smollm3", {**layers, **window},
             {**rope_everywhere, **NO_WINDOW, "layer types": {"layer_types": others}}),
        Case("smollm3-biases", "smollm3", {**five, **biases}, {**rope_everywhere, **no_biases}),
    ]


def all_cases():
    return [
        *llama_cases(), *mistral_cases(), *qwen2_cases(), *qwen3_cases(), *qwen2_moe_cases(),
        *qwen3_moe_cases(), *gemma2_cases(), *gemma3_cases(), *phi3_cases(), *smollm3_cases()]


# --- The networks ---

FREE_HEADS = ("mistral", "qwen3", "qwen3_moe", "gemma2", "gemma3_text")


def shape(case, rng):
    """Draws what the case leaves open; rows of whole blocks of 32 values where Q8_0 needs them."""

    def pick(key, *values):
        return case.features.get(key) or rng.choice(values)

    heads = pick("num_attention_heads", *((4,) if case.q8 else (4, 6, 8)))
    head_dim = pick("head_dim", *((16, 32) if case.q8 else (8, 12, 16)))
    free = case.free_heads or case.family in FREE_HEADS
    # Another size than head_dim where the family allows it, as that is easily confused.
    over_heads = [n for n in ((8, 16) if case.q8 else (10, 14, 16)) if n != head_dim]
    return {
        "num_attention_heads": heads,
        "num_key_value_heads": pick("num_key_value_heads", *(n for n in (1, 2, 3, 4)
                                                             if heads % n == 0)),
        "hidden_size": heads * (rng.choice(over_heads) if free else head_dim),
        "intermediate_size": rng.choice((64, 96) if case.q8 else (40, 56, 72)),
        "num_hidden_layers": pick("num_hidden_layers", 2, 3, 4),
        "rms_norm_eps": rng.choice((1e-6, 1e-2)),  # the larger one shows in the logits
        **({"head_dim": head_dim} if free else {}),
        **(experts(case, rng) if "moe" in case.family else {}),
    }


def experts(case, rng):
    drawn = {
        "num_experts": rng.choice((5, 8)),
        "num_experts_per_tok": rng.choice((2, 3)),
        "moe_intermediate_size": rng.choice((32, 64) if case.q8 else (24, 40)),
    }
    if case.family == "qwen2_moe":
        drawn["shared_expert_intermediate_size"] = rng.choice((32, 96) if case.q8 else (28, 48))
    return drawn


def make_config(case, rng):
    drawn = shape(case, rng)
    # shape() has taken head_dim into account; not all families have the key.
    features = {k: v for k, v in case.features.items() if k != "head_dim"}
    return AutoConfig.for_model(
        case.family,
        **{
            "vocab_size": VOCAB,
            "max_position_embeddings": CONTEXT,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "pad_token_id": 0,
            **drawn,
            **copy.deepcopy(features),
        },
    )


def make_model(config):
    return AutoModelForCausalLM.from_config(
        config, attn_implementation="eager", dtype=torch.float32).eval()


def is_matrix(name, x):
    """Tells what llama.cpp quantises: neither vectors nor what chooses among experts."""
    return x.ndim > 1 and not name.endswith(("mlp.gate.weight", "shared_expert_gate.weight"))


def randomise(model, case):
    # transformers begins with norms of one and biases of zero, which would hide both. Gemma's
    # norms multiply by 1 + w. Where embeddings are large, and the head is tied to them, the
    # greedy answer only repeats the last token.
    centre = 0 if case.family.startswith("gemma") else 1
    embedding = 0.5 if model.config.tie_word_embeddings else 1.2
    for name, p in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(p, centre, 0.2)
        elif "bias" in name:
            torch.nn.init.normal_(p, 0, 0.2)
        else:
            gain = embedding if "embed_tokens" in name else 1.2
            torch.nn.init.normal_(p, 0, gain / p.shape[-1] ** 0.5)
            if case.q8 and is_matrix(name, p):
                p.copy_(torch.from_numpy(dequantise(quantise(p))))


def quantise(x):
    return gguf.quants.quantize(x.numpy(), gguf.GGMLQuantizationType.Q8_0)


def dequantise(packed):
    return gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0)


# --- What the reference computes ---


def logits_of(model, ids):
    return model(torch.tensor([ids])).logits[0]


def answer_of(model, ids):
    """Returns the greedy answer, and by how much each token leads at least."""
    made = model.generate(
        torch.tensor([ids]), max_new_tokens=ANSWER, do_sample=False, eos_token_id=None,
        pad_token_id=0)[0].tolist()
    rows = logits_of(model, made[:-1])[len(ids) - 1:]  # once more, without a cache
    answer = made[len(ids):]
    if rows.argmax(-1).tolist() != answer:
        return answer, 0.0
    best, second = rows.topk(2).values.T
    return answer, float((best - second).min() / rows.abs().max())


def greedy(model, prompts, rng):
    """Picks a prompt whose answer does not hang on rounding, and does not repeat itself soon."""
    found = None
    more = [draw_prompt(n, rng) for n in LENGTHS]
    for ids in prompts[::-1] + more[::-1]:  # the longest first: they reach beyond the window
        answer, lead = answer_of(model, ids)
        if lead < CLEAR:
            continue
        if found is None or len(set(answer)) > len(set(found["answer"])):
            found = {"ids": ids, "answer": answer}
        if len(set(answer)) >= 12:
            break
    return found


def draw_prompt(length, rng):
    return [rng.randrange(len(SPECIAL), VOCAB) for _ in range(length)]


def expected(model, case, prompts, rng):
    rows = [
        {"ids": ids, "logits": [round(float(x), 6) for x in logits_of(model, ids)[-1]]}
        for ids in prompts
    ]
    answer = greedy(model, prompts, rng)
    if answer is None:
        sys.exit(f"{case.name}: no prompt has a clear greedy answer; take another seed")
    return {"prompts": rows, "greedy": answer}


def changed(model, change):
    """Returns the model with another config, or with other weights."""
    if callable(change):
        other = copy.deepcopy(model)
        change(other)
        return other
    keys = {**model.config.to_dict(), **copy.deepcopy(change)}
    other = make_model(type(model.config).from_dict(keys))
    other.load_state_dict(model.state_dict(), strict=False)
    return other


def difference(model, other, prompts):
    return max(
        float((logits_of(model, ids)[-1] - logits_of(other, ids)[-1]).abs().max())
        for ids in prompts
    )


def check_features(model, case, prompts):
    """Prints by how much features show. Returns whether all that should do."""
    off = {"norms": fill("norm", 0 if case.family.startswith("gemma") else 1), **case.off}
    if model.config.rms_norm_eps > 1e-3:
        off["epsilon"] = {"rms_norm_eps": 1e-6}
    shows = {what: difference(model, changed(model, c), prompts) for what, c in off.items()}
    ignored = {what: difference(model, changed(model, c), prompts)
               for what, c in case.same.items()}
    c = model.config
    print(
        f"{case.name}: layers {c.num_hidden_layers}, hidden {c.hidden_size}, "
        f"heads {c.num_attention_heads}/{c.num_key_value_heads}, MLP {c.intermediate_size};",
        ", ".join(f"{what} {d:.2g}" for what, d in shows.items()),
        *(f"; ignored: {what} {d:.2g}" for what, d in ignored.items()),
    )
    wrong = [w for w, d in shows.items() if not d > VISIBLE]
    wrong += [w for w, d in ignored.items() if not d < 1e-5]
    for what in wrong:
        print(f"{case.name}: {what}: NOT AS EXPECTED")
    return not wrong


# --- Checkpoints ---


def make_tokenizer():
    rng = random.Random(5)
    syllables = [a + b for a in "bdfklmnprst" for b in ("a", "e", "i", "o", "u", "an", "er")]
    names = ["".join(rng.choices(syllables, k=3)) for _ in range(300)]
    corpus = [" ".join(rng.choices(WORDS + names, k=12)) for _ in range(300)]
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    t.train_from_iterator(corpus, trainer)
    assert t.get_vocab_size() == VOCAB
    return t


def as_v4(c):
    """Turns a config into what version 4 of transformers wrote: most checkpoints have that."""
    rotary = c.pop("rope_parameters")
    c["torch_dtype"] = c.pop("dtype")
    c.pop("layer_types", None)
    if c.get("use_sliding_window") is False:
        c["sliding_window"] = WINDOW  # these had a size, although it counts for nothing
    if "num_local_experts" in c:
        c["num_experts"] = c.pop("num_local_experts")
    if "full_attention" in rotary:
        c["rope_local_base_freq"] = rotary["sliding_attention"]["rope_theta"]
        c["sliding_window_pattern"] = c.pop("_sliding_window_pattern")
        rotary = rotary["full_attention"]
    c["rope_theta"] = rotary.pop("rope_theta")
    kind = rotary.pop("rope_type")
    if c["model_type"] == "phi3":
        c["partial_rotary_factor"] = rotary.pop("partial_rotary_factor")
        rotary.pop("original_max_position_embeddings", None)
    name = "type" if c["model_type"] == "phi3" else "rope_type"
    c["rope_scaling"] = None if kind == "default" else {name: kind, **rotary}
    c["transformers_version"] = "4.55.0"
    return c


def save(model, case, folder, t):
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, **({"max_shard_size": case.shard} if case.shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if case.v4:
        path = folder / "config.json"
        path.write_text(json.dumps(as_v4(json.loads(path.read_text())), indent=2) + "\n")
    t.save(str(folder / "tokenizer.json"))
    config = {"eos_token": SPECIAL[2], "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def read_back(folder):
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()


# --- GGUF files ---

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "qwen2_moe": gguf.MODEL_ARCH.QWEN2MOE,
    "qwen3_moe": gguf.MODEL_ARCH.QWEN3MOE,
    "gemma2": gguf.MODEL_ARCH.GEMMA2,
    "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "phi3": gguf.MODEL_ARCH.PHI3,
    "smollm3": gguf.MODEL_ARCH.SMOLLM3,
}
INTERLEAVED = ("llama", "smollm3")  # rotate neighbours there, and halves of a head in the others


def add_keys(w, values):
    for key, value in values.items():
        if value is not None:
            getattr(w, "add_" + key)(value)


def head_dim_of(c):
    return getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads


def add_shape(w, c, family):
    has_head_dim = getattr(c, "head_dim", None) is not None
    add_keys(w, {
        "block_count": c.num_hidden_layers,
        "context_length": c.max_position_embeddings,
        "embedding_length": c.hidden_size,
        "feed_forward_length": c.intermediate_size,
        "head_count": c.num_attention_heads,
        "head_count_kv": c.num_key_value_heads,
        "layer_norm_rms_eps": c.rms_norm_eps,
        "key_length": head_dim_of(c) if has_head_dim else None,
        "value_length": head_dim_of(c) if has_head_dim else None,
        "vocab_size": c.vocab_size if family in INTERLEAVED else None,
        "expert_count": getattr(c, "num_experts", None),
        "expert_used_count": getattr(c, "num_experts_per_tok", None),
        "expert_feed_forward_length": getattr(c, "moe_intermediate_size", None),
        "expert_shared_feed_forward_length": getattr(c, "shared_expert_intermediate_size", None),
    })
    if family in ("gemma2", "gemma3_text"):
        add_keys(w, {
            "sliding_window": c.sliding_window,
            "attn_logit_softcapping": c.attn_logit_softcapping,
            "final_logit_softcapping": c.final_logit_softcapping,
        })
    if family == "phi3":
        w.add_sliding_window(c.sliding_window or 0)


def add_rope(w, model, family):
    c = model.config
    rotary = c.rope_parameters
    if family in INTERLEAVED:
        w.add_rope_dimension_count(head_dim_of(c))
    if family == "gemma3_text":
        w.add_rope_freq_base_swa(rotary["sliding_attention"]["rope_theta"])
        rotary = rotary["full_attention"]
    if family != "gemma2":
        w.add_rope_freq_base(rotary["rope_theta"])
    if rotary["rope_type"] in ("linear", "yarn"):
        w.add_rope_scaling_type(gguf.RopeScalingType(rotary["rope_type"]))
        add_keys(w, {
            "rope_scaling_factor": rotary["factor"],
            "rope_scaling_orig_ctx_len": rotary.get("original_max_position_embeddings"),
            "rope_scaling_yarn_beta_fast": rotary.get("beta_fast"),
            "rope_scaling_yarn_beta_slow": rotary.get("beta_slow"),
        })
    if family == "phi3":
        w.add_rope_dimension_count(int(head_dim_of(c) * rotary["partial_rotary_factor"]))
        w.add_rope_scaling_orig_ctx_len(c.original_max_position_embeddings)
        if rotary["rope_type"] == "longrope":
            w.add_rope_scaling_attn_factors(model.model.rotary_emb.attention_scaling)


def rope_tensors(model):
    """Yields what rope divides its frequencies by, where llama.cpp has that as tensors."""
    rotary = model.config.rope_parameters
    if rotary.get("rope_type") == "longrope":
        for length in ("long", "short"):
            factors = np.array(rotary[length + "_factor"], dtype=np.float32)
            yield f"rope_factors_{length}.weight", factors
    if rotary.get("rope_type") == "llama3":
        plain, _ = model.model.rotary_emb.compute_default_rope_parameters(model.config)
        yield "rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq).numpy()


def permute(x, heads):
    half = x.shape[0] // heads // 2
    return x.reshape(heads, 2, half, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def converted(name, x, c, family):
    """Returns a tensor in llama.cpp's layout."""
    if family in INTERLEAVED and ".q_proj." in name:
        return permute(x, c.num_attention_heads)
    if family in INTERLEAVED and ".k_proj." in name:
        return permute(x, c.num_key_value_heads)
    if family.startswith("gemma") and name.endswith("norm.weight"):
        return x + 1
    return x[0] if name.endswith("shared_expert_gate.weight") else x


def separate_tensors(model):
    """Yields the tensors with the names that version 4 had; the experts stacked, not fused."""
    for name, x in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        if name.endswith("experts.gate_up_proj"):
            gate, up = x.chunk(2, dim=1)
            yield name.replace("gate_up_proj", "gate_proj.weight"), gate
            yield name.replace("gate_up_proj", "up_proj.weight"), up
        else:
            yield name + (".weight" if name.endswith("experts.down_proj") else ""), x


def add_tensors(w, model, case):
    c = model.config
    names = gguf.get_tensor_name_map(ARCHITECTURES[case.family], c.num_hidden_layers)
    for name, x in separate_tensors(model):
        theirs = names.get_name(name, (".weight", ".bias"))
        x = converted(name, x, c, case.family).contiguous()
        if case.q8 and is_matrix(name, x):
            packed = quantise(x)
            assert np.array_equal(dequantise(packed), x.numpy())
            w.add_tensor(theirs, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            w.add_tensor(theirs, x.numpy())
    for name, x in rope_tensors(model):
        w.add_tensor(name, x)


def add_tokenizer(w, t):
    j = json.loads(t.to_str())
    tokens = sorted(j["model"]["vocab"], key=j["model"]["vocab"].get)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    kinds = gguf.TokenType
    w.add_token_types([kinds.CONTROL if x in SPECIAL else kinds.NORMAL for x in tokens])
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in j["model"]["merges"]])
    w.add_bos_token_id(0)
    w.add_eos_token_id(2)
    w.add_add_bos_token(False)
    w.add_chat_template(TEMPLATE)


def write_gguf(model, case, folder, t):
    folder.mkdir(parents=True, exist_ok=True)
    w = gguf.GGUFWriter(
        folder / "model.gguf", gguf.MODEL_ARCH_NAMES[ARCHITECTURES[case.family]])
    kinds = gguf.LlamaFileType
    w.add_name("tiny random model")
    w.add_file_type(kinds.MOSTLY_Q8_0 if case.q8 else kinds.ALL_F32)
    add_shape(w, model.config, case.family)
    add_rope(w, model, case.family)
    add_tokenizer(w, t)
    add_tensors(w, model, case)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


# --- All of it ---


def make(case, out, seed, t):
    """Writes a case. Returns whether all of its features show."""
    rng = random.Random(f"{seed} {case.name}")  # the same with and without --only
    torch.manual_seed(rng.getrandbits(32))
    made = make_model(make_config(case, rng))
    randomise(made, case)
    folder = out / case.name
    save(made, case, folder, t)
    model = read_back(folder)
    prompts = [draw_prompt(n, rng) for n in LENGTHS]
    if difference(made, model, prompts) != 0:
        sys.exit(f"{case.name}: the checkpoint, read back, is another network")
    text = json.dumps(expected(model, case, prompts, rng))
    (folder / "expected.json").write_text(text)
    if case.gguf:
        beside = out / (case.name + "-gguf")
        write_gguf(model, case, beside, t)
        (beside / "expected.json").write_text(text)
    return check_features(model, case, prompts)


def main():
    parser = argparse.ArgumentParser(description="Makes tiny random text models.")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN")
    parser.add_argument("--vocab", type=int, default=VOCAB, help="fewer make smaller files")
    args = parser.parse_args()
    globals()["VOCAB"] = args.vocab
    torch.set_num_threads(1)  # the networks are too small to share
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    cases = [c for c in all_cases() if any(fnmatch.fnmatch(c.name, p) for p in args.only)]
    t = make_tokenizer()
    with torch.inference_mode():
        good = [make(case, args.out, args.seed, t) for case in cases]
    print(f"{len(cases)} cases, {sum(good)} with all features visible")
    return 0 if cases and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
