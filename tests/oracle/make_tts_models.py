"""Makes a tiny random Qwen3-TTS, and what a reference (qwen-tts) computes with it.

    pip install torch transformers==4.57.3 einops accelerate numpy
    pip install --no-deps qwen-tts==0.1.1
    python3 make_tts_models.py OUT [--seed N] [--design] [--set KEY=VALUE...] [--frames N]
        [--prompts N] [--tokenizer-json] [--bfloat16] [--brief]

OUT gets a checkpoint as published ones are: config.json, generation_config.json, safetensors, the
tokenizer as vocab.json, merges.txt and tokenizer_config.json (with --tokenizer-json as
tokenizer.json), and speech_tokenizer with the decoder of waves; and expected.npz:

    prompts           how many there are
    <p>.request       JSON: prompt, speaker, language, instructions, non_streaming_mode, frames
    <p>.ids           tokens of the prompt; <p>.instructions those of the instructions
    <p>.inputs        [rows, hidden]: what the talker reads before its first code
    <p>.states        [layers + 1, rows, hidden]: its rows, then after each layer, the last one
                      normalised; of all rows, those of frames included
    <p>.logits        [steps, vocabulary], before penalties
    <p>.codes         [frames, groups]
    <p>.wave          [samples], of these codes

With --brief there is expected.json in its place, with the states and logits of the last row before
the first code. --design makes a VoiceDesign, without it there is a CustomVoice. The seed draws
weights, shapes and prompts; a KEY is a path in config.json, such as
talker_config.num_hidden_layers=3. All is greedy, by do_sample and subtalker_dosample.

What the packages of qwen-tts import beside these networks (its other tokenizer, readers of sound
files) is replaced by empty modules: nothing of it is asked.
"""
import argparse
import json
import pathlib
import random
import sys
import types

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoFeatureExtractor, AutoModel, AutoProcessor  # noqa: F401, before these:


