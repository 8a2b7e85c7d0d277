"""Compares this project with what the reference computed on the models of make_tts_models.py.

    python3 compare_tts_models.py PROBE FOLDER... [--command LIMELIGHT]

PROBE is tts_probe. With LIMELIGHT, the command, all requests of a folder also go through the
processes of a pipeline together, talker and code2wav, the talker on one rank and on two, in chunks
of several sizes. Prints a line for each request: the largest difference of each array, relative to
its largest number; whether tokens and codes are the same; and PASS or FAIL. Exits with 1 unless all
pass: differences of at most 1e-4, the same tokens and codes, and samples of 16 bits that are at
most 1 apart, as both round.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np

from compare_omni_models import TOLERANCE, relative_difference, state_difference


def requests_of(folder):
    with np.load(folder / "expected.npz") as file:
        return [{name.split(".", 1)[1]: file[name] for name in file if name.startswith(f"{p}.")}
                for p in range(int(file["prompts"]))]


def passes(probe, folder):
    wanted = requests_of(folder)
    done = subprocess.run(
        [probe, str(folder)], input="".join(str(x["request"]) + "\n" for x in wanted), text=True,
        capture_output=True, timeout=300)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != len(wanted):
        print(f"{folder.name}: FAIL, exit status {done.returncode}: {done.stderr.strip()}")
        return False
    all_good = True
    for i, (line, expected) in enumerate(zip(lines, wanted)):
        answer = json.loads(line)
        worst = {name: (state_difference if name == "states" else relative_difference)(
            answer[name], expected[name]) for name in ("inputs", "states", "logits")}
        same = {name: answer[name] == expected[name].ravel().tolist()
                for name in ("ids", "instructions", "codes")}
        good = all(same.values()) and max(worst.values()) <= TOLERANCE
        print(f"{folder.name}, request {i}:",
              ", ".join(f"{name} {x:.1e}" for name, x in worst.items()),
              *(f", {name} {'same' if x else 'OTHERS'}" for name, x in same.items()),
              f"({len(expected['codes'])} frames):", "PASS" if good else "FAIL")
        all_good &= good
    return all_good


def sounds_as_pipeline(command, folder):
    """The folder alone, as `limelight run --model` has it: samples."""
    wanted = requests_of(folder)
    lines = folder / "lines.jsonl"
    texts = [json.loads(str(x["request"])) for x in wanted]
    lines.write_text("".join(json.dumps({
        "max_tokens": x.pop("frames") + 1, "temperature": 0, **x}) + "\n" for x in texts))
    heads = json.loads((folder / "config.json").read_text())["talker_config"]
    all_good = True
    for ranks, chunk in ((1, 25), (1, 3), (2, 7)):
        if heads["num_key_value_heads"] % ranks != 0:
            continue
        out, deploy = folder / f"out{ranks}-{chunk}", folder / f"deploy{ranks}-{chunk}.yaml"
        deploy.write_text(f"""pipeline: qwen3_tts
connectors:
  shared: {{name: SharedMemoryConnector, extra: {{codec_chunk_frames: {chunk}}}}}
stages:
  - {{stage_id: 0, dtype: float32, tensor_parallel_size: {ranks},
     output_connectors: {{to_stage_1: shared}}}}
  - {{stage_id: 1, dtype: float32, input_connectors: {{from_stage_0: shared}}}}
""")
        done = subprocess.run(
            [command, "run", "--model", folder, "--deploy-config", deploy, "--prompts", lines,
             "--output-dir", out], text=True, capture_output=True, timeout=300)
        if done.returncode != 0:
            print(f"{folder.name}: FAIL, exit status {done.returncode}: {done.stderr.strip()}")
            return False
        apart = []
        for i, expected in enumerate(wanted):
            # After a header of 44 bytes, 16 bits a sample.
            levels = np.frombuffer((out / f"{i}.wav").read_bytes()[44:], "<i2")
            same = len(levels) == len(expected["wave"])
            apart.append(float(np.abs(levels - np.round(32767 * expected["wave"])).max())
                         if same else float("inf"))
        good = max(apart) <= 1
        print(f"{folder.name} as a pipeline, {ranks} ranks, chunks of {chunk} frames: "
              f"{len(wanted)} sounds, samples at most {max(apart):.0f} of 32767 apart:",
              "PASS" if good else "FAIL")
        all_good &= good
    return all_good


def main():
    parser = argparse.ArgumentParser(description="Compares a Qwen3-TTS with a reference.")
    parser.add_argument("probe")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--command", help="limelight")
    args = parser.parse_args()
    good = [passes(args.probe, x) for x in args.folders]
    if args.command:
        good += [sounds_as_pipeline(args.command, x.absolute()) for x in args.folders]
    print(f"{sum(good)} of {len(good)} pass")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
