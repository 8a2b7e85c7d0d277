"""Makes a tiny random Qwen2.5-Omni, and what a reference (transformers) computes with it.

    pip install torch transformers tokenizers safetensors soundfile pillow
    python3 make_qwen25_models.py OUT [--seed N] [--set KEY=VALUE...] [--answer N] [--codes N]
        [--media KINDS...] [--bfloat16] [--brief]

OUT gets a checkpoint with thinker, encoders, talker and token2wav: config.json, safetensors,
tokenizer.json, tokenizer_config.json and preprocessor_config.json; the sounds and pictures of the
prompts; spk_dict.pt with two speakers, as the published model has
it, and speakers.safetensors, which convert_speakers.py makes of it; and expected.npz:

    prompts                    how many there are
    end                        the token that ends an answer
    <p>.most                   at most so many tokens of the thinker, and codes of the talker
    <p>.ids, <p>.answer        tokens of a prompt and of the thinker's greedy answer
    <p>.parts                  of a prompt with sounds or pictures: its parts, as JSON
    <p>.turns                  of a prompt with pictures: time, height and width of all that the
                               thinker reads, [tokens, 3]
    <p>.thinker.states         [layers + 1, tokens, hidden]: embeddings, then after each layer, the
                               last one normalised; of the prompt and of all but the last token
    <p>.thinker.logits         [answer, vocabulary]
    <p>.talker.inputs          [rows, hidden]: what the talker's decoder reads before its first code
    <p>.talker.states          [layers + 1, rows, hidden], as the thinker's, of all rows
    <p>.talker.logits          [steps, vocabulary], before penalties
    <p>.codes                  [codes]
    <p>.noise, <p>.mel         [frames, bands]: what the sampling of the mel spectrogram begins
                               with, and ends with, of these codes; torch draws the noise after
                               torch.manual_seed(NOISE_SEED)
    <p>.wave                   [samples]
    <p>.rounding               how far wave is from the same in float64, relative to the loudest

With --brief there is expected.json in its place, with ids, answers, codes, waves, and of states and
logits those of the last token of the prompt. With --bfloat16 the file has weights of this type; all
is computed in float32 in either case.

The seed draws weights, shapes and prompts; a KEY is a path in config.json, such as
talker_config.num_hidden_layers=3. All is greedy, and the speaker is Ethan.
"""
import argparse
import copy
import json
import pathlib
import random
import subprocess
import sys
import unittest.mock

import numpy as np
import torch
import transformers
from transformers import Qwen2_5OmniConfig, Qwen2_5OmniForConditionalGeneration

from make_omni_models import (
    CLEAR, LEAST, MEDIA_PROMPTS, PICTURE, SOUND, SPECIAL, TEMPLATE, TRIES, VOCAB, draw_parts, lead,
    make_tokenizer, read_parts, said, set_key)

SPEAKERS = ("Chelsie", "Ethan")
NOISE_SEED = 42
CONVERT = pathlib.Path(__file__).parents[2] / "stages/models/convert_speakers.py"


# --- Shape ---


def decoder(rng, hidden):
    kv_heads = rng.choice((1, 2))
    heads = kv_heads * rng.choice((1, 2))
    return {
        "hidden_size": hidden,
        "num_hidden_layers": rng.choice((2, 3)),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": rng.choice((24, 40)),
        "max_position_embeddings": 512,
        "rms_norm_eps": rng.choice((1e-6, 1e-3)),
        "rope_parameters": {
            "rope_type": "default", "rope_theta": rng.choice((1e3, 1e4, 1e6)),
            "mrope_section": [2, 1, 1]},
        **rng.choice(({}, {}, {
            "use_sliding_window": True, "sliding_window": 12, "max_window_layers": 1}))}


