"""Looks for text models that load and answer nonsense: random checkpoints of all families whose
files were changed, beside what a reference (transformers) computes of the same files.

    python3 attack_text_models.py PROBE FOLDER [--seed N] [--cases N] [--only FAMILY...] [--keep]

PROBE is model_probe. A case draws a family and a shape, and then changes keys of config.json to
unusual ones, or tensors (missing, renamed, transposed, of other types, in shards whose index is
wrong). Both sides read the files as they are then. Allowed are only: the same logits, within 1e-4
of the largest, or a refusal here. Where the reference refuses and this project does not, the case
is shown as `laxer`; it is no failure. Prints the failures with what was changed, and the refusals
that were counted. Exits with 1 if there are failures.
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
import warnings

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

import make_text_models
from compare_text_models import TOLERANCE, ProbeFailed, relative_difference, run_probe

FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "gemma2",
            "gemma3_text", "phi3", "smollm3")
VOCAB, LENGTHS = 512, (1, 7, 23)
GONE = object()


class Draw(random.Random):
    def some(self, *choices):
        return self.choice(choices)

    def maybe(self, chance):
        return self.random() < chance


# --- Checkpoints ---


def draw_config(family, draw):
    heads = draw.some(2, 4, 6)
    head_dim = draw.some(4, 8, 12)
    shape = {
        "vocab_size": VOCAB, "num_attention_heads": heads,
        "num_key_value_heads": draw.choice([n for n in (1, 2, 3, 6) if heads % n == 0]),
        "hidden_size": heads * head_dim, "intermediate_size": draw.some(8, 20, 36),
        "num_hidden_layers": draw.some(1, 2, 3, 5), "max_position_embeddings": draw.some(32, 64),
        "rms_norm_eps": draw.some(1e-6, 1e-2), "bos_token_id": 0, "eos_token_id": 2,
        "pad_token_id": 0, "tie_word_embeddings": draw.maybe(0.4)}
    if family in ("gemma2", "gemma3_text"):
        shape["sliding_window"] = draw.some(3, 8, 64)
        shape["query_pre_attn_scalar"] = draw.some(4, 7, head_dim)
    if family in (*make_text_models.FREE_HEADS, "llama") and draw.maybe(0.6):
        shape["head_dim"] = draw.some(4, 6, 16)
    elif family in make_text_models.FREE_HEADS:
        shape["head_dim"] = head_dim
    if family in ("llama", "qwen3", "qwen3_moe", "smollm3", "gemma2", "gemma3_text"):
        shape["attention_bias"] = draw.maybe(0.3)
    if family in ("llama", "smollm3"):
        shape["mlp_bias"] = draw.maybe(0.3)
    if family == "mistral":
        shape["sliding_window"] = draw.some(None, 3, 8)
    if "moe" in family:
        count = draw.some(1, 3, 8)
        shape.update(num_experts=count, num_experts_per_tok=draw.randint(1, min(count, 3)),
                     moe_intermediate_size=draw.some(8, 20), norm_topk_prob=draw.maybe(0.5),
                     decoder_sparse_step=draw.some(1, 1, 2, 3),
                     mlp_only_layers=draw.some([], [], [0], [1]))
    if family == "qwen2_moe":
        shape["shared_expert_intermediate_size"] = draw.some(8, 28)
    return shape


def make_checkpoint(family, draw, folder, tokenizer):
    torch.manual_seed(draw.getrandbits(32))
    config = AutoConfig.for_model(family, **draw_config(family, draw))
    model = make_text_models.make_model(config)
    case = make_text_models.Case("attack", family)
    make_text_models.randomise(model, case)
    case.v4 = draw.maybe(0.4)
    if draw.maybe(0.3):
        case.shard = draw.some("2KB", "20KB")
    make_text_models.save(model, case, folder, tokenizer)


# --- What is changed in config.json ---


def rope_object(draw, head_dim):
    half = max(head_dim // 2, 1)
    kind = draw.some("default", "linear", "dynamic", "yarn", "llama3", "longrope", "mrope", "su")
    rope = {draw.some("rope_type", "rope_type", "type"): kind}
    if draw.maybe(0.15):
        rope["type"] = draw.some("linear", "default", "yarn")
    if kind != "default" or draw.maybe(0.2):
        rope["factor"] = draw.some(1.0, 2.0, 4, 8.0, 32)
    if kind in ("yarn", "llama3", "longrope") or draw.maybe(0.1):
        rope["original_max_position_embeddings"] = draw.some(8, 16, 32, 4096)
    if kind == "llama3" or draw.maybe(0.1):
        rope["low_freq_factor"], rope["high_freq_factor"] = draw.some((1.0, 4.0), (1, 2), (4, 1))
    if kind in ("longrope", "su") or draw.maybe(0.05):
        rope["short_factor"] = [draw.some(1, 1.5, 2.0) for _ in range(half)]
        rope["long_factor"] = [draw.some(1.0, 4, 9.0) for _ in range(half)]
    for key, values in {
            "beta_fast": (32, 4.0, 1), "beta_slow": (1, 2.0), "mscale": (0.7, 1.0, 0),
            "mscale_all_dim": (1.3, 1.0, 0), "attention_factor": (1.7, 1.0, 0.0, None),
            "truncate": (False, True), "rope_theta": (100.0, 10000, 1e6, None),
            "partial_rotary_factor": (0.5, 1.0, 0.25),
            "mrope_section": ([1, 1, 0], [half, 0, 0])}.items():
        if draw.maybe(0.2 if kind == "yarn" else 0.08):
            rope[key] = draw.choice(values)
    return rope


def change_rope(c, draw):
    head_dim = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    where = draw.some("rope_parameters", "rope_scaling", "both", "top", "none", "nested")
    if where in ("rope_scaling", "both"):
        c["rope_scaling"] = draw.some(None, rope_object(draw, head_dim))
    if where in ("rope_parameters", "both"):
        c["rope_parameters"] = rope_object(draw, head_dim)
    if where == "nested":
        c["rope_parameters"] = {
            name: rope_object(draw, head_dim)
            for name in ("full_attention", "sliding_attention") if draw.maybe(0.85)}
    if where == "rope_scaling" and draw.maybe(0.6):
        c.pop("rope_parameters", None)
    if where == "none":
        for key in ("rope_parameters", "rope_scaling", "rope_theta"):
            c.pop(key, None)
    if where == "top" or draw.maybe(0.3):
        c["rope_theta"] = draw.some(100, 500.0, 1e6, None)
    if draw.maybe(0.2):
        c["rope_local_base_freq"] = draw.some(100.0, 1e4, 1e5)
    if draw.maybe(0.2):
        c["partial_rotary_factor"] = draw.some(0.5, 1.0, 0.25, 0.75)
    if draw.maybe(0.2):
        c["original_max_position_embeddings"] = draw.some(8, 16, 64)
    if draw.maybe(0.2):
        c["max_position_embeddings"] = draw.some(24, 33, 48, 131072)


def change_window(c, draw):
    layers = c["num_hidden_layers"]
    for key, values in {
            "sliding_window": (None, 1, 3, 8, 4096, GONE),
            "use_sliding_window": (True, True, False, None, GONE),
            "max_window_layers": (0, 1, 2, layers, 28, GONE),
            "sliding_window_pattern": (1, 2, 3, 6), "_sliding_window_pattern": (2, 3),
            "no_rope_layers": ([], [draw.randint(0, 1) for _ in range(layers)], None),
            "no_rope_layer_interval": (1, 2, 4),
            "layer_types": (None, GONE, [draw.some("full_attention", "sliding_attention")
                                         for _ in range(layers)],
                            ["full_attention"] * layers, ["sliding_attention"] * layers,
                            ["chunked_attention"] * layers, ["full_attention"] * (layers + 1))
    }.items():
        if draw.maybe(0.4):
            value = draw.choice(values)
            c[key] = value
            if value is GONE:
                del c[key]


def change_keys(c, draw):
    layers = c["num_hidden_layers"]
    options = {
        "hidden_act": ("silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu",
                       "quick_gelu", "gelu_fast", "SiLU", None, GONE),
        "hidden_activation": ("gelu_pytorch_tanh", "gelu", "silu", "gelu_new", None, GONE),
        "rms_norm_eps": (0, 0.0, 1e-5, 1, 0.1, GONE), "layer_norm_eps": (1e-5, 0.1),
        "tie_word_embeddings": (True, False, None, GONE),
        "num_key_value_heads": (None, GONE), "head_dim": (None, GONE),
        "attention_bias": (True, False, None, GONE), "mlp_bias": (True, False, GONE),
        "qkv_bias": (True, False, GONE), "attention_dropout": (0.5, 0),
        "query_pre_attn_scalar": (1, 2.5, 256, GONE, None),
        "attn_logit_softcapping": (None, 0.0, 2.0, 50, GONE),
        "final_logit_softcapping": (None, 0.0, 0.5, 30, GONE),
        "norm_topk_prob": (True, False, GONE, None), "num_experts_per_tok": (1, 2, GONE),
        "num_local_experts": (3, 8), "decoder_sparse_step": (1, 2, 0, GONE),
        "mlp_only_layers": ([], [0], [layers - 1], None, GONE, [77]),
        "moe_intermediate_size": (GONE,), "shared_expert_intermediate_size": (GONE,),
        "initializer_range": (0.5,), "pretraining_tp": (2,), "use_cache": (False,),
        "dtype": ("bfloat16", "float16", "float32"), "torch_dtype": ("float16",),
        "is_decoder": (False, True), "is_causal": (False, True), "bos_token_id": (7, None, [1, 2]),
        "eos_token_id": (7, [1, 2], None), "use_bidirectional_attention": (True, False),
        "attention_multiplier": (0.5,), "logits_scaling": (2.0,), "embedding_multiplier": (3.0,),
        "residual_multiplier": (0.5,), "logit_scale": (0.5,), "scale_attn_weights": (False,),
        "attention_scaling": (2.0,), "use_qk_norm": (True,), "clip_qkv": (1.0,),
        "attention_chunk_size": (4,), "rope_interleaved": (True,), "use_mrope": (True,),
        "tp_plan": (None,), "architectures": (["LlamaForCausalLM"], ["Other"], None),
        "num_hidden_layers": (layers + 1, max(layers - 1, 1)), "vocab_size": (VOCAB - 8, 600),
        "intermediate_size": (16,), "hidden_size": (24,), "num_attention_heads": (3, 1),
        "router_jitter_noise": (0.3,), "output_router_logits": (True,), "mlp_only": (True,),
        "resid_pdrop": (0.4,), "embd_pdrop": (0.4,), "quantization_config": (None, {}),
        "partial_rotary_factor": (0.5, 1.0, GONE), "rope_theta": (50.0, GONE)}
    for _ in range(draw.randint(1, 3)):
        key = draw.choice(list(options))
        value = draw.choice(options[key])
        c[key] = value
        if value is GONE:
            del c[key]


def change_config(folder, draw):
    path = folder / "config.json"
    before = json.loads(path.read_text())
    c = json.loads(path.read_text())
    for change in draw.sample((change_rope, change_window, change_keys), draw.randint(1, 2)):
        change(c, draw)
    path.write_text(json.dumps(c))
    keys = sorted({*before, *c})
    return {k: c.get(k, "(gone)") for k in keys if before.get(k, GONE) != c.get(k, GONE)}


# --- What is changed in the tensors ---


def change_tensors(folder, draw):
    files = sorted(folder.glob("*.safetensors"))
    file = draw.choice(files)
    tensors = load_file(file)
    name = draw.choice(sorted(tensors))
    kind = draw.some("missing", "renamed", "transposed", "dtype", "extra", "extra head", "prefix",
                     "all dtype", "reshaped", "inv_freq", "index", "longer", "head gone", "twice")
    index = folder / "model.safetensors.index.json"
    x = tensors[name]
    if kind == "missing":
        del tensors[name]
    elif kind == "head gone":
        tensors.pop("lm_head.weight", None)
    elif kind == "renamed":
        tensors[name.replace("weight", draw.some("weights", "bias", "weight_scale"))] = \
            tensors.pop(name)
    elif kind == "transposed":
        tensors[name] = x.T.contiguous()
    elif kind == "reshaped":
        tensors[name] = x.reshape(draw.choice([(-1,), (1, *x.shape), (*x.shape, 1)])).contiguous()
    elif kind == "longer":
        tensors[name] = torch.cat([x, x[:1]]).contiguous()
    elif kind in ("dtype", "all dtype"):
        dtype = draw.some(torch.float16, torch.bfloat16, torch.float64, torch.int32,
                          torch.float8_e4m3fn, torch.int8, torch.bool)
        for one in list(tensors) if kind == "all dtype" else [name]:
            tensors[one] = tensors[one].to(dtype)
    elif kind == "extra":
        layer = draw.some("model.layers.0.", "model.layers.99.", "", "model.")
        tensors[layer + draw.some("self_attn.q_proj.bias", "self_attn.o_proj.bias", "norm.bias",
                                  "mlp.up_proj.bias", "self_attn.q_norm.weight", "extra.weight",
                                  "pre_feedforward_layernorm.weight", "input_layernorm.bias",
                                  "self_attn.sinks", "lm_head.bias")] = torch.randn(4)
    elif kind == "extra head":
        tensors["lm_head.weight"] = torch.randn(VOCAB, tensors.get(
            "model.embed_tokens.weight", torch.zeros(VOCAB, 8)).shape[1])
    elif kind == "inv_freq":
        tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.rand(4)
    elif kind == "prefix":
        old, new = draw.some(("model.", ""), ("model.", "language_model.model."),
                             ("model.", "transformer."), ("model.", "model.language_model."))
        tensors = {(new + k[len(old):] if k.startswith(old) else k): v for k, v in tensors.items()}
    elif kind == "twice" and len(files) > 1:
        other = draw.choice([x for x in files if x != file])
        more = load_file(other)
        more[name] = torch.randn_like(x)
        save_file(more, other, {"format": "pt"})
    if kind == "index" and index.exists():
        stated = json.loads(index.read_text())
        some = draw.choice(sorted(stated["weight_map"]))
        how = draw.some("gone", "other file", "no file", "up", "none", "extra file", "size", "all")
        kind += " " + how
        if how == "gone":
            del stated["weight_map"][some]
        elif how == "other file":
            stated["weight_map"][some] = draw.choice(files).name
        elif how == "no file":
            stated["weight_map"][some] = "model-00099-of-00099.safetensors"
        elif how == "up":
            stated["weight_map"][some] = "../" + files[0].name
        elif how == "none":
            stated["weight_map"][some] = draw.some(None, 3, "")
        elif how == "extra file":
            stated["weight_map"]["model.extra"] = files[0].name
        elif how == "size":
            stated["metadata"]["total_size"] = 3
        else:
            stated["weight_map"] = {}
        index.write_text(json.dumps(stated))
    else:
        save_file(tensors, file, {"format": "pt"})
    return {"tensors": f"{kind} {name}"}


# --- Both sides ---


def theirs(folder, prompts):
    """The logits of each prompt, or why there are none."""
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        model.eval()
        odd = {k: sorted(map(str, v))[:3] for k, v in info.items() if v}
        with torch.inference_mode():
            return [model(torch.tensor([x])).logits[0, -1].tolist() for x in prompts], odd
    except Exception as failure:  # whatever it is
        return f"{type(failure).__name__}: {failure}"[:300], {}


def ours(probe, folder, prompts):
    try:
        rows = run_probe(probe, folder, [{"ids": x, "greedy": 1} for x in prompts])
        return [row.get("logits", []) for row in rows]
    except ProbeFailed as failure:
        return str(failure)


def judge(mine, reference, odd):
    """What a case is: same, refused, laxer, both refused, or FAIL."""
    if isinstance(mine, str):
        if not mine.startswith(("exit status 1: /", "exit status 1: a sequence of ")):
            return "FAIL"
        return "both refused" if isinstance(reference, str) else "refused"
    if isinstance(reference, str):
        return "laxer"
    # What the reference had to invent or left out is no measure: nobody may answer from that.
    if odd.get("missing_keys") or odd.get("mismatched_keys"):
        return "FAIL"
    finite = [all(x == x and abs(x) < 1e30 for x in row) for row in reference]
    if not all(finite):
        return "FAIL" if all(None not in row for row in mine) else "same"
    def apart(ours, reference):
        # Networks of zeros are equal where both are.
        return relative_difference(ours, reference) if any(reference) else max(map(abs, ours))

    worst = max(apart(a, b) for a, b in zip(mine, reference))
    if worst > TOLERANCE:
        return "FAIL"
    unused = [x for x in odd.get("unexpected_keys", []) if not x.endswith("rotary_emb.inv_freq")]
    return "FAIL" if unused else "same"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--only", nargs="+", default=FAMILIES)
    parser.add_argument("--keep", action="store_true", help="the folders of failures")
    parser.add_argument("--refusals", action="store_true", help="show each")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    transformers.logging.disable_progress_bar()
    tokenizer = make_text_models.make_tokenizer()
    counts, reasons = collections.Counter(), collections.Counter()
    for n in range(args.cases):
        draw = Draw(f"{args.seed} {n}")
        family = draw.choice(args.only)
        folder = args.folder / f"{args.seed}-{n}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            with torch.inference_mode():
                make_checkpoint(family, draw, folder, tokenizer)
        except Exception:  # the reference refuses what was drawn
            counts["not made"] += 1
            continue
        changed = {}
        if draw.maybe(0.75):
            changed.update(change_config(folder, draw))
        if not changed or draw.maybe(0.1):
            changed.update(change_tensors(folder, draw))
        prompts = [[draw.randrange(3, VOCAB - 8) for _ in range(k)] for k in LENGTHS]
        reference, odd = theirs(folder, prompts)
        mine = ours(args.probe, folder, prompts)
        verdict = judge(mine, reference, odd)
        counts[verdict] += 1
        if isinstance(mine, str):
            reason = re.sub(r"/\S*/", "", mine)
            reasons[re.sub(r"\d+", "#", reason)[:110]] += 1
        if verdict in ("FAIL", "laxer") or (args.refusals and verdict == "refused"):
            apart = "" if isinstance(mine, str) or isinstance(reference, str) else [
                f"{relative_difference(a, b):.1e}" for a, b in zip(mine, reference) if any(b)]
            print(f"{verdict} {args.seed}-{n} {family}: {json.dumps(changed)}; theirs: "
                  f"{reference if isinstance(reference, str) else ''} {odd or ''}; ours: "
                  f"{mine if isinstance(mine, str) else ''} {apart}", flush=True)
        if not (args.keep and verdict == "FAIL"):
            shutil.rmtree(folder)
    for reason, count in reasons.most_common():
        print(f"{count:5} x {reason}")
    print(dict(counts))
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