class Missing(types.ModuleType):
    """A module of which nothing is asked but the names that others import from it."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


AT = "qwen_tts.core.tokenizer_25hz."
for module in ("librosa", "librosa.filters", "soundfile", AT[:-1],
               AT + "configuration_qwen3_tts_tokenizer_v1", AT + "modeling_qwen3_tts_tokenizer_v1"):
    sys.modules[module] = Missing(module)
    sys.modules[module].__path__ = []

from qwen_tts.core.models import (  # noqa: E402
    Qwen3TTSConfig, Qwen3TTSForConditionalGeneration, Qwen3TTSProcessor)
from qwen_tts.core.tokenizer_12hz import (  # noqa: E402
    configuration_qwen3_tts_tokenizer_v2 as wave_configs,
    modeling_qwen3_tts_tokenizer_v2 as wave_networks)
from qwen_tts.inference.qwen3_tts_model import Qwen3TTSModel  # noqa: E402

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tts_pad>", "<tts_text_bos>",
           "<tts_text_eod>")
VOCAB, RESERVED, PENALTY = 322, 1024, 1.05
SPEAKERS = {"aiden": False, "eric": "sichuan_dialect", "vivian": False}
LANGUAGES = ("chinese", "english", "sichuan_dialect", "german")
# How far, relative to the largest logit, each greedy choice should lead the next one, and must. The
# best of a few prompts is taken.
CLEAR, LEAST, TRIES = 5e-5, 1e-5, 8


# --- Shape ---


def decoder(rng, hidden):
    kv_heads = rng.choice((1, 2))
    return {
        "hidden_size": hidden, "num_hidden_layers": rng.choice((2, 3)),
        "num_attention_heads": kv_heads * rng.choice((1, 2)), "num_key_value_heads": kv_heads,
        "head_dim": 8, "intermediate_size": rng.choice((24, 40)),
        "max_position_embeddings": 512, "rms_norm_eps": rng.choice((1e-6, 1e-3)),
        "rope_theta": rng.choice((1e3, 1e4, 1e6)), "attention_bias": rng.choice((True, False))}


def draw_shape(rng, id_of, design):
    """Returns config.json as nested maps."""
    size, groups = rng.choice((32, 48)), rng.choice((3, 4, 6))
    hidden = rng.choice((16, 24))
    window = rng.choice((None, 6))
    return {
        "tokenizer_type": "qwen3_tts_tokenizer_12hz", "tts_model_size": "1b7",
        "tts_model_type": "voice_design" if design else "custom_voice",
        "im_start_token_id": id_of("<|im_start|>"), "im_end_token_id": id_of("<|im_end|>"),
        "assistant_token_id": id_of("assistant"), "tts_pad_token_id": id_of("<tts_pad>"),
        "tts_bos_token_id": id_of("<tts_text_bos>"), "tts_eos_token_id": id_of("<tts_text_eod>"),
        "talker_config": {
            **decoder(rng, hidden), "vocab_size": size + RESERVED, "num_code_groups": groups,
            "text_hidden_size": rng.choice((16, 20)), "text_vocab_size": VOCAB,
            "position_id_per_seconds": 13, "use_sliding_window": window is not None,
            "sliding_window": window or 4096,
            "rope_scaling": {"interleaved": rng.choice((True, False)), "rope_type": "default",
                             "type": "default", "mrope_section": [2, 1, 1]},
            "codec_eos_token_id": size + 6, "codec_think_id": size + 10,
            "codec_nothink_id": size + 11, "codec_think_bos_id": size + 12,
            "codec_think_eos_id": size + 13, "codec_pad_id": size + 4, "codec_bos_id": size + 5,
            "codec_language_id": {name: size + 20 + i for i, name in enumerate(LANGUAGES)},
            "spk_id": {} if design else {x: size + 30 + i for i, x in enumerate(SPEAKERS)},
            "spk_is_dialect": {} if design else dict(SPEAKERS),
            "code_predictor_config": {
                **decoder(rng, rng.choice((hidden, 16, 32))), "vocab_size": size,
                "num_code_groups": groups}}}


def wave_shape(config):
    talker = config["talker_config"]
    return {
        "codebook_size": talker["code_predictor_config"]["vocab_size"],
        "num_quantizers": talker["num_code_groups"], "hidden_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 16,
        "sliding_window": 8, "decoder_dim": 8, "upsample_rates": [2], "upsampling_ratios": [2],
        "latent_dim": 20, "codebook_dim": 12, "max_position_embeddings": 512}


def set_key(config, path, text):
    *way, key = path.split(".")
    for name in way:
        config = config[name]
    try:
        config[key] = json.loads(text)
    except json.JSONDecodeError:
        config[key] = text


# --- Model and tokenizer ---


def save_tokenizer(folder, whole):
    """Trains one, and saves it with the special tokens behind the vocabulary, as published ones."""
    rng = random.Random(5)
    syllables = [a + b for a in "bdfklmnprst" for b in ("a", "e", "i", "o", "u")]
    known = ["".join(rng.choices(syllables, k=2)) for _ in range(60)]
    corpus = [*("user", "assistant") * 500,
              *(" ".join(rng.choices(known, k=12)) for _ in range(100))]
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=VOCAB - len(SPECIAL), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    folder.mkdir(parents=True, exist_ok=True)
    t.model.save(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "add_bos_token": False,
        "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None,
        "bos_token": None, "errors": "replace", "split_special_tokens": False,
        "clean_up_tokenization_spaces": False, "model_max_length": 131072,
        "added_tokens_decoder": {
            str(VOCAB - len(SPECIAL) + i): {
                "content": token, "lstrip": False, "rstrip": False, "normalized": False,
                "single_word": False, "special": True} for i, token in enumerate(SPECIAL)}}))
    tokenizer = transformers.Qwen2TokenizerFast.from_pretrained(folder)
    if whole:
        tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
        for name in ("vocab.json", "merges.txt"):
            (folder / name).unlink()
    assert len(tokenizer) == VOCAB
    return tokenizer


def randomise(model, ending):
    # transformers begins with norms of one and biases of zero, which would hide both.
    for name, p in model.named_parameters():
        is_norm, is_bias = "norm" in name, "bias" in name
        centre = 1 if is_norm and not is_bias else 0
        spread = 0.2 if is_norm or is_bias or p.ndim < 2 else 1.2 / p.shape[-1] ** 0.5
        torch.nn.init.normal_(p, centre, 1.0 if "embed" in name and p.ndim > 1 else spread)
    # Sounds that go on when the text has ended: the end is not as likely as any other code.
    model.talker.codec_head.weight[model.config.talker_config.codec_eos_token_id] *= ending


def randomise_waves(model):
    for name, p in model.named_parameters():
        last = name.split(".")[-1]
        if name.endswith("_layer_scale.scale") or last == "gamma":
            values = 0.3 + 0.6 * torch.rand(p.shape)
        elif last in ("alpha", "beta"):
            values = 0.4 * torch.randn(p.shape)
        elif last == "bias":
            values = 0.1 * torch.randn(p.shape)
        elif last == "cluster_usage":
            values = 0.5 + 3 * torch.rand(p.shape)
        elif last == "embedding_sum":
            values = 3 * torch.randn(p.shape)
        elif p.ndim == 1:
            values = 1 + 0.2 * torch.randn(p.shape)
        else:
            values = torch.randn(p.shape) / p.shape[1:].numel() ** 0.5
        p.data.copy_(values)
    # Samples are clamped to +-1: few should be. The last convolution scales the wave.
    loudest, last = [], model.decoder[-1].conv
    handle = last.register_forward_hook(lambda _m, _a, out: loudest.append(out.abs().max()))
    model(torch.randint(model.config.codebook_size, (1, model.config.num_quantizers, 20)))
    handle.remove()
    for p in (last.weight, last.bias):
        p.mul_(0.9 / loudest[0])


def make_waves(folder, config, dtype):
    stated = wave_configs.Qwen3TTSTokenizerV2DecoderConfig(**wave_shape(config))
    model = wave_networks.Qwen3TTSTokenizerV2Decoder._from_config(
        stated, attn_implementation="eager").eval()
    randomise_waves(model)
    for p in model.parameters():
        p.copy_(p.to(dtype).float())
    folder.mkdir(exist_ok=True)
    save_file({"decoder." + name: x.to(dtype).contiguous()
               for name, x in model.state_dict().items()},
              folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["Qwen3TTSTokenizerV2Model"], "model_type": "qwen3_tts_tokenizer_12hz",
        "decoder_config": json.loads(stated.to_json_string(use_diff=False)), "encoder_config": {},
        "encoder_valid_num_quantizers": 16, "input_sample_rate": 24000,
        "output_sample_rate": 24000, "encode_downsample_rate": 4, "decode_upsample_rate": 4}))
    return model


# --- What the reference computes ---


class Recorder:
    """Keeps what goes into the talker and comes out of it, and every row of logits."""

    def __init__(self, model):
        self.rows, self.states, self.logits, self.residual = [], [], [], []
        talker = model.talker
        self.handles = [
            talker.model.register_forward_hook(self.inputs, with_kwargs=True),
            talker.register_forward_hook(self.talker),
            talker.code_predictor.register_forward_hook(self.predictor)]

    def inputs(self, _module, _args, kwargs, _out):
        self.rows.append(kwargs["inputs_embeds"][0])

    def talker(self, _module, _args, out):
        self.states.append(torch.stack([x[0] for x in out.hidden_states[0]]))
        self.logits.append(out.logits[0, -1])

    def predictor(self, _module, _args, out):
        self.residual.append(out.logits[0, -1])

    def end(self):
        for handle in self.handles:
            handle.remove()


def lead(rows):
    """By how much each choice leads the next one, relative to the largest logit."""
    best, second = rows.topk(2).values.T
    return float(((best - second) / rows.abs().amax(-1)).min())


def penalised(model, logits, chosen):
    """The talker's logits as generate() chooses by them."""
    c, rows = model.config.talker_config, logits.clone()
    for i, row in enumerate(rows):
        seen = torch.tensor(sorted(set(chosen[:i])), dtype=torch.long)
        row[seen] = torch.where(row[seen] < 0, row[seen] * PENALTY, row[seen] / PENALTY)
        reserved = torch.arange(c.vocab_size - RESERVED, c.vocab_size)
        row[reserved[(reserved != c.codec_eos_token_id) | (i < 2)]] = row.min()
    return rows