def draw_shape(rng, t):
    """Returns config.json as nested maps."""
    id_of = t.token_to_id
    spoken, size = rng.choice((16, 24)), rng.choice((40, 60))
    thinker = decoder(rng, 8)
    hidden = thinker["hidden_size"] = 8 * thinker["num_attention_heads"]
    tokens = {
        "audio_token_index": id_of("<|audio_pad|>"), "image_token_index": id_of("<|image_pad|>"),
        "video_token_index": id_of("<|video_pad|>"),
        "audio_start_token_id": id_of("<|audio_start|>"),
        "vision_start_token_id": id_of("<|vision_start|>")}
    bands, wide = rng.choice((4, 8)), rng.choice((8, 16))
    rates = rng.choice(([2, 3], [3, 2, 2]))
    return {
        "thinker_config": {
            "text_config": {**thinker, "vocab_size": VOCAB}, **tokens,
            "user_token_id": id_of("user"),
            "audio_config": {
                "d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2,
                "encoder_ffn_dim": 16, "num_mel_bins": 16, "output_dim": hidden,
                "max_source_positions": 16, "n_window": 14},
            "vision_config": {
                "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
                "patch_size": 4, "out_hidden_size": hidden, "fullatt_block_indexes": [0],
                "window_size": 16}},
        "talker_config": {
            **decoder(rng, spoken), **tokens, "head_dim": 8, "vocab_size": size + 8,
            "embedding_size": hidden,
            "tts_text_start_token_id": id_of("<tts_text_bos>"),
            "tts_text_end_token_id": id_of("<tts_text_eod>"),
            "tts_text_pad_token_id": id_of("<tts_pad>"), "tts_codec_pad_token_id": size,
            "tts_codec_start_token_id": size + 1, "tts_codec_end_token_id": size + 2,
            "tts_codec_mask_token_id": size + 4},
        "token2wav_config": {
            "dit_config": {
                "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "head_dim": 8,
                "ff_mult": 2, "emb_dim": wide, "num_embeds": size + 9, "mel_dim": bands,
                "repeats": 2, "block_size": rng.choice((4, 6)), "look_ahead_layers": [1],
                "look_backward_layers": [0, 2], "enc_emb_dim": 8, "enc_dim": 8,
                "enc_channels": [wide] * 4 + [3 * wide], "enc_attention_channels": 4,
                "enc_se_channels": 4},
            "bigvgan_config": {
                "mel_dim": bands, "upsample_initial_channel": 16, "resblock_kernel_sizes": [3, 5],
                "resblock_dilation_sizes": [[1, 3, 5], [1, 2, 3]], "upsample_rates": rates,
                "upsample_kernel_sizes": [2 * rate - rate % 2 for rate in rates]}}}


# --- Model ---


def randomise(model):
    # transformers begins with norms of one and biases of zero, which would hide both.
    for name, p in model.named_parameters():
        is_norm, is_bias = "norm" in name, "bias" in name
        centre = 1 if is_norm and not is_bias and p.ndim == 1 else 0
        fan_in = p.shape[1:].numel() if "token2wav" in name and p.ndim == 3 else p.shape[-1]
        spread = 0.2 if p.ndim < 2 else 1.2 / max(fan_in, 1) ** 0.5
        torch.nn.init.normal_(p, centre, 1.0 if "embed_tokens" in name else spread)
    # Sounds that go on for a while: what ends them is less likely than another code.
    c = model.config.talker_config
    for code in (c.tts_codec_end_token_id, c.tts_codec_pad_token_id):
        model.talker.codec_head.weight[code] *= 0.3


def soften(model, speakers):
    """Samples are clamped to +-1: few should be. The last convolution scales the wave."""
    wav, loudest = model.token2wav, []
    last = wav.code2wav_bigvgan_model.conv_post
    handle = last.register_forward_hook(lambda _m, _a, out: loudest.append(out.abs().max()))
    wav(torch.randint(40, (1, 20)), speakers["Ethan"]["cond"], speakers["Ethan"]["ref_mel"])
    handle.remove()
    last.weight.mul_(0.7 / loudest[0])


def features_config(config):
    """Sounds are filled up to two seconds."""
    thinker = config.thinker_config
    return ({**SOUND, "feature_size": thinker.audio_config.num_mel_bins, "chunk_length": 2},
            {**PICTURE, "patch_size": thinker.vision_config.patch_size})


