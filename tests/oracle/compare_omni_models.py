"""Compares this project with what the reference computed on the models of make_omni_models.py or
make_qwen25_models.py.

    python3 compare_omni_models.py PROBE FOLDER...

PROBE is omni_probe or qwen25_probe. Prints a line for each prompt of a folder: the largest
difference of each array, relative to its largest number; whether answer and codes are the same; and
PASS or FAIL. Exits with 1 unless all pass: differences of at most 1e-4, and the same answers and
codes.
"""
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
    worst = {name: (state_difference if name.endswith("states") else relative_difference)(
        answer[name], expected[name]) for name in ARRAYS}
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
    asked = [{"ids": p["ids"].tolist(), "end": end, "answer": int(p["most"][0]),
              "frames": int(p["most"][1])} for p in prompts]
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


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: compare_omni_models.py PROBE FOLDER...")
    good = [passes(sys.argv[1], pathlib.Path(x)) for x in sys.argv[2:]]
    print(f"{sum(good)} of {len(good)} pass")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