def draw_request(rng, number, design, frames):
    syllables = [a + b for a in "bdfklmnprst" for b in ("a", "e", "i", "o", "u")]

    def words(most):
        return " ".join("".join(rng.choices(syllables, k=rng.randint(1, 3)))
                        for _ in range(rng.randint(1, most)))

    texts = (words(6), words(1), "\n" + words(3) + "! 12,5 \u00e9\u00df", words(12) + ".\n")
    request = {"prompt": texts[number % 4], "non_streaming_mode": number % 3 != 1, "frames": frames,
               "language": ("", "English", "chinese", "German", "Auto", "english")[number % 6],
               "instructions": words(8) if design or number % 2 else ""}
    if not design:
        request["speaker"] = ("Vivian", "eric", "aiden", "Eric", "eric")[number % 5]
    return request


def expected(speaking, wave_model, request):
    """Returns what is computed for a request, and how clear its choices were."""
    recorder, codes = Recorder(speaking.model), []
    prompts = []
    tokenize = speaking._tokenize_texts
    speaking._tokenize_texts = lambda texts: prompts.append(tokenize(texts)) or prompts[-1]

    def decode(encoded):
        codes.append(encoded[0]["audio_codes"])
        if not len(codes[-1]):
            return [np.zeros(0, np.float32)], 24000
        wave = wave_model.chunked_decode(codes[-1].T[None])
        return [wave.flatten().numpy()], 24000

    speaking.model.speech_tokenizer = types.SimpleNamespace(decode=decode)
    common = {"text": request["prompt"], "language": request["language"] or None,
              "instruct": request["instructions"], "max_new_tokens": request["frames"] + 1,
              "non_streaming_mode": request["non_streaming_mode"], "do_sample": False,
              "subtalker_dosample": False}
    if "speaker" in request:
        waves, _ = speaking.generate_custom_voice(speaker=request["speaker"], **common)
    else:
        waves, _ = speaking.generate_voice_design(**common)
    recorder.end()
    speaking._tokenize_texts = tokenize
    codes, logits = codes[0], torch.stack(recorder.logits)
    clear = lead(penalised(speaking.model, logits, codes[:, 0].tolist()))
    if recorder.residual:
        clear = min(clear, lead(torch.stack(recorder.residual)))
    return clear, {
        "request": np.array(json.dumps(request)),
        "ids": prompts[0][0][0].numpy().astype(np.int32),
        "instructions": (prompts[1][0][0].numpy().astype(np.int32) if len(prompts) > 1
                         else np.zeros(0, np.int32)),
        "inputs": recorder.rows[0].numpy(), "states": torch.cat(recorder.states, 1).numpy(),
        "logits": logits.numpy(), "codes": codes.numpy().astype(np.int32), "wave": waves[0]}


