"""Makes small random models for tests/test_models.cpp, and the results of an independent
implementation (transformers, tokenizers, gguf) on them.

    pip install torch transformers tokenizers gguf
    python tests/oracle/make_model_fixtures.py tests/fixtures

The fixtures are committed; this script is kept to show how they were made.
"""
import json
import pathlib
import random
import sys

import gguf
import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

out = pathlib.Path(sys.argv[1])
torch.manual_seed(5)
random.seed(5)

LINES = [
    "Hello, world!",
    "  two  spaces",
    "tabs\tand\nlines\r\n\r\n",
    "def f(x):\n    return x ** 2  # code",
    "I'll can't WE'RE",
    "1234567890 3.14",
    "naïve café Ünïcödé",
    "日本語のテキスト、中文，한국어",
    "emoji 😀👩‍👩‍👧‍👦🏳️‍🌈!",
    "\u00a0\u2003wide blanks ",
    "<|im_start|>not special<|im_end|>",
    "a" * 100,
    "x=y;z={1:[2,3]}",
    "\x00\x01 control \x7f",
    "Ωμέγα и кириллица",
]
WORDS = (
    "the of and to in is was for that with as on it by at from are this be an or which have not "
    "but they their more one can when will 12 99 2024 ( ) { } => != \t \n é 日 本 😀"
).split(" ")
CORPUS = LINES * 3 + [" ".join(random.choice(WORDS) for _ in range(12)) for _ in range(300)]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
VOCAB = 512
TEMPLATE = (
    r"{% for message in messages %}"
    r"{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    r"+ '<|im_end|>\n' }}{% endfor %}"
    r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def tokenizer(kind):
    t = Tokenizer(models.BPE(ignore_merges=kind == "llama3"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind == "smollm")
    if kind == "smollm":
        split = pre_tokenizers.Digits(individual_digits=True)
    else:
        split = pre_tokenizers.Split(Regex(LLAMA3 if kind == "llama3" else QWEN2), "isolated")
    t.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    t.train_from_iterator(CORPUS, trainer)
    return t


def noise(n):
    kinds = [
        lambda: chr(random.randint(32, 126)),
        lambda: random.choice(" \t\n\r"),
        lambda: chr(random.randint(0x4E00, 0x9FFF)),
        lambda: chr(random.randint(0x1F300, 0x1F6FF)),
        lambda: chr(random.randint(0xA0, 0x24F)),
        lambda: random.choice("0123456789"),
        lambda: random.choice(WORDS),
    ]
    return "".join(random.choice(kinds)() for _ in range(n))


def write_tokens(path, t):
    lines = LINES + [noise(random.randint(1, 60)) for _ in range(1000)]
    with open(path, "w") as f:
        for line in lines:
            # A special token in the text of a user counts as text.
            ids = Tokenizer.from_str(strip_added(t)).encode(line, add_special_tokens=False).ids
            f.write(json.dumps({"text": line, "ids": ids}) + "\n")


def strip_added(t):
    j = json.loads(t.to_str())
    j["added_tokens"] = []
    return json.dumps(j)


def logits_of(model, folder, greedy=64):
    model.eval()
    rows = []
    with torch.inference_mode():
        for _ in range(50):
            ids = [random.randint(3, VOCAB - 1) for _ in range(random.randint(1, 24))]
            logits = model(torch.tensor([ids])).logits[0, -1]
            rows.append({"ids": ids, "logits": [round(float(x), 5) for x in logits]})
        ids = rows[0]["ids"]
        answer = model.generate(
            torch.tensor([ids]),
            max_new_tokens=greedy,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )[0, len(ids):].tolist()
    expected = {"prompts": rows, "greedy": {"ids": ids, "answer": answer}}
    (folder / "expected.json").write_text(json.dumps(expected))


def save(model, t, name, shard=None):
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    t.save(str(folder / "tokenizer.json"))
    config = {
        "eos_token": "<|im_end|>",
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    write_tokens(folder / "tokens.jsonl", t)
    logits_of(model, folder)
    return folder


def randomise(model, spread):
    # transformers begins with norms of one and biases of zero, which would hide both.
    for name, p in model.named_parameters():
        is_norm, is_bias = "norm" in name, "bias" in name
        torch.nn.init.normal_(p, 1 if is_norm else 0, 0.2 if is_norm or is_bias else spread)


shape = dict(
    vocab_size=VOCAB,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    intermediate_size=96,
    max_position_embeddings=256,
)
rope_scaling = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
llama = LlamaForCausalLM(
    LlamaConfig(
        **shape,
        rope_theta=5e5,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        rope_scaling=rope_scaling,
    )
)
randomise(llama, 0.12)
save(llama, tokenizer("llama3"), "llama", shard="150KB")
qwen = Qwen2ForCausalLM(Qwen2Config(**shape, rope_theta=1e4, tie_word_embeddings=True))
randomise(qwen, 0.12)
save(qwen, tokenizer("qwen2"), "qwen2")

# One GGUF file with a tensor of every type. Its rows are as wide as a block of the K types.
wide = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=256,
        num_hidden_layers=2,
        num_attention_heads=8,
        num_key_value_heads=4,
        intermediate_size=256,
        max_position_embeddings=256,
        rope_theta=1e4,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
    )
)
randomise(wide, 0.07)
folder = out / "gguf"
folder.mkdir(parents=True, exist_ok=True)
t = tokenizer("smollm")
w = gguf.GGUFWriter(folder / "model.gguf", "llama")
for key, value in [
    ("block_count", 2),
    ("context_length", 256),
    ("embedding_length", 256),
    ("feed_forward_length", 256),
    ("head_count", 8),
    ("head_count_kv", 4),
]:
    getattr(w, "add_" + key)(value)
