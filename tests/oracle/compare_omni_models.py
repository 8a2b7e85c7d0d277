"""Compares this project with what the reference computed on the models of make_omni_models.py or
make_qwen25_models.py.

    python3 compare_omni_models.py PROBE FOLDER... [--command LIMELIGHT]

PROBE is omni_probe or qwen25_probe. With LIMELIGHT, the command, prompts with sounds and pictures
also go through the processes of a pipeline, thinker and talker on one and on two ranks each. Prints
a line for each prompt of a folder: the largest difference of each array, relative to its largest
number; whether answer and codes are the same; and PASS or FAIL. Exits with 1 unless all pass:
differences of at most 1e-4, and the same answers and codes.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np

TOLERANCE = 1e-4
ARRAYS = ("thinker.states", "thinker.logits", "talker.inputs", "talker.states", "talker.logits")


def relative_difference(ours, theirs):
    ours = np.array(ours, np.float64).ravel()
    if ours.size != theirs.size or not np.isfinite(ours).all():
        return float("inf")
    return float(np.abs(ours - theirs.ravel()).max() / np.abs(theirs).max())


def state_difference(ours, theirs):
    """The largest of all layers, each relative to its own largest number."""
    if len(ours) != len(theirs):
        return float("inf")
    return max(relative_difference(a, b) for a, b in zip(ours, theirs))


def compare(answer, expected):
    """Returns the text of the line, and whether it passes."""
    if "parts" in expected:
        for name in ("ids", "turns"):
            if answer[name] != expected.get(name, np.array([])).ravel().tolist():
                return f"found {name} {answer[name]}, expected {expected.get(name)}", False
    worst = {name: (state_difference if name.endswith("states") else relative_difference)(
        answer[name], expected[name]) for name in ARRAYS}
    if "wave" in answer:
        # Noise becomes sound in many steps: each counts once more what the ones before it rounded.
        allowed = max(1.0, 2 * float(expected["rounding"]) / TOLERANCE)
        for name in ("noise", "mel", "wave"):
            worst[name] = relative_difference(answer[name], expected[name]) / allowed
    text = answer["answer"] == expected["answer"].tolist()
    codes = answer["codes"] == expected["codes"].ravel().tolist()
    shown = ", ".join(f"{name} {x:.1e}" for name, x in worst.items())
    shown += f", {len(answer['answer'])} tokens {'same' if text else 'OTHERS'}"
    shown += f", {len(expected['codes'])} frames {'same' if codes else 'OTHERS'}"
    return shown, text and codes and max(worst.values()) <= TOLERANCE


def passes(probe, folder):
    with np.load(folder / "expected.npz") as file:
        prompts = [{name.split(".", 1)[1]: file[name] for name in file if name.startswith(f"{p}.")}
                   for p in range(int(file["prompts"]))]
        end = int(file["end"])
    asked = [{"end": end, "answer": int(p["most"][0]), "frames": int(p["most"][1]),
              **({"parts": json.loads(str(p["parts"]))} if "parts" in p
                 else {"ids": p["ids"].tolist()})} for p in prompts]
    done = subprocess.run(
        [probe, str(folder)], input="".join(json.dumps(x) + "\n" for x in asked), text=True,
        capture_output=True, timeout=300)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != len(asked):
        print(f"{folder.name}: FAIL, exit status {done.returncode}: {done.stderr.strip()}")
        return False
    all_good = True
    for i, (line, prompt) in enumerate(zip(lines, prompts)):
        shown, good = compare(json.loads(line), prompt)
        print(f"{folder.name}, prompt {i}: {shown}:", "PASS" if good else "FAIL")
        all_good &= good
    return all_good


PIPELINE = """stage_args:
  - stage_id: 0
    engine_args: {{model_stage: thinker, model: {model}, activations: float32,
                  tensor_parallel_size: {ranks}, max_num_batched_tokens: {slice}}}
    final_output: true
    final_output_type: text
  - stage_id: 1
    engine_args: {{model_stage: talker, model: {model}, activations: float32, speaker: ethan}}
    engine_input_source: [0]
    default_sampling_params: {{temperature: 0, max_tokens: {frames}}}
  - stage_id: 2
    engine_args:
      model_stage: code2wav
      model_shape: {{layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: 32,
                    codebooks: {groups}, codebook_size: {codes}, channels: 8, upsampling: [2, 2]}}
    engine_input_source: [1]
    final_output: true
    final_output_type: audio
runtime:
  edges: [{{from: 0, to: 1}}, {{from: 1, to: 2}}]