def brief(results, prompts):
    """Returns what a test can hold: small enough to be read by people."""
    rows = []
    for p in range(prompts):
        of = {name.split(".", 1)[1]: x for name, x in results.items() if name.startswith(f"{p}.")}
        beginning = len(of["inputs"]) - 1
        rows.append({
            "request": json.loads(str(of["request"])), "ids": of["ids"].tolist(),
            "instructions": of["instructions"].tolist(), "codes": of["codes"].tolist(),
            "wave": np.round(of["wave"].astype(float), 5).tolist(),
            "inputs": np.round(of["inputs"].astype(float), 5).tolist(),
            "states": np.round(of["states"][:, beginning].astype(float), 5).tolist()})
    return rows


def main():
    parser = argparse.ArgumentParser(description="Makes a tiny random Qwen3-TTS.")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--design", action="store_true", help="a VoiceDesign")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--frames", type=int, default=64, help="most frames of the talker")
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--ending", type=float, default=0.3, help="of the code that ends a sound")
    parser.add_argument("--tokenizer-json", action="store_true")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--brief", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)  # the networks are too small to share
    transformers.logging.set_verbosity_error()
    rng = random.Random(args.seed)
    tokenizer = save_tokenizer(args.out, args.tokenizer_json)
    shape = draw_shape(rng, tokenizer.convert_tokens_to_ids, args.design)
    for item in args.set:
        set_key(shape, *item.split("=", 1))
    torch.manual_seed(args.seed)
    dtype = torch.bfloat16 if args.bfloat16 else torch.float32
    with torch.inference_mode():
        config = Qwen3TTSConfig(**shape)
        model = Qwen3TTSForConditionalGeneration._from_config(
            config, attn_implementation="eager").eval()
        randomise(model, args.ending)
        wave_model = make_waves(args.out / "speech_tokenizer", shape, dtype)
        for p in model.parameters():
            p.copy_(p.to(dtype).float())
        save_file({name: x.to(dtype).contiguous() for name, x in model.state_dict().items()},
                  args.out / "model.safetensors", {"format": "pt"})
        stated = json.loads(config.to_json_string(use_diff=False))
        stated["architectures"] = ["Qwen3TTSForConditionalGeneration"]
        (args.out / "config.json").write_text(json.dumps(stated, indent=1, sort_keys=True) + "\n")
        (args.out / "generation_config.json").write_text(json.dumps({
            "do_sample": True, "repetition_penalty": PENALTY, "temperature": 0.9, "top_p": 1.0,
            "top_k": 50, "subtalker_dosample": True, "subtalker_temperature": 0.9,
            "subtalker_top_p": 1.0, "subtalker_top_k": 50, "max_new_tokens": 8192}))
        speaking = Qwen3TTSModel(model, Qwen3TTSProcessor(tokenizer=tokenizer), {})
        results = {}
        for p in range(args.prompts):
            clear, found = 0, {}
            for _ in range(TRIES):
                request = draw_request(rng, p, args.design, args.frames)
                one = expected(speaking, wave_model, request)
                clear, found = max((clear, found), one, key=lambda x: x[0])
                if clear > CLEAR:
                    break
            if clear < LEAST:
                sys.exit(f"prompt {p}: no clear greedy choices in {TRIES} tries; take another seed")
            results.update({f"{p}.{name}": x for name, x in found.items()})
            print(f"prompt {p}: {len(found['ids'])} tokens, {len(found['inputs'])} rows, codes "
                  f"{found['codes'].shape}, {len(set(found['codes'][:, 0].tolist()))} of the first "
                  f"different, clear by {clear:.1e}")
    if args.brief:
        (args.out / "expected.json").write_text(json.dumps(brief(results, args.prompts)))
    else:
        np.savez(args.out / "expected.npz", prompts=args.prompts, **results)


if __name__ == "__main__":
    main()
