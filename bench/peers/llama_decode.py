"""Measures prefill and decode of llama.cpp on a GGUF file, in tokens per second.

Arguments: model, threads, tokens of the prompt, tokens of the answer, rounds. Prints
{"prefill": median, "decode": median}.
"""
import json
import statistics
import sys
import time

from llama_cpp import Llama

path, threads, prompt_tokens, answer_tokens, rounds = sys.argv[1], *map(int, sys.argv[2:6])
llm = Llama(
    path,
    n_ctx=prompt_tokens + answer_tokens + 8,
    n_batch=512,
    n_ubatch=512,
    n_threads=threads,
    n_threads_batch=threads,
    logits_all=False,
    verbose=False,
)
prompt = [100 + i * 37 % 5000 for i in range(prompt_tokens)]
prefill, decode = [], []
for i in range(rounds + 1):
    llm.reset()
    start = time.perf_counter()
    llm.eval(prompt)
    prefill_s = time.perf_counter() - start
    token = llm.sample(temp=0, repeat_penalty=1)
    start = time.perf_counter()
    for _ in range(answer_tokens):
        llm.eval([token])
        token = llm.sample(temp=0, repeat_penalty=1)
    if i:
        prefill.append(prompt_tokens / prefill_s)
        decode.append(answer_tokens / (time.perf_counter() - start))
print(json.dumps({"prefill": statistics.median(prefill), "decode": statistics.median(decode)}))
