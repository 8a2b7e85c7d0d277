"""Makes a tiny random Qwen3-Omni, and what a reference (transformers) computes with it.

    pip install torch torchvision transformers tokenizers safetensors soundfile pillow
    python3 make_omni_models.py OUT [--seed N] [--set KEY=VALUE...] [--answer N] [--frames N]
        [--bfloat16] [--brief]

OUT gets a checkpoint with thinker, encoders, talker and code2wav: config.json, safetensors,
tokenizer.json, tokenizer_config.json and preprocessor_config.json; the sounds and pictures of the
prompts; and expected.npz:

    prompts                    how many there are
    end                        the token that ends an answer
    <p>.most                   at most so many tokens of the thinker, and frames of the talker
    <p>.ids, <p>.answer        tokens of a prompt and of the thinker's greedy answer
    <p>.parts                  of a prompt with sounds or pictures: its parts, as JSON
    <p>.turns                  of a prompt with pictures: time, height and width of all that the
                               thinker reads, [tokens, 3]
    <p>.thinker.states         [layers + 1, tokens, hidden]: embeddings, then after each layer, the
                               last one normalised; of the prompt and of all but the last token
    <p>.thinker.logits         [answer, vocabulary]
    <p>.talker.inputs          [rows, hidden]: what the talker reads before its first code
    <p>.talker.states          [layers + 1, rows, hidden], as the thinker's, of all rows
    <p>.talker.logits          [steps, vocabulary], before penalties
    <p>.codes                  [frames, groups]
    <p>.wave                   [samples], of these codes

With --brief there is expected.json in its place, with ids, answers, codes, and of states and logits
those of the last token of the prompt. With --bfloat16 the file has weights of this type; all is
computed in float32 in either case.

The seed draws weights, shapes and prompts; a KEY is a path in config.json, such as
talker_config.text_config.num_experts=6. One prompt has tokens that stand for sound, without sound:
the talker reads hidden states of the thinker there. Others have sounds and pictures, in several
orders.

All is greedy. The reference's generate() has `talker_do_sample=False` for the first code of a
frame. Its talker asks its config for an audio_config, which it does not have, where a prompt has
sounds and pictures: here it finds the thinker's. The code predictor's own generate() is asked with
the `do_sample` that the talker has (_prepare_generation_config), so nothing needs a patch; the
script fails if that was not so.
"""
import argparse
import ast
import json
import pathlib
import random
import sys

import numpy as np
import soundfile
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Qwen2VLImageProcessor, Qwen3OmniMoeConfig, Qwen3OmniMoeForConditionalGeneration,
    WhisperFeatureExtractor)

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|audio_start|>", "<|audio_pad|>",
    "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<tts_pad>", "<tts_text_bos>",
    "<tts_text_eod>", "<|audio_end|>", "<|vision_end|>")
