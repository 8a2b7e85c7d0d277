"""Looks for keys that are passed over in silence: in generation_config.json, in
preprocessor_config.json and in the metadata of GGUF files.

    python3 attack_metadata.py MODEL_PROBE MEDIA_PROBE FOLDER [--seed N] [--cases N] [--keep]
                               [--only generation preprocessor gguf]

A case changes one to three keys of a good file: other values and types, keys that are gone, keys of
other programs. Allowed are only: what the reference (transformers) makes of the same file, or a
refusal here that names a changed key. Compared are, of generation_config.json, the steps between
logits and token that generate() would take with the file, and with what was read here; of
preprocessor_config.json, the features of sounds and pictures; of GGUF, logits, tokens and what ends
an answer. Where the reference passes over a key of GGUF, of which it reads few, a key that changes
nothing here either has to be one of HARMLESS. Where the reference fails and this project does not,
the case is shown as `laxer`; it is no failure. Exits with 1 if there are failures.
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

import gguf
import numpy as np
import torch
import transformers
from PIL import Image
from transformers import AutoModelForCausalLM, GenerationConfig, Qwen2VLImageProcessor
from transformers import LogitsProcessorList, StoppingCriteriaList, WhisperFeatureExtractor
from transformers.audio_utils import load_audio

from gguf_files import GONE, gguf_options, read_keys, write_gguf

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
TOLERANCE = 1e-4


class Draw(random.Random):
    def some(self, *choices):
        return self.choice(choices)

    def maybe(self, chance):
        return self.random() < chance


def ask(command, lines):
    """Answers, or what was said in refusing them."""
    done = subprocess.run([str(x) for x in command], input="".join(x + "\n" for x in lines),
                          text=True, errors="replace", capture_output=True, timeout=120)
    if done.returncode == 1 and done.stderr:
        return done.stderr.strip()
    if done.returncode != 0:
        return f"CRASH {done.returncode}: {done.stderr.strip()}"
    return [json.loads(x) for x in done.stdout.splitlines()]


def changed_of(draw, options, keys):
    """Some keys with other values."""
    return {key: draw.choice(options[key]) for key in draw.sample(sorted(options), keys)}


def apply(file, changes):
    file = {**file, **changes}
    return {key: value for key, value in file.items() if value is not GONE}


# What a refusal may name in place of a key, as both have to agree.
RELATED = {
    "min_pixels": ("max_pixels",), "size": ("max_pixels",), "merges": ("merge ",),
    "add_bos_token": ("bos_token_id",), "add_eos_token": ("eos_token_id",),
    **dict.fromkeys(("head_count", "head_count_kv"), ("key-value heads", "tensor '")),
    **dict.fromkeys(("token_type", "tokens"), ("merge ",)),
    **dict.fromkeys(("embedding_length", "block_count", "feed_forward_length", "key_length",
                     "expert_feed_forward_length", "expert_shared_feed_forward_length",
                     "expert_count"), ("tensor '",))}


def refusal(said, changes):
    """What a refusal is worth: one that names none of the changed keys is a failure."""
    if said.startswith("CRASH"):
        return "FAIL"
    names = {key.split(".")[-1] for key in changes}
    names |= {other for name in names for other in RELATED.get(name, ())}
    names |= {".rope..." for key in changes if ".rope." in key}
    return "refused" if any(name in said for name in names) else "FAIL"


# --- generation_config.json ---

GENERATION = {
    "temperature": (0.5, 1, 1.0, 2.0, 0, 0.0, -1, None, "0.5", True),
    "top_k": (1, 3, 50, 0, -1, 1.5, None, "3"), "top_p": (0.5, 1, 1.0, 0, 1.5, None, -0.1),
    "min_p": (0.2, 0, 0.0, 1.5, None), "typical_p": (0.5, 1.0, 1, None), "top_h": (0.4, 0, None),
    "epsilon_cutoff": (0.001, 0.0, None), "eta_cutoff": (0.001, 0.0, None),
    "repetition_penalty": (1.2, 1, 1.0, 0.5, 0, -1, None),
    "encoder_repetition_penalty": (1.2, 1.0, None), "no_repeat_ngram_size": (2, 0, None),
    "encoder_no_repeat_ngram_size": (2, 0, None), "bad_words_ids": ([[5]], [[5, 6]], None),
    "sequence_bias": ([[[5], 2.0]], None), "suppress_tokens": ([5], [], None),
    "begin_suppress_tokens": ([5], [0], None), "forced_bos_token_id": (5, 0, None),
    "forced_eos_token_id": (5, 0, [0], None), "exponential_decay_length_penalty": ([3, 1.5], None),
    "min_length": (30, 0, None), "min_new_tokens": (3, 0, None, -1),
    "max_new_tokens": (3, 1, 0, None), "max_time": (0, 0.0, 3.5, None),
    "stop_strings": ("x", ["x", "yy"], [], "", None, 3), "guidance_scale": (1.5, 1, 1.0, None),
    "num_beams": (1, 4, 0, None), "num_return_sequences": (1, 2, None),
    "num_beam_groups": (1, 2, None), "diversity_penalty": (0.0, 0.5, None),
    "penalty_alpha": (0.6, 0, None), "dola_layers": ("low", None), "renormalize_logits": (True,),
    "remove_invalid_values": (True,), "early_stopping": (True, False), "length_penalty": (2.0,),
    "watermarking_config": (None, {"greenlist_ratio": 0.25, "bias": 2.0}),
    "eos_token_id": (2, [2, 5], [], None, -1, 99999, "2"), "bos_token_id": (1, None),
    "pad_token_id": (0, None), "use_cache": (False,), "token_healing": (False,),
    "prompt_lookup_num_tokens": (None,), "constraints": (None,), "force_words_ids": (None, [[5]]),
    "max_length": (20, 77), "cache_implementation": (None, "static"), "novelty": (1, None),
    "transformers_version": ("4.0.0",), "low_memory": (None,), "decoder_start_token_id": (5,)}


class Generation:
    def __init__(self, args):
        self.probe = args.model_probe
        self.model = AutoModelForCausalLM.from_pretrained(FIXTURES / "qwen2").eval()
        self.tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(FIXTURES / "qwen2/tokenizer.json"))

    def steps(self, folder, values):
        """What generate() would do with a file of these values."""
        (folder / "generation_config.json").write_text(json.dumps(values))
        config = GenerationConfig.from_pretrained(folder)
        mode = config.get_generation_mode()
        prompt = torch.tensor([[5, 6, 7]])
        ends = config.eos_token_id
        ends = [] if ends is None else sorted(ends if isinstance(ends, list) else [ends])
        self.model._prepare_special_tokens(config, True, device="cpu")
        most = config.max_new_tokens
        if config.min_new_tokens is not None:
            config.min_length = 3 + config.min_new_tokens
        steps = self.model._get_logits_processor(
            generation_config=config, input_ids_seq_length=3, encoder_input_ids=prompt,
            logits_processor=LogitsProcessorList(), device="cpu", model_kwargs={})
        config.max_length = None
        stops = self.model._get_stopping_criteria(
            generation_config=config, stopping_criteria=StoppingCriteriaList(),
            tokenizer=self.tokenizer)
        torch.manual_seed(3)
        logits = torch.randn(1, self.model.config.vocab_size)
        with torch.inference_mode():
            chosen = [step(torch.tensor([[5, 6, 7] + [9] * n]), logits.clone()).softmax(-1)
                      for step in [steps] for n in (0, 2, 40)]
        others = sorted(str(getattr(x, "stop_strings", getattr(x, "max_time", "")))
                        for x in stops if "EosToken" not in type(x).__name__)
        return {"mode": str(mode), "chosen": chosen, "ends": ends, "stops": others, "most": most}

    def case(self, draw, folder):
        shutil.copytree(FIXTURES / "qwen2", folder, dirs_exist_ok=True)
        changes = changed_of(draw, GENERATION, draw.randint(1, 3))
        file = apply({"do_sample": draw.maybe(0.6), "eos_token_id": 2}, changes)
        (folder / "generation_config.json").write_text(json.dumps(file))
        answers = ask([self.probe, folder], ['{"settings": "Hello"}'])
        work = folder / "reference"
        work.mkdir()
        try:
            theirs = self.steps(work, {**file, "top_k": file.get("top_k") or 0})
        except Exception as failure:  # whatever it is
            theirs = f"{type(failure).__name__}: {failure}"[:200]
        # Without top_k there is no such limit, as in vLLM.
        shown = theirs if isinstance(theirs, str) else {
            k: v for k, v in theirs.items() if k != "chosen"}
        if isinstance(answers, str):
            return refusal(answers, changes), changes, answers, shown
        if isinstance(theirs, str):
            return "laxer", changes, answers, theirs
        mine = answers[0]
        ours = self.steps(work, {
            "do_sample": mine["temperature"] > 0, "temperature": mine["temperature"] or 1.0,
            "top_p": mine["top_p"], "top_k": max(mine["top_k"], 0), "min_p": mine["min_p"],
            "repetition_penalty": mine["repetition_penalty"], "min_new_tokens": mine["min_tokens"],
            "max_new_tokens": mine.get("max_tokens"), "stop_strings": mine["stop"] or None,
            "eos_token_id": theirs["ends"] or None})
        same = (ours["mode"] == theirs["mode"] and ours["stops"] == theirs["stops"]
                and ours["most"] == theirs["most"] and set(theirs["ends"]) <= set(mine["ends"])
                and all((a - b).abs().max() < 1e-5
                        for a, b in zip(ours["chosen"], theirs["chosen"])))
        return "same" if same else "FAIL", changes, mine, shown


# --- preprocessor_config.json ---

PREPROCESSOR = {
    "feature_size": (64, 80, 128, 0, "80", None), "n_fft": (512, 300, 400, 0, 2.5),
    "hop_length": (128, 200, 160, 0), "sampling_rate": (8000, 16000, None),
    "padding_value": (0.0, 1.0, -1), "padding_side": ("left", "right"), "dither": (0.0, 0.1),
    "return_attention_mask": (True, False), "chunk_length": (30, 1), "n_samples": (100, 480000),
    "nb_max_frames": (10, 3000), "do_normalize": (True, False), "patch_size": (14, 16, 8, 0, "14"),
    "merge_size": (1, 2, 3), "temporal_patch_size": (1, 2, 3), "do_rescale": (True, False, None),
    "image_mean": ([0.1, 0.2, 0.3], [0.5] * 3, 0.5, None), "do_convert_rgb": (True, False, None),
    "image_std": ([0.2, 0.4, 0.8], [0.5] * 3, 0.5, [1.0] * 2, None), "do_resize": (True, False),
    "rescale_factor": (1 / 255, 0.01, 1, 0), "resample": (3, 2, 0, None),
    "min_pixels": (64, 5000, None), "max_pixels": (2000, 9000, None),
    "size": ({"shortest_edge": 1000, "longest_edge": 20000}, {"shortest_edge": 1000}, None,
             {"min_pixels": 1000, "max_pixels": 20000}, {"height": 30, "width": 30}, 224),
    "do_center_crop": (True, False, None), "crop_size": ({"height": 8, "width": 8}, None),
    "do_pad": (True, False), "pad_size": (None, {"height": 99, "width": 99}),
    "input_data_format": (None, "channels_last"), "data_format": ("channels_first", None),
    "image_processor_type": ("Qwen2VLImageProcessor", "ViTImageProcessor", GONE),
    "feature_extractor_type": ("WhisperFeatureExtractor", "SpeechT5FeatureExtractor", GONE),
    "processor_class": ("Other",), "device": ("cpu",), "novelty": (3,), "fps": (4,),
    "do_grayscale": (True,), "mel_floor": (1e-3,), "frequency_max": (4000,),
    "default_to_square": (True,), "return_tensors": (None, "pt"), "disable_grouping": (True,)}


class Preprocessor:
    def __init__(self, args):
        self.probe = args.media_probe
        args.folder.mkdir(parents=True, exist_ok=True)
        self.sound, self.picture = FIXTURES / "media/float_16000.wav", args.folder / "picture.png"
        pixels = np.random.default_rng(5).integers(0, 256, (70, 50, 3), np.uint8)
        Image.fromarray(pixels).save(self.picture)

    def theirs(self, folder):
        extractor = WhisperFeatureExtractor.from_pretrained(folder)
        out = extractor([load_audio(str(self.sound), sampling_rate=16000, backend="soundfile")],
                        sampling_rate=16000, padding=True, truncation=False,
                        return_attention_mask=True, return_tensors="np")
        sound = out["input_features"][0][:, out["attention_mask"][0].astype(bool)]
        processor = Qwen2VLImageProcessor.from_pretrained(folder)
        image = Image.open(self.picture)
        picture = processor(images=[image], return_tensors="pt")["pixel_values"].numpy()
        return sound.astype(np.float32), picture.astype(np.float32)

    def ours(self, folder, kind, file):
        said = ask([self.probe, folder, folder / "out", kind, file], [])
        if isinstance(said, str) or "error" in said[0]:
            return said if isinstance(said, str) else said[0]["error"]
        rows, cols = said[0]["shape"]  # of a picture in patches
        return np.fromfile(folder / "out", np.float32).reshape(
            rows if kind == "sounds" else rows * cols, -1)

    def case(self, draw, folder):
        folder.mkdir(parents=True)
        changes = changed_of(draw, PREPROCESSOR, draw.randint(1, 3))
        good = json.loads((FIXTURES / "media/preprocessor_config.json").read_text())
        (folder / "preprocessor_config.json").write_text(json.dumps(apply(good, changes)))
        try:
            theirs = self.theirs(folder)
        except Exception as failure:
            theirs = f"{type(failure).__name__}: {failure}"[:200]
        mine = [self.ours(folder, "sounds", self.sound),
                self.ours(folder, "pictures", self.picture)]
        refused = [x for x in mine if isinstance(x, str)]
        if refused:
            return refusal(refused[0], changes), changes, refused[0], str(theirs)[:200]
        if isinstance(theirs, str):
            return "laxer", changes, "", theirs
        apart = [np.inf if a.shape != b.shape else float(np.abs(a - b).max() / np.abs(b).max())
                 for a, b in zip(mine, theirs)]
        return ("same" if max(apart) <= TOLERANCE else "FAIL"), changes, apart, [
            x.shape for x in theirs]


# --- GGUF ---

BASES = ("gguf", "families/gemma3_text-linear-gguf", "families/phi3-partial-gguf",
         "families/qwen2_moe-gguf")
# Below the architecture's name or as they are: they describe a file, or count beside others alone.
HARMLESS = ("general.", "vocab_size", "rope.scaling.finetuned", "rope.scaling.yarn_beta_",
            "rope.scaling.original_context_length", "tokenizer.ggml.scores",
            "tokenizer.ggml.token_type_count", "tokenizer.ggml.add_sep_token",
            "tokenizer.ggml.seperator_token_id", "tokenizer.ggml.cls_token_id",
            "tokenizer.ggml.mask_token_id", "tokenizer.huggingface.json", "other.novelty",
            "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
            "tokenizer.ggml.padding_token_id", "tokenizer.ggml.unknown_token_id")



class Gguf:
    def __init__(self, args):
        self.probe, self.bases = args.model_probe, {}
        for base in BASES:
            reader = gguf.GGUFReader(FIXTURES / base / "model.gguf")
            self.bases[base] = read_keys(reader), reader.tensors

    def ours(self, folder, keys):
        prompts = [{"ids": [3, 5, 7, 9, 11, 4, 6], "greedy": 1}, {"ids": [8], "greedy": 1}]
        merges = [x.replace(" ", "") for x in keys["tokenizer.ggml.merges"][1]]
        words = [*keys["tokenizer.ggml.tokens"][1], *merges, "".join(merges), "\n".join(merges),
                 "2024 $1,234 it's"]
        words = " ".join(words).replace("\u0120", " ")
        lines = [{"settings": words}, *prompts]
        return ask([self.probe, folder / "model.gguf", "float32"], map(json.dumps, lines))

    def theirs(self, folder):
        model = AutoModelForCausalLM.from_pretrained(
            folder, gguf_file="model.gguf", dtype=torch.float32, attn_implementation="eager")
        with torch.inference_mode():
            return [model(torch.tensor([x])).logits[0, -1].tolist()
                    for x in ([3, 5, 7, 9, 11, 4, 6], [8])]

    def case(self, draw, folder):
        folder.mkdir(parents=True)
        keys, tensors = self.bases[draw.choice(BASES)]
        arch = keys["general.architecture"][1]
        changes = changed_of(draw, gguf_options(keys, arch, draw), 1)
        if changes.keys() <= {"tokenizer.ggml.pre", "tokenizer.ggml.merges"}:
            # The others' few merges cross nothing that is cut.
            keys, tensors = self.bases[BASES[0]]
            arch = keys["general.architecture"][1]
            options = gguf_options(keys, arch, draw)
            changes = {name: draw.choice(options[name]) for name in changes}
        write_gguf(folder / "model.gguf", keys, tensors)
        before = self.ours(folder, keys)
        write_gguf(folder / "model.gguf", apply(keys, changes), tensors)
        after = self.ours(folder, keys)
        name = next(iter(changes))
        shown = {k: v if v is GONE else (v[0], str(v[1])[:60]) for k, v in changes.items()}
        if isinstance(after, str):
            return refusal(after, changes), shown, after, ""
        if any(a != b for a, b in zip(before, after)):
            return "obeyed", shown, "", ""
        old, new = keys.get(name, (0, GONE))[1], changes[name]
        if new is not GONE and new[1] == old:  # of another type
            return "harmless", shown, "", ""
        if name.removeprefix(arch + ".").startswith(HARMLESS):
            return "harmless", shown, "", ""
        if name == "tokenizer.chat_template" and "prompt" not in before[0]:
            return "harmless", shown, "", ""  # neither is one
        if name.startswith("tokenizer."):
            return "FAIL", shown, "nothing changed", "unknown to it"
        try:
            theirs = self.theirs(folder)
        except Exception as failure:
            return "laxer", shown, "nothing changed", f"{type(failure).__name__}: {failure}"[:200]
        write_gguf(folder / "model.gguf", keys, tensors)
        apart = max(np.abs(np.subtract(a, b)).max() for a, b in zip(theirs, self.theirs(folder)))
        return ("same" if apart == 0 else "FAIL"), shown, "nothing changed", f"apart {apart:.1e}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model_probe", type=pathlib.Path)
    parser.add_argument("media_probe", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=100, help="of each kind")
    kinds = {"generation": Generation, "preprocessor": Preprocessor, "gguf": Gguf}
    parser.add_argument("--only", nargs="+", default=list(kinds), choices=list(kinds))
    parser.add_argument("--keep", action="store_true", help="the folders of failures")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    transformers.logging.disable_progress_bar()
    failures = 0
    for kind in args.only:
        attack, counts = kinds[kind](args), collections.Counter()
        for n in range(args.cases):
            folder = args.folder / f"{kind}-{args.seed}-{n}"
            shutil.rmtree(folder, ignore_errors=True)
            verdict, changes, mine, theirs = attack.case(Draw(f"{kind} {args.seed} {n}"), folder)
            counts[verdict] += 1
            if verdict in ("FAIL", "laxer"):
                shown = {k: "(gone)" if v is GONE else v for k, v in changes.items()}
                mine = re.sub(r"/\S*/", "", str(mine))[:400]
                print(f"{verdict} {folder.name}: {json.dumps(shown)}; ours: {mine}; theirs: "
                      f"{theirs}", flush=True)
            if not (args.keep and verdict == "FAIL"):
                shutil.rmtree(folder)
        print(kind, dict(counts), flush=True)
        failures += counts["FAIL"]
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