def tokens_of_sound(frames):
    return (((frames - 1) // 2 + 1 - 2) // 2 + 1).tolist()


def save(model, folder, t, speakers, dtype):
    folder.mkdir(parents=True, exist_ok=True)
    model.to(dtype).save_pretrained(folder)
    model.to(torch.float32)
    (folder / "generation_config.json").unlink(missing_ok=True)
    t.save(str(folder / "tokenizer.json"))
    config = {"eos_token": "<|im_end|>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    sound, picture = features_config(model.config)
    (folder / "preprocessor_config.json").write_text(json.dumps({**sound, **picture}))
    torch.save(speakers, folder / "spk_dict.pt")
    subprocess.run([sys.executable, CONVERT, folder], check=True)


def open_model(folder):
    return Qwen2_5OmniForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()


# --- What the reference computes ---


def draw_prompts(rng, t):
    def words(n):
        return [rng.randrange(len(SPECIAL), VOCAB) for _ in range(n)]

    answer = [t.token_to_id("<|im_start|>"), t.token_to_id("assistant"), *t.encode("\n").ids]
    return [
        [*said("user", words(5), t), *answer],
        [*said("system", words(7), t), *said("user", words(12), t), *answer],
        [*said("user", words(20), t), *said("assistant", words(9), t),
         *said("user", words(17), t), *answer]]


class Recorder:
    """Keeps what goes into the talker's decoder and comes out of it, every row of logits, and what
    the sound is made of."""

    def __init__(self, model):
        self.inputs, self.states, self.logits = [], [], []
        self.sound = {}
        wav = model.token2wav
        self.handles = [
            model.talker.model.register_forward_pre_hook(self.read, with_kwargs=True),
            model.talker.register_forward_pre_hook(self.mask, with_kwargs=True),
            model.talker.register_forward_hook(self.talker),
            wav.register_forward_pre_hook(self.seed, with_kwargs=True),
            wav.code2wav_bigvgan_model.register_forward_pre_hook(
                lambda _m, args: self.sound.update(mel=args[0][0].T))]

    def seed(self, _module, args, kwargs):
        self.sound.update(codes=args[0][0], voice=kwargs)
        torch.manual_seed(NOISE_SEED)

    @staticmethod
    def mask(_module, args, kwargs):
        # generate() of version 5 takes masks of ones away, and without one forward() does not add
        # codec_pad and codec_bos to the last rows, and forgets behind the prompt by how much the
        # positions of pictures are fewer than their tokens, other than it was written to.
        if kwargs.get("attention_mask") is None:
            rows = kwargs.get("inputs_embeds")
            cache = kwargs.get("cache", kwargs.get("past_key_values"))
            count = cache.get_seq_length() + 1 if rows is None else rows.shape[1]
            kwargs["attention_mask"] = torch.ones((1, count), dtype=torch.long)
        return args, kwargs

    def read(self, _module, _args, kwargs):
        self.inputs.append(kwargs["inputs_embeds"][0])
        kwargs["output_hidden_states"] = True
        return _args, kwargs

    def talker(self, _module, _args, out):
        self.states.append(torch.stack([x[0] for x in out.hidden_states]))
        self.logits.append(out.logits[0, -1])

    def end(self):
        for handle in self.handles:
            handle.remove()


def penalised(model, logits, chosen):
    """The talker's logits as generate() chooses by them."""
    c, rows = model.config.talker_config, logits.clone()
    before = [c.tts_codec_mask_token_id, c.tts_codec_pad_token_id, c.tts_codec_start_token_id]
    for i, row in enumerate(rows):
        seen = torch.tensor(sorted({*before, *chosen[:i]}), dtype=torch.long)
        row[seen] = torch.where(row[seen] < 0, row[seen] * 1.05, row[seen] / 1.05)
        row[c.tts_codec_start_token_id] = -1e3
    return rows


def true_wave(wav, sound, noise):
    """The wave of the same noise in float64."""
    voice = {key: sound["voice"][key].double() for key in ("conditioning", "reference_mel")}
    with unittest.mock.patch.object(torch, "randn", lambda *_, **__: noise[None].double()):
        return copy.deepcopy(wav).double()(sound["codes"][None], **voice).flatten()


def expected(model, ids, answer, codes, end, media=None):
    """Returns what is computed for a prompt, and how clear its choices were."""
    media, turns = media or {}, []
    handle = model.thinker.model.language_model.rotary_emb.register_forward_pre_hook(
        lambda _, args, kw: turns.append(kw.get("position_ids", args[-1] if args else None)[:, 0]),
        with_kwargs=True)
    model.talker.rope_deltas = model.thinker.model.rope_deltas = None
    c = model.config.talker_config
    tokens = torch.tensor([ids])
    thought = model.thinker.generate(
        tokens, max_new_tokens=answer, do_sample=False, output_hidden_states=True,
        output_logits=True, return_dict_in_generate=True, eos_token_id=end, **media)
    handle.remove()
    thinker_logits = torch.cat(thought.logits)
    if len(thought.logits) < 2:
        return 0, {}  # the reference cannot speak an answer without text
    recorder = Recorder(model)
    # The talker takes no pixels; what has no prefix goes to all three.
    media = {("thinker_" if name == "pixel_values" else "") + name: x for name, x in media.items()}
    try:
        _, wave = model.generate(
            tokens, speaker="Ethan", attention_mask=torch.ones_like(tokens),
            thinker_max_new_tokens=answer, thinker_do_sample=False, thinker_eos_token_id=end,
            talker_max_new_tokens=codes, talker_do_sample=False,
            talker_eos_token_id=[c.tts_codec_pad_token_id, c.tts_codec_end_token_id], **media)
    except (RuntimeError, IndexError) as failure:  # it has no sound of no codes
        print(f"another prompt: {str(failure)[:70]}")
        return 0, {}
    finally:
        recorder.end()
    logits, sound = torch.stack(recorder.logits), recorder.sound
    said_codes = sound["codes"].tolist()
    clear = min(lead(thinker_logits), lead(penalised(model, logits, said_codes)))
    noise = torch.randn(sound["mel"].shape, generator=torch.Generator().manual_seed(NOISE_SEED))
    true = true_wave(model.token2wav, sound, noise)
    turns = {"turns": torch.cat([x.expand(3, -1) for x in turns], 1).T.numpy().astype(np.int32)
             } if "thinker_pixel_values" in media else {}
    return clear, {
        **turns,
        "most": np.array([answer, codes], np.int32),
        "ids": np.array(ids, np.int32),
        "answer": thought.sequences[0, len(ids):].numpy().astype(np.int32),
        "thinker.states": torch.cat(
            [torch.stack([x[0] for x in step]) for step in thought.hidden_states], 1).numpy(),
        "thinker.logits": thinker_logits.numpy(),
        "talker.inputs": recorder.inputs[0].numpy(),
        "talker.states": torch.cat(recorder.states, 1).numpy(),
        "talker.logits": logits.numpy(),
        "codes": np.array(said_codes, np.int32),
        "noise": noise.numpy(),
        "mel": sound["mel"].numpy(),
        "wave": wave.flatten().numpy(),
        "rounding": np.array(float((wave.flatten() - true).abs().max() / true.abs().max()))}


def brief(results, prompts):
    """Returns what a test can hold: small enough to be read by people."""
    rows = []
    for p in range(prompts):
        of = {name.split(".", 1)[1]: x for name, x in results.items() if name.startswith(f"{p}.")}
        last, beginning = len(of["ids"]) - 1, len(of["talker.inputs"]) - 1

        def short(x):
            return np.round(x.astype(float), 5).tolist()

        rows.append({
            "ids": of["ids"].tolist(), "answer": of["answer"].tolist(),
            "codes": of["codes"].tolist(), "wave": short(of["wave"]),
            "thinker.states": short(of["thinker.states"][:, last]),
            "thinker.logits": short(of["thinker.logits"][0]),
            "talker.inputs": short(of["talker.inputs"]),
            "talker.states": short(of["talker.states"][:, beginning])})
    return rows


def main():
    parser = argparse.ArgumentParser(description="Makes a tiny random Qwen2.5-Omni.")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--answer", type=int, default=64, help="most tokens of the thinker")
    parser.add_argument("--codes", type=int, default=80, help="most codes of the talker")
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
    config = Qwen2_5OmniConfig(**shape, attn_implementation="eager")
    torch.manual_seed(args.seed)
    results = {}
    with torch.inference_mode():
        made = Qwen2_5OmniForConditionalGeneration(config).eval()
        randomise(made)
        dit = made.config.token2wav_config.dit_config
        speakers = {
            name: {"cond": torch.randn(1, dit.enc_emb_dim),
                   "ref_mel": torch.randn(1, 9, dit.mel_dim),
                   "bos_token": t.token_to_id("<tts_text_bos>") - i}
            for i, name in enumerate(SPEAKERS)}
        soften(made, speakers)
        save(made, args.out, t, speakers, torch.bfloat16 if args.bfloat16 else torch.float32)
        model = open_model(args.out)
        for (name, x), y in zip(made.state_dict().items(), model.state_dict().values()):
            if not torch.equal(x.to(y.dtype), y) and not args.bfloat16:
                sys.exit(f"tensor {name}: the checkpoint, read back, is another network")
        texts, end = len(draw_prompts(rng, t)), t.token_to_id("<|im_end|>")
        prompts = texts + len(args.media)
        for p in range(prompts):
            clear, found = 0, {}
            for attempt in range(TRIES):
                if p < texts:
                    one = expected(model, draw_prompts(rng, t)[p], args.answer, args.codes, end)
                else:
                    parts = draw_parts(rng, args.out, t, f"{p}-{attempt}", args.media[p - texts])
                    ids, media = read_parts(
                        model, args.out, t, parts, features_config(model.config), tokens_of_sound,
                        "max_length")
                    one = expected(model, ids, args.answer, args.codes, end, media)
                    if one[1]:
                        one[1]["parts"] = np.array(json.dumps(parts))
                clear, found = max((clear, found), one, key=lambda x: x[0])
                if clear > CLEAR:
                    break
            if clear < LEAST:
                sys.exit(f"prompt {p}: no clear greedy choices in {TRIES} tries; take another seed")
            results.update({f"{p}.{name}": x for name, x in found.items()})
            print(f"prompt {p}: {len(found['ids'])} tokens, answer of {len(found['answer'])}, "
                  f"{len(set(found['answer'].tolist()))} of them different, "
                  f"{len(found['codes'])} codes, {len(set(found['codes'].tolist()))} of them "
                  f"different, {len(found['wave'])} samples, clear by {clear:.1e}")
    if args.brief:
        (args.out / "expected.json").write_text(json.dumps(brief(results, prompts)))
    else:
        np.savez(args.out / "expected.npz", prompts=prompts,
                 end=t.token_to_id("<|im_end|>"), **results)


if __name__ == "__main__":
    main()
