"""Compares this project with what the reference computed on the models of make_text_models.py.

    python3 compare_text_models.py PROBE FOLDER...

PROBE is model_probe. A folder holds one case, or folders of cases. Prints a line for each case: the
largest difference of a logit, relative to the largest logit after the same prompt; the greedy token
that differs first, counted from 0, or '-'; and PASS, FAIL or what the probe said. Exits with 1
unless all pass: differences of at most 1e-4, and the same greedy answers.
"""
import json
import math
import pathlib
import subprocess
import sys

TOLERANCE = 1e-4
PATIENCE_S = 300


class ProbeFailed(Exception):
    pass


def run_probe(probe, folder, asked):
    file = folder / "model.gguf"
    try:
        done = subprocess.run(
            [probe, str(file if file.exists() else folder), "float32"],
            input="".join(json.dumps(x) + "\n" for x in asked),
            text=True, errors="replace", capture_output=True, timeout=PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise ProbeFailed(str(failure)) from failure
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != len(asked):
        said = " ".join(done.stderr.split()) or f"{len(lines)} of {len(asked)} answers"
        raise ProbeFailed(f"exit status {done.returncode}: {said}")
    try:
        return [json.loads(x) for x in lines]
    except ValueError as failure:
        raise ProbeFailed(f"no JSON: {failure}") from failure


def relative_difference(ours, theirs):
    # The probe writes null for what is no number.
    if len(ours) != len(theirs) or any(x is None or not math.isfinite(x) for x in ours):
        return math.inf
    return max(abs(a - b) for a, b in zip(ours, theirs)) / max(abs(x) for x in theirs)


def first_difference(ours, theirs):
    if ours == theirs:
        return None
    return next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b),
                min(len(ours), len(theirs)))


def compare(probe, folder):
    """Returns the largest relative difference and the first different token."""
    expected = json.loads((folder / "expected.json").read_text())
    prompts, greedy = expected["prompts"], expected["greedy"]
    asked = [{"ids": p["ids"], "greedy": 1} for p in prompts]
    asked.append({"ids": greedy["ids"], "greedy": len(greedy["answer"])})
    *rows, answer = run_probe(probe, folder, asked)
    worst = max(relative_difference(r.get("logits", []), p["logits"])
                for r, p in zip(rows, prompts))
    return worst, first_difference(answer.get("answer", []), greedy["answer"])


def cases_in(folder):
    if (folder / "expected.json").exists():
        return [folder]
    return sorted(f.parent for f in folder.glob("*/expected.json")) or sys.exit(
        f"{folder}: found no expected.json, neither there nor one folder down")


def passes(probe, folder):
    """Prints the line of a case."""
    try:
        worst, token = compare(probe, folder)
    except ProbeFailed as failure:
        print(f"{folder.name}: {failure}", flush=True)
        return False
    good = worst <= TOLERANCE and token is None
    print(f"{folder.name}: {worst:.1e}, {'-' if token is None else token}:",
          "PASS" if good else "FAIL", flush=True)
    return good


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: compare_text_models.py PROBE FOLDER...")
    probe = sys.argv[1]
    folders = [case for x in sys.argv[2:] for case in cases_in(pathlib.Path(x))]
    passed = sum(passes(probe, folder) for folder in folders)
    print(f"{passed} of {len(folders)} pass")
    return 0 if folders and passed == len(folders) else 1


if __name__ == "__main__":
    sys.exit(main())