ROLES = ("system", "user", "assistant")
TEMPLATE = (
    r"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    r"{% if message['content'] is string %}{{ message['content'] }}"
    r"{% else %}{% for part in message['content'] %}"
    r"{% if part['type'] == 'image' or 'image' in part %}"
    r"{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    r"{% elif part['type'] == 'audio' or 'audio' in part %}"
    r"{{ '<|audio_start|><|audio_pad|><|audio_end|>' }}"
    r"{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    r"{{ '<|im_end|>\n' }}{% endfor %}"
    r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
VOCAB = 322
SOUND = {"feature_extractor_type": "WhisperFeatureExtractor", "n_fft": 400, "hop_length": 160,
         "sampling_rate": 16000, "padding_value": 0.0, "padding_side": "right", "dither": 0.0}
PICTURE = {"image_processor_type": "Qwen2VLImageProcessor", "merge_size": 2,
           "temporal_patch_size": 2, "min_pixels": 64, "max_pixels": 1024}
# How far, relative to the largest logit, each greedy choice should lead the next one, and must. The
# best of a few prompts is taken.
CLEAR, LEAST, TRIES = 2e-5, 4e-6, 8
RESERVED = 1024  # the talker never chooses among the last codes of its vocabulary


# --- Shape ---


def rope(rng, text=True):
    sections = {"mrope_section": [2, 1, 1], "interleaved": True} if text else {}
    return {"rope_type": "default", "rope_theta": rng.choice((1e3, 1e4, 1e6)), **sections}


def decoder(rng, hidden):
    kv_heads = rng.choice((1, 2))
    return {
        "hidden_size": hidden,
        "num_hidden_layers": rng.choice((2, 3)),
        "num_attention_heads": kv_heads * rng.choice((1, 2)),
        "num_key_value_heads": kv_heads,
        "head_dim": 8,
        "intermediate_size": rng.choice((24, 40)),
        "max_position_embeddings": 512,
        "rms_norm_eps": rng.choice((1e-6, 1e-3)),
    }


def experts(rng):
    return {
        "num_experts": rng.choice((4, 6)),
        "num_experts_per_tok": rng.choice((2, 3)),
        "moe_intermediate_size": rng.choice((8, 24)),
        "norm_topk_prob": rng.choice((True, False)),
    }


def draw_shape(rng, t):
    """Returns config.json as nested maps."""
    id_of = t.token_to_id
    size, groups = rng.choice((32, 48)), rng.choice((3, 4, 6))
    hidden, spoken = rng.choice((16, 24)), rng.choice((16, 24))
    thinker = {
        **decoder(rng, hidden), **experts(rng), "vocab_size": VOCAB,
        "rope_parameters": rope(rng)}
    talker = {
        **decoder(rng, spoken), **experts(rng), "vocab_size": size + RESERVED,
        "rope_parameters": rope(rng), "shared_expert_intermediate_size": rng.choice((8, 16))}
    predictor = {
        **decoder(rng, spoken), "vocab_size": size, "num_code_groups": groups,
        "rope_parameters": rope(rng, text=False)}
    tokens = {
        "audio_token_id": id_of("<|audio_pad|>"), "image_token_id": id_of("<|image_pad|>"),
        "video_token_id": id_of("<|video_pad|>"), "audio_start_token_id": id_of("<|audio_start|>"),
        "vision_start_token_id": id_of("<|vision_start|>")}
    layers = rng.choice((2, 3))
    return {
        "thinker_config": {
            "text_config": thinker, **tokens, "user_token_id": id_of("user"),
            "audio_config": {
                "d_model": 16, "encoder_layers": layers - 1, "encoder_attention_heads": 2,
                "encoder_ffn_dim": 16, "num_mel_bins": 16, "output_dim": hidden,
                "downsample_hidden_size": 8, "max_source_positions": 16},
            "vision_config": {
                "depth": layers, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
                "patch_size": 4, "out_hidden_size": hidden, "num_position_embeddings": 16,
                "deepstack_visual_indexes": list(range(layers - 1))}},
        "talker_config": {
            "text_config": talker, "code_predictor_config": predictor, **tokens,
            "num_code_groups": groups, "thinker_hidden_size": hidden, "accept_hidden_layer": 1,
            "spatial_merge_size": 2,
            "codec_eos_token_id": size + 6, "codec_nothink_id": size + 11,
            "codec_think_bos_id": size + 12, "codec_think_eos_id": size + 13,
            "codec_pad_id": size + 4, "codec_bos_id": size + 5,
            "speaker_id": {"chelsie": size + 20, "ethan": size + 21}},
        "code2wav_config": {
            "codebook_size": size, "num_quantizers": groups, "hidden_size": 16,
            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
            "intermediate_size": 16, "sliding_window": 8, "decoder_dim": 8,
            "upsample_rates": [2], "upsampling_ratios": [2], "max_position_embeddings": 512},
        "im_start_token_id": id_of("<|im_start|>"), "im_end_token_id": id_of("<|im_end|>"),
        "tts_pad_token_id": id_of("<tts_pad>"), "tts_bos_token_id": id_of("<tts_text_bos>"),
        "tts_eos_token_id": id_of("<tts_text_eod>"), "system_token_id": id_of("system"),
        "user_token_id": id_of("user"), "assistant_token_id": id_of("assistant"),
    }


def set_key(config, path, text):
    *way, key = path.split(".")
    for name in way:
        config = config[name]
    try:
        config[key] = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        config[key] = text


# --- Model and tokenizer ---


def make_tokenizer():
    rng = random.Random(5)
    syllables = [a + b for a in "bdfklmnprst" for b in ("a", "e", "i", "o", "u")]
    words = ["".join(rng.choices(syllables, k=2)) for _ in range(60)]
    corpus = [*ROLES * 500, *(" ".join(rng.choices(words, k=12)) for _ in range(100))]
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=list(SPECIAL), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    assert t.get_vocab_size() == VOCAB and all(t.token_to_id(role) for role in ROLES)
    return t


def randomise(model):
    # transformers begins with norms of one and biases of zero, which would hide both.
    for name, p in model.named_parameters():
        is_norm, is_bias = "norm" in name, "bias" in name
        centre = 1 if is_norm and not is_bias else 0
        fan_in = p.shape[1:].numel() if p.ndim == 3 and "code2wav" in name else p.shape[-1]
        spread = 0.2 if is_norm or is_bias or p.ndim < 2 else 1.2 / max(fan_in, 1) ** 0.5
        torch.nn.init.normal_(p, centre, 1.0 if "embed" in name and p.ndim > 1 else spread)
    # Sounds that go on when the text has ended: the end is not as likely as any other code.
    model.talker.codec_head.weight[model.config.talker_config.codec_eos_token_id] *= 0.3


def soften(model):
    """Samples are clamped to +-1: few should be. The last convolution scales the wave."""
    config, last = model.config.code2wav_config, model.code2wav.decoder[-1].conv
    loudest = []
    handle = last.register_forward_hook(lambda _m, _a, out: loudest.append(out.abs().max()))
    model.code2wav(torch.randint(config.codebook_size, (1, config.num_quantizers, 20)))
    handle.remove()
    for p in (last.weight, last.bias):
        p.mul_(0.9 / loudest[0])


def features_config(config):
    thinker = config.thinker_config
    return ({**SOUND, "feature_size": thinker.audio_config.num_mel_bins},
            {**PICTURE, "patch_size": thinker.vision_config.patch_size})


def save(model, folder, t, dtype=torch.float32):
    folder.mkdir(parents=True, exist_ok=True)
    model.to(dtype).save_pretrained(folder)
    model.to(torch.float32)
    (folder / "generation_config.json").unlink(missing_ok=True)
    t.save(str(folder / "tokenizer.json"))
    config = {"eos_token": "<|im_end|>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    sound, picture = features_config(model.config)
    (folder / "preprocessor_config.json").write_text(json.dumps({**sound, **picture}))


def open_model(folder):
    return Qwen3OmniMoeForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()


# --- What the reference computes ---


def said(role, ids, t):
    newline = t.encode("\n").ids
    start, end = t.token_to_id("<|im_start|>"), t.token_to_id("<|im_end|>")
    return [start, t.token_to_id(role), *newline, *ids, end, *newline]


def draw_prompts(rng, t):
    def words(n):
        return [rng.randrange(len(SPECIAL), VOCAB) for _ in range(n)]

    sound = [t.token_to_id("<|audio_start|>"), *[t.token_to_id("<|audio_pad|>")] * 3]
    answer = [t.token_to_id("<|im_start|>"), t.token_to_id("assistant"), *t.encode("\n").ids]
    return [
        [*said("user", words(5), t), *answer],
        [*said("system", words(7), t), *said("user", words(12), t), *answer],
        [*said("user", words(20), t), *said("assistant", words(9), t),
         *said("user", words(17), t), *answer],
        [*said("user", [*words(2), *sound, *words(3)], t), *answer],
    ]


MEDIA_PROMPTS = ("i", "a", "tat", "tit", "ita", "ati", "titit", "iat", "taita", "aati")


def draw_parts(rng, folder, t, number, kinds):
    """A user's message of texts, audio files and images, by the letters of `kinds`."""
    parts = []
    for i, kind in enumerate(kinds):
        name = f"{number}-{i}"
        if kind == "t":
            ids = [rng.randrange(len(SPECIAL) + 256, VOCAB) for _ in range(rng.randint(2, 7))]
            parts.append({"text": t.decode(ids)})
        elif kind == "a":
            # Other rates are compared by compare_media.py.
            rate, seconds = 16000, rng.uniform(0.05, 1.6)
            noise = np.random.default_rng(rng.randrange(2**32))
            time = np.arange(int(rate * seconds)) / rate
            sound = np.sin(time * rng.uniform(500, 9000)) / 3 + noise.normal(0, 0.1, len(time))
            soundfile.write(folder / f"{name}.wav", sound, rate)
            parts.append({"audio": f"{name}.wav"})
        else:
            # Sizes that stay: compare_media.py compares how others are scaled.
            pixels = np.random.default_rng(rng.randrange(2**32)).integers(
                0, 256, (8 * rng.randint(1, 4), 8 * rng.randint(1, 4), 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}.png")
            parts.append({"image": f"{name}.png"})
    if "t" not in kinds:
        parts.append({"text": "ka"})
    return parts


def tokens_of_sound(frames):
    rest = frames % 100
    return (((((rest - 1) // 2 + 1) - 1) // 2 + 1 - 1) // 2 + 1 + frames // 100 * 13).tolist()


def read_parts(model, folder, t, parts, configs=None, tokens=tokens_of_sound, padding=True):
    """The tokens of a message and the tensors for generate(), as the processor makes them.

    configs: of the processors, if not those of a Qwen3-Omni. tokens: of sounds with so many frames.
    """
    sound, picture = configs or features_config(model.config)
    text, media = "", {}
    sounds = [soundfile.read(folder / x["audio"], dtype="float32")[0]
              for x in parts if "audio" in x]
    images = [Image.open(folder / x["image"]) for x in parts if "image" in x]
    counts = {"audio": [], "image": []}
    if sounds:
        sound.pop("feature_extractor_type")
        extractor = WhisperFeatureExtractor(**sound)
        found = extractor(
            sounds, sampling_rate=16000, padding=padding, truncation=False,
            return_attention_mask=True, return_tensors="pt")
        media["input_features"] = found["input_features"]
        media["feature_attention_mask"] = found["attention_mask"]
        counts["audio"] = tokens(found["attention_mask"].sum(-1))
    if images:
        picture.pop("image_processor_type")
        found = Qwen2VLImageProcessor(**picture)(images, return_tensors="pt")
        media["pixel_values"] = found["pixel_values"]
        media["image_grid_thw"] = found["image_grid_thw"]
        counts["image"] = (found["image_grid_thw"].prod(-1) // 4).tolist()
    for part in parts:
        if "text" in part:
            text += part["text"]
        elif "audio" in part:
            text += "<|audio_start|>" + "<|audio_pad|>" * counts["audio"].pop(0) + "<|audio_end|>"
        else:
            text += "<|vision_start|>" + "<|image_pad|>" * counts["image"].pop(0) + "<|vision_end|>"
    whole = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    return t.encode(whole, add_special_tokens=False).ids, media


class Recorder:
    """Keeps what goes into the talker and comes out of it, and every row of logits."""

    def __init__(self, model):
        self.inputs, self.states, self.logits, self.residual = [], [], [], []
        self.groups = model.config.talker_config.num_code_groups
        self.sampled = False
        self.handles = [
            model.talker.register_forward_hook(self.talker, with_kwargs=True),
            model.talker.code_predictor.register_forward_hook(self.predictor)]
        self.config = model.talker.code_predictor.generation_config

    def talker(self, _module, _args, kwargs, out):
        self.inputs.append(kwargs["inputs_embeds"][0])
        self.states.append(torch.stack([x[0] for x in out.hidden_states[0]]))
        self.logits.append(out.logits[0, -1])

    def predictor(self, _module, _args, out):
        self.sampled |= self.config.do_sample is not False
        self.residual.append(out.logits[0, -1])

    def end(self):
        for handle in self.handles:
            handle.remove()
        if self.sampled:
            sys.exit("the code predictor sampled: its codes hang on random numbers")


def lead(rows):
    """By how much each choice leads the next one, relative to the largest logit."""
    best, second = rows.topk(2).values.T
    return float(((best - second) / rows.abs().amax(-1)).min())


def penalised(model, logits, chosen, penalty):
    """The talker's logits as generate() chooses by them."""
    c = model.config.talker_config
    size, rows = c.text_config.vocab_size, logits.clone()
    for i, row in enumerate(rows):
        seen = torch.tensor(sorted(set(chosen[:i])), dtype=torch.long)
        row[seen] = torch.where(row[seen] < 0, row[seen] * penalty, row[seen] / penalty)
        reserved = torch.arange(max(size - RESERVED, 0), size)
        row[reserved[reserved != c.codec_eos_token_id]] = -3e38
    return rows.clamp(min=-1e3)


def expected(model, ids, answer, frames, media=None):
    """Returns what is computed for a prompt, and how clear its choices were."""
    media = media or {}
    turns = []
    rotary = model.thinker.model.language_model.rotary_emb if hasattr(
        model.thinker.model, "language_model") else None
    handle = rotary.register_forward_pre_hook(
        lambda _, args, kw: turns.append(kw.get("position_ids", args[-1] if args else None)[:, 0]),
        with_kwargs=True) if rotary else None
    model.talker.rope_deltas = model.thinker.model.rope_deltas = None
    thought = model.thinker.generate(
        torch.tensor([ids]), max_new_tokens=answer, do_sample=False, output_hidden_states=True,
        output_logits=True, return_dict_in_generate=True,
        eos_token_id=model.config.im_end_token_id, **media)
    if handle:
        handle.remove()
    thinker_logits = torch.cat(thought.logits)
    recorder = Recorder(model)
    codes = {}
    decode = model.code2wav.chunked_decode
    model.code2wav.chunked_decode = lambda x, **k: codes.update(codes=x) or decode(x, **k)
    try:
        _, wave = model.generate(
            torch.tensor([ids]), thinker_max_new_tokens=answer, thinker_do_sample=False,
            thinker_eos_token_id=model.config.im_end_token_id, talker_max_new_tokens=frames + 1,
            talker_do_sample=False, **media)
    except RuntimeError as failure:  # the reference has no sound of no frames, nor of no text
        print(f"another prompt: {str(failure)[:70]}")
    model.code2wav.chunked_decode = decode
    recorder.end()
    if not codes:
        return 0, {}
    codes = codes["codes"][0].T
    logits = torch.stack(recorder.logits)
    clear = min(lead(thinker_logits), lead(torch.stack(recorder.residual)),
                lead(penalised(model, logits, codes[:, 0].tolist(), 1.05)))
    if "pixel_values" in media:
        turns = {"turns": torch.cat([x.expand(3, -1) for x in turns], 1).T.numpy().astype(np.int32)}
    else:
        turns = {}
    return clear, {
        **turns,
        "most": np.array([answer, frames], np.int32),
        "ids": np.array(ids, np.int32),
        "answer": thought.sequences[0, len(ids):].numpy().astype(np.int32),
        "thinker.states": torch.cat(
            [torch.stack([x[0] for x in step]) for step in thought.hidden_states], 1).numpy(),
        "thinker.logits": thinker_logits.numpy(),
        "talker.inputs": recorder.inputs[0].numpy(),
        "talker.states": torch.cat(recorder.states, 1).numpy(),
        "talker.logits": logits.numpy(),
        "codes": codes.numpy().astype(np.int32),
        "wave": wave.flatten().numpy()}


def brief(results, prompts):
    """Returns what a test can hold: small enough to be read by people."""
    rows = []
    for p in range(prompts):
        of = {name.split(".", 1)[1]: x for name, x in results.items() if name.startswith(f"{p}.")}
        last, beginning = len(of["ids"]) - 1, len(of["talker.inputs"]) - 1
        rows.append({
            "ids": of["ids"].tolist(), "answer": of["answer"].tolist(),
            "codes": of["codes"].tolist(),
            "wave": np.round(of["wave"].astype(float), 5).tolist(),
            "thinker.states": np.round(of["thinker.states"][:, last].astype(float), 5).tolist(),
            "thinker.logits": np.round(of["thinker.logits"][0].astype(float), 5).tolist(),
            "talker.inputs": np.round(of["talker.inputs"].astype(float), 5).tolist(),
            "talker.states": np.round(
                of["talker.states"][:, beginning].astype(float), 5).tolist()})
    return rows


def main():
    parser = argparse.ArgumentParser(description="Makes a tiny random Qwen3-Omni.")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--answer", type=int, default=64, help="most tokens of the thinker")
    parser.add_argument("--frames", type=int, default=80, help="most frames of the talker")
    parser.add_argument("--media", nargs="*", default=MEDIA_PROMPTS, metavar="KINDS",
                        help="prompts of texts (t), sounds (a) and pictures (i), such as tia")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--brief", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)  # the networks are too small to share
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    rng = random.Random(args.seed)
    t = make_tokenizer()
    shape = draw_shape(rng, t)
    for item in args.set:
        set_key(shape, *item.split("=", 1))
    config = Qwen3OmniMoeConfig(**shape, attn_implementation="eager")
    torch.manual_seed(args.seed)
    with torch.inference_mode():
        made = Qwen3OmniMoeForConditionalGeneration(config).eval()
        randomise(made)
        soften(made)
        save(made, args.out, t, torch.bfloat16 if args.bfloat16 else torch.float32)
        model = open_model(args.out)
        for (name, x), y in zip(made.state_dict().items(), model.state_dict().values()):
            if not torch.equal(x, y):
                sys.exit(f"tensor {name}: the checkpoint, read back, is another network")
        model.config.talker_config.audio_config = model.config.thinker_config.audio_config
        results = {}
        texts = len(draw_prompts(rng, t))
        for p in range(texts + len(args.media)):
            clear, found = 0, {}
            for attempt in range(TRIES):
                if p < texts:
                    one = expected(model, draw_prompts(rng, t)[p], args.answer, args.frames)
                else:
                    parts = draw_parts(
                        rng, args.out, t, f"{p}-{attempt}", args.media[p - texts])
                    ids, media = read_parts(model, args.out, t, parts)
                    one = expected(model, ids, args.answer, args.frames, media)
                    if one[1]:
                        one[1]["parts"] = np.array(json.dumps(parts))
                clear, found = max((clear, found), one, key=lambda x: x[0])
                if clear > CLEAR:
                    break
            if clear < LEAST:
                sys.exit(f"prompt {p}: no clear greedy choices in {TRIES} tries; take another seed")
            ids = found["ids"]
            results.update({f"{p}.{name}": x for name, x in found.items()})
            print(f"prompt {p}: {len(ids)} tokens, answer of {len(found['answer'])}, "
                  f"{len(set(found['answer'].tolist()))} of them different, codes "
                  f"{found['codes'].shape}, clear by {clear:.1e}")
    if args.brief:
        (args.out / "expected.json").write_text(json.dumps(brief(results, p + 1)))
    else:
        np.savez(args.out / "expected.npz", prompts=p + 1,
                 end=model.config.im_end_token_id, **results)


if __name__ == "__main__":
    main()
