"""Reads and writes GGUF files with keys of any name and type, for attack_metadata.py."""
import struct

import gguf

GONE = object()  # in place of the value of a key that is taken away
KINDS = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<B"), "u64": (10, "<Q"),
         "f64": (12, "<d")}


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def packed(kind, value):
    """A value with its type, as GGUF has it."""
    if kind == "str":
        return struct.pack("<I", 8) + text(value)
    if kind.startswith("["):
        inner = kind[1:]
        one = packed(inner, value[0] if value else ("" if inner == "str" else 0))[:4]
        return (struct.pack("<I", 9) + one + struct.pack("<Q", len(value))
                + b"".join(packed(inner, x)[4:] for x in value))
    number, form = KINDS[kind]
    return struct.pack("<I", number) + struct.pack(form, value)


def read_keys(reader):
    names = {int(gguf.GGUFValueType.STRING): "str", **{n: k for k, (n, _) in KINDS.items()}}
    keys = {}
    for name, field in reader.fields.items():
        if name.startswith("GGUF."):
            continue
        kinds = [names[int(x)] if int(x) != 9 else "[" for x in field.types]
        keys[name] = ("".join(kinds), field.contents())
    return keys


def write_gguf(path, keys, tensors):
    head = struct.pack("<IIQQ", 0x46554747, 3, len(tensors), len(keys))
    for name, (kind, value) in keys.items():
        head += text(name) + packed(kind, value)
    data = b""
    for t in tensors:
        data += b"\0" * (-len(data) % 32)
        shape = [int(x) for x in t.shape]
        head += text(t.name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape,
                                           int(t.tensor_type), len(data))
        data += t.data.tobytes()
    path.write_bytes(head + b"\0" * (-len(head) % 32) + data)


def gguf_options(keys, arch, draw):
    """Keys with other values and types."""
    options = {}
    for name, (kind, value) in keys.items():
        if name == "general.architecture":
            continue
        if kind in ("u32", "i32", "u64"):
            options[name] = (("u32", value + 1), ("u32", max(value // 2, 0)), ("i32", -1),
                             ("f32", value + 0.5), ("str", str(value)), ("u64", 1 << 40), GONE,
                             ("[u32", [value] * 2), ("f64", float(value)))
        elif kind in ("f32", "f64"):
            options[name] = (("f32", value * 2 + 0.25), ("f32", float("nan")), GONE, ("str", "1"),
                             ("f32", -1.0), ("u32", 7))
        elif kind == "str":
            options[name] = (("str", value + "x"), ("str", ""), GONE, ("u32", 3), ("[str", [value]))
        elif kind.startswith("["):
            turned = value[::-1]
            options[name] = ((kind, value[1:]), (kind, turned), GONE, ("str", "x"), (kind, []),
                             ("[str" if kind != "[str" else "[f32",
                              ["1"] * len(value) if kind != "[str" else [1.0] * len(value)))
    tokens = len(keys["tokenizer.ggml.tokens"][1])
    added = {
        "rope.scaling.type": (("str", "linear"), ("str", "yarn"), ("str", "spiral"), ("u32", 1)),
        "rope.scaling.factor": (("f32", 4.0),), "rope.scaling.attn_factor": (("f32", 2.0),),
        "rope.scaling.original_context_length": (("u32", 64),),
        "rope.scale_linear": (("f32", 4.0),),
        "rope.dimension_count": (("u32", 2), ("u32", 3)), "attention.sliding_window": (("u32", 3),),
        "attention.key_length": (("u32", 6),), "attention.value_length": (("u32", 6),),
        "attention.scale": (("f32", 0.5),), "attention.causal": (("bool", 0), ("bool", 1)),
        "attention.clamp_kqv": (("f32", 1.0),), "attention.max_alibi_bias": (("f32", 8.0),),
        "attention.layer_norm_epsilon": (("f32", 0.1),), "attn_logit_softcapping": (("f32", 1.0),),
        "final_logit_softcapping": (("f32", 1.0),), "use_parallel_residual": (("bool", 1),),
        "expert_count": (("u32", 2),), "expert_used_count": (("u32", 1),), "pooling_type":
        (("u32", 1),), "logit_scale": (("f32", 0.5),), "residual_scale": (("f32", 0.5),),
        "embedding_scale": (("f32", 3.0),), "rope.scaling.yarn_beta_fast": (("f32", 4.0),),
        "expert_weights_scale": (("f32", 2.0),), "expert_weights_norm": (("bool", 0), ("bool", 1)),
        "expert_gating_func": (("u32", 2),), "leading_dense_block_count": (("u32", 1),),
        "rope.freq_base_swa": (("f32", 77.0),), "vocab_size": (("u32", 7),),
        "rope.scaling.finetuned": (("bool", 1),), "nextn_predict_layers": (("u32", 1),)}
    options.update({f"{arch}.{name}": values for name, values in added.items()
                    if f"{arch}.{name}" not in options})
    whole = {
        "tokenizer.ggml.add_bos_token": (("bool", 1), ("str", "yes")),
        "tokenizer.ggml.add_eos_token": (("bool", 1), ("str", "yes")),
        "tokenizer.ggml.add_space_prefix": (("bool", 1), ("[u32", [1])),
        "tokenizer.ggml.bos_token_id": (("u32", 5), ("u32", tokens), ("i32", -1)),
        "tokenizer.ggml.eot_token_id": (("u32", 5), ("u32", tokens)),
        "tokenizer.ggml.eom_token_id": (("u32", 6),),
        "tokenizer.ggml.remove_extra_whitespaces": (("bool", 1),),
        "tokenizer.ggml.precompiled_charsmap": (("[u32", [1]),),
        "tokenizer.ggml.scores": (("[f32", [1.0] * tokens),),
        "tokenizer.ggml.add_sep_token": (("bool", 1),),
        "tokenizer.huggingface.json": (("str", "{}"),),
        "tokenizer.ggml.token_type_count": (("u32", 2),), "tokenizer.ggml.novelty": (("u32", 2),),
        "tokenizer.ggml.normalizer.lowercase": (("bool", 1),),
        "tokenizer.ggml.seperator_token_id": (("u32", 3),), "general.name": (("str", "x"),),
        "tokenizer.ggml.padding_token_id": (("u32", 3), ("u32", tokens)),
        "tokenizer.ggml.unknown_token_id": (("u32", 3),), "other.novelty": (("u32", 1),),
        "general.sampling.temp": (("f32", 0.5),), "general.sampling.top_k": (("i32", 3),),
        "general.sampling.penalty_last_n": (("i32", 64),),
        "general.sampling.mirostat": (("i32", 2),), "general.sampling.novelty": (("i32", 2),)}
    options.update({name: values for name, values in whole.items() if name not in options})
    return options
