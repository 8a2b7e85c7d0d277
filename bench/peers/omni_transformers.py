"""Measures the reference implementation of Qwen3-Omni (transformers) from prompt to sound.

Arguments: model, threads, tokens of each text, frames of each sound, prompts as a JSON list,
numbers of clients such as 1,8. As many requests as there are clients are computed as one batch. All
is greedy. Prints {"clients": {"1": [{"submitted", "first_text", "text_done", "first_sound", "done",
"sound"}, ...], ...}}: seconds on one clock, and of sound. The sound comes in one piece, at the end.
"""
import json
import sys
import time

import torch
from transformers import AutoTokenizer, Qwen3OmniMoeForConditionalGeneration
from transformers.generation.streamers import BaseStreamer

folder, threads, tokens, frames = sys.argv[1], *map(int, sys.argv[2:5])
prompts = json.loads(sys.argv[5])
concurrencies = [int(n) for n in sys.argv[6].split(",")]
torch.set_num_threads(threads)
torch.manual_seed(0)
model = Qwen3OmniMoeForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(model.config.im_end_token_id)
speakers = model.config.talker_config.speaker_id


class Clock(BaseStreamer):
    """Notes when the tokens of a text arrive. The first call brings the prompt."""

    def __init__(self):
        self.calls, self.first, self.last = 0, 0.0, 0.0

    def put(self, value):
        self.calls += 1
        if self.calls > 1:
            self.last = time.perf_counter()
            self.first = self.first or self.last

    def end(self):
        pass


@torch.no_grad()
def serve(texts):
    begin = time.perf_counter()
    chats = [tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False,
                                           add_generation_prompt=True) for text in texts]
    inputs = tokenizer(chats, return_tensors="pt", padding=True)
    clock = Clock()
    _, waves = model.generate(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"],
        speaker=next(iter(speakers)), thinker_streamer=clock, thinker_do_sample=False,
        thinker_max_new_tokens=tokens, thinker_min_new_tokens=tokens,
        talker_do_sample=False, talker_max_new_tokens=frames + 1, talker_min_new_tokens=frames)
    done = time.perf_counter()
    return [{"submitted": begin, "first_text": clock.first, "text_done": clock.last,
             "first_sound": done, "done": done, "sound": wave.numel() / 24000} for wave in waves]


serve(prompts[:1])
answer = {}
for clients in concurrencies:
    served = []
    for i in range(0, len(prompts), clients):
        served += serve(prompts[i:i + clients])
    answer[str(clients)] = served
print(json.dumps({"clients": answer}))
