"""Compares SmolLM2 in this project, with float activations, with transformers.

    python3 compare_with_transformers.py <model_probe> <model>

transformers reads the same GGUF file and widens it to float32. Compared are the logits and the
greedy answers. Prints one line of JSON. Exits with 1 unless the logits are within 1e-4 (relative to
their size) and all answers of 64 tokens are the same.
"""
import json
import os
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM

probe, path = sys.argv[1:3]
QUESTIONS = [
    "Why is the sky blue?",
    "What is the capital of France?",
    "Write a haiku about the sea.",
    "def fibonacci(n):",
    "The quick brown fox",
    "Once upon a time",
    "2 + 2 =",
    "List three colors:",
    "Explain gravity to a child.",
    "import numpy as np\n\ndef",
]
ENDINGS = ("", "Please.", "In one sentence:", "\n", "Answer:")
prompts = [q + " " + w for q in QUESTIONS for w in ENDINGS]  # 50
asked = "\n".join(json.dumps({"text": x, "greedy": 64}) for x in prompts)
answers = subprocess.run([probe, path, "float32"], input=asked, text=True, capture_output=True,
                         check=True).stdout
ours = [json.loads(x) for x in answers.splitlines()]
model = AutoModelForCausalLM.from_pretrained(
    os.path.dirname(path), gguf_file=os.path.basename(path), dtype=torch.float32).eval()
errors, same, until, margins = [], 0, 0, []
with torch.no_grad():
    for o in ours:
        out = model(torch.tensor([o["tokens"]]), use_cache=True)
        theirs = out.logits[0, -1]
        mine = torch.tensor(o["logits"])
        errors.append(float((mine - theirs).abs().max() / theirs.abs().max()))
        answer = []
        for i in range(64):
            token = int(theirs.argmax())
            answer.append(token)
            if token != o["answer"][i]:
                margins.append(float(theirs[token] - theirs[o["answer"][i]]))
                break
            out = model(torch.tensor([[token]]), past_key_values=out.past_key_values,
                        use_cache=True)
            theirs = out.logits[0, -1]
        same += answer == o["answer"]
        until += next((i for i, (x, y) in enumerate(zip(answer, o["answer"])) if x != y), 64)
result = {
    "prompts": len(prompts),
    "logits_relative_error_max": max(errors),
    "greedy_64_identical": same,
    "greedy_tokens_until_they_part_mean": until / len(prompts),
    "margins_where_they_part": margins,
}
print(json.dumps(result))
sys.exit(0 if max(errors) < 1e-4 and same == len(prompts) else 1)
