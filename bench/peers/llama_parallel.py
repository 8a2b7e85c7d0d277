"""Measures llama.cpp on several sequences that are decoded together, in tokens per second of all.

Arguments: model, threads, tokens of each prompt, tokens of each answer, rounds, numbers of
sequences such as 1,2,4. Each step is one batch with the last token of every sequence. Prints
{"prefill": {"1": median, ...}, "decode": {"1": median, ...}}.
"""
import json
import statistics
import sys
import time

import llama_cpp
import numpy

path, threads, prompt_tokens, answer_tokens, rounds = sys.argv[1], *map(int, sys.argv[2:6])
concurrencies = [int(n) for n in sys.argv[6].split(",")]
silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(silent, None)
llama_cpp.llama_backend_init()
model = llama_cpp.llama_model_load_from_file(
    path.encode(), llama_cpp.llama_model_default_params()
)
words = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))


def context_for(sequences):
    params = llama_cpp.llama_context_default_params()
    # The positions are divided among the sequences, in multiples of 256.
    params.n_ctx = sequences * -(-(prompt_tokens + answer_tokens) // 256) * 256
    params.n_seq_max = sequences
    params.n_batch = params.n_ubatch = max(512, prompt_tokens)
    params.n_threads = params.n_threads_batch = threads
    return llama_cpp.llama_init_from_model(model, params)


def decode(context, batch, entries):
    """Computes entries, which are (token, position, sequence, whether logits are wanted)."""
    batch.n_tokens = len(entries)
    for i, (token, position, sequence, wanted) in enumerate(entries):
        batch.token[i], batch.pos[i] = token, position
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
        batch.logits[i] = wanted
    if llama_cpp.llama_decode(context, batch) != 0:
        sys.exit("llama_decode failed")


def most_likely(context, entry):
    logits = llama_cpp.llama_get_logits_ith(context, entry)
    return int(numpy.ctypeslib.as_array(logits, (words,)).argmax())


prefill, decoded = {}, {}
for sequences in concurrencies:
    context = context_for(sequences)
    batch = llama_cpp.llama_batch_init(max(prompt_tokens, sequences), 0, 1)
    rates = {"prefill": [], "decode": []}
    for i in range(rounds + 1):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        tokens = []
        start = time.perf_counter()
        for s in range(sequences):
            prompt = [100 + (s + t * 37) % 5000 for t in range(prompt_tokens)]
            last = prompt_tokens - 1
            decode(context, batch, [(prompt[t], t, s, t == last) for t in range(prompt_tokens)])
            tokens.append(most_likely(context, last))
        prefill_s = time.perf_counter() - start
        start = time.perf_counter()
        for t in range(prompt_tokens, prompt_tokens + answer_tokens):
            decode(context, batch, [(token, t, s, True) for s, token in enumerate(tokens)])
            tokens = [most_likely(context, s) for s in range(sequences)]
        if i:
            rates["prefill"].append(sequences * prompt_tokens / prefill_s)
            rates["decode"].append(sequences * answer_tokens / (time.perf_counter() - start))
    prefill[str(sequences)] = statistics.median(rates["prefill"])
    decoded[str(sequences)] = statistics.median(rates["decode"])
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
print(json.dumps({"prefill": prefill, "decode": decoded}))