w.add_layer_norm_rms_eps(1e-5)
w.add_rope_freq_base(1e4)
w.add_tokenizer_model("gpt2")
w.add_tokenizer_pre("smollm")
j = json.loads(t.to_str())
tokens = sorted(j["model"]["vocab"], key=j["model"]["vocab"].get)
w.add_token_list(tokens)
special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
w.add_token_types([3 if x in special else 1 for x in tokens])
w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in j["model"]["merges"]])
w.add_eos_token_id(2)
w.add_chat_template(
    r"{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are small<|im_end|>\n' }}"
    r"{% endif %}" + TEMPLATE)
Q = gguf.GGMLQuantizationType
types = {
    "q_proj": Q.Q4_0,
    "k_proj": Q.Q8_0,
    "v_proj": Q.Q4_1,
    "o_proj": Q.F16,
    "gate_proj": Q.Q4_K,
    "up_proj": Q.Q6_K,
    "down_proj": Q.BF16,
}
names = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def permute(x, heads):
    half = x.shape[0] // heads // 2
    return x.reshape(heads, 2, half, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def unpermute(x, heads):
    half = x.shape[0] // heads // 2
    return x.reshape(heads, half, 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def k_blocks(rows, kind):
    """Random blocks of the K types, which gguf's Python package reads but does not write."""
    n = rows.shape[0] * rows.shape[1] // 256
    size = 144 if kind == Q.Q4_K else 210
    data = np.random.default_rng(7).integers(0, 256, (n, size), dtype=np.uint8)
    small = np.full(n, 0.0003 if kind == Q.Q4_K else 0.00004, dtype=np.float16)
    if kind == Q.Q4_K:
        data[:, 0:2] = small.view(np.uint8).reshape(n, 2)
        data[:, 2:4] = (small * np.float16(7)).astype(np.float16).view(np.uint8).reshape(n, 2)
    else:
        data[:, 208:210] = small.view(np.uint8).reshape(n, 2)
    return data.reshape(rows.shape[0], -1)


with torch.no_grad():
    state = wide.state_dict()
    embedding = state["model.embed_tokens.weight"]
    packed = gguf.quants.quantize(embedding.numpy(), Q.Q8_0)
    w.add_tensor("token_embd.weight", packed, raw_dtype=Q.Q8_0)
    embedding.copy_(torch.from_numpy(gguf.quants.dequantize(packed, Q.Q8_0)))
    w.add_tensor("output_norm.weight", state["model.norm.weight"].numpy())
    for layer in range(2):
        at = f"model.layers.{layer}."
        for part, kind in types.items():
            key = at + ("self_attn." if part[0] in "qkvo" else "mlp.") + part + ".weight"
            x = state[key].numpy()
            heads = {"q_proj": 8, "k_proj": 4}.get(part, 0)
            if heads:
                x = permute(x, heads)
            is_k = kind in (Q.Q4_K, Q.Q6_K)
            packed = k_blocks(x, kind) if is_k else gguf.quants.quantize(x, kind)
            w.add_tensor(f"blk.{layer}.{names[part]}.weight", packed, raw_dtype=kind)
            x = gguf.quants.dequantize(packed, kind)  # the network that the file holds
            x = np.ascontiguousarray(unpermute(x, heads) if heads else x)
            state[key].copy_(torch.from_numpy(x))
        attn_norm, ffn_norm = "input_layernorm.weight", "post_attention_layernorm.weight"
        w.add_tensor(f"blk.{layer}.attn_norm.weight", state[at + attn_norm].numpy())
        w.add_tensor(f"blk.{layer}.ffn_norm.weight", state[at + ffn_norm].numpy())
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
write_tokens(folder / "tokens.jsonl", t)
logits_of(wide, folder)