"""


def as_openai(part):
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    kind = "audio_url" if "audio" in part else "image_url"
    return {"type": kind, kind: {"url": part.get("audio", part.get("image"))}}


def passes_as_pipeline(command, folder):
    """The same answers through processes, in slices, on one rank and on two; all at a time."""
    with np.load(folder / "expected.npz") as file:
        prompts = [(json.loads(str(file[f"{p}.parts"])), file[f"{p}.answer"].tolist(),
                    file[f"{p}.most"].tolist()) for p in range(int(file["prompts"]))
                   if f"{p}.parts" in file]
    config = json.loads((folder / "config.json").read_text())
    heads = config["thinker_config"]["text_config"]["num_key_value_heads"]
    lines = folder / "lines.jsonl"
    lines.write_text("".join(json.dumps({
        "messages": [{"role": "user", "content": [as_openai(x) for x in parts]}],
        "temperature": 0, "max_tokens": most[0], "logprobs": 0, "ignore_eos": True,
        "stop_token_ids": [config["im_end_token_id"]]}) + "\n" for parts, _, most in prompts))
    talker, sounds = config["talker_config"], []
    all_good = True
    for ranks, size in ((1, 2048), (1, 8), (2, 8)):
        if heads % ranks != 0:
            continue
        yaml, out = folder / f"pipeline{ranks}.yaml", folder / f"out{ranks}-{size}"
        yaml.write_text(PIPELINE.format(
            model=folder, ranks=ranks, slice=size, frames=prompts[0][2][1] + 1,
            groups=talker["num_code_groups"],
            codes=talker["code_predictor_config"]["vocab_size"]))
        done = subprocess.run(
            [command, "run", "--config", yaml, "--prompts", lines, "--output-dir", out],
            text=True, capture_output=True, timeout=300)
        if done.returncode != 0:
            print(f"{folder.name}: FAIL, exit status {done.returncode}: {done.stderr.strip()}")
            return False
        found = {}
        for line in (out / "outputs.jsonl").read_text().splitlines():
            output = json.loads(line)
            found[int(output["request_id"])] = [x["token_id"] for x in output["logprobs"]]
        same = sum(found.get(i) == answer for i, (_, answer, _) in enumerate(prompts))
        # The last stage has dummy weights: of equal codes it makes equal sounds.
        sounds.append([(out / f"{i}.wav").read_bytes() for i in range(len(prompts))])
        good = same == len(prompts) and sounds[-1] == sounds[0]
        print(f"{folder.name} as a pipeline, {ranks} ranks, slices of {size}: {same} of "
              f"{len(prompts)} answers are the same, sounds "
              f"{'too' if sounds[-1] == sounds[0] else 'are OTHERS'}:", "PASS" if good else "FAIL")
        all_good &= good
    return all_good


def sounds_as_pipeline(command, folder):
    """A Qwen2.5-Omni's folder alone, as `limelight run --model` has it: text and samples."""
    with np.load(folder / "expected.npz") as file:
        prompts = [{name: file[f"{p}.{name}"]
                    for name in ("ids", "answer", "most", "wave", "parts") if f"{p}.{name}" in file}
                   for p in range(int(file["prompts"]))]
        end = int(file["end"])
    lines, out = folder / "lines.jsonl", folder / "out"
    lines.write_text("".join(json.dumps({
        **({"messages": [{"role": "user", "content": [
            as_openai(x) for x in json.loads(str(p["parts"]))]}]} if "parts" in p
           else {"prompt_token_ids": p["ids"].tolist()}),
        "logprobs": 0, "ignore_eos": True, "stop_token_ids": [end]}) + "\n" for p in prompts))
    most = prompts[0]["most"].tolist()
    overrides = {
        "0": {"dtype": "float32",
              "default_sampling_params": {"temperature": 0, "max_tokens": most[0]}},
        "1": {"dtype": "float32", "speaker": "Ethan",
              "default_sampling_params": {"temperature": 0, "max_tokens": most[1]}},
        "2": {"speaker": "Ethan", "default_sampling_params": {"seed": 42}}}
    done = subprocess.run(
        [command, "run", "--model", folder, "--stage-overrides", json.dumps(overrides),
         "--prompts", lines, "--output-dir", out], text=True, capture_output=True, timeout=300)
    if done.returncode != 0:
        print(f"{folder.name}: FAIL, exit status {done.returncode}: {done.stderr.strip()}")
        return False
    all_good = True
    for line in (out / "outputs.jsonl").read_text().splitlines():
        output = json.loads(line)
        prompt = prompts[int(output["request_id"])]
        text = [x["token_id"] for x in output["logprobs"]] == prompt["answer"].tolist()
        # After a header of 44 bytes, 16 bits a sample.
        levels = np.frombuffer((out / f"{output['request_id']}.wav").read_bytes()[44:], "<i2")
        apart = float("inf")
        if len(levels) == len(prompt["wave"]):
            apart = float(np.abs(levels - 32767 * prompt["wave"]).max())
        good = text and apart < 4
        print(f"{folder.name} as a pipeline, prompt {output['request_id']}: tokens "
              f"{'same' if text else 'OTHERS'}, {len(levels)} samples at most {apart:.1f} of 32767 "
              "apart:", "PASS" if good else "FAIL")
        all_good &= good
    return all_good


def main():
    parser = argparse.ArgumentParser(description="Compares an omni model with a reference.")
    parser.add_argument("probe")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--command", help="limelight")
    args = parser.parse_args()
    good = [passes(args.probe, x) for x in args.folders]
    if args.command:
        for x in args.folders:
            kind = json.loads((x / "config.json").read_text())["model_type"]
            run = sounds_as_pipeline if kind == "qwen2_5_omni" else passes_as_pipeline
            good.append(run(args.command, x.absolute()))
    print(f"{sum(good)} of {len(good)} pass")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
