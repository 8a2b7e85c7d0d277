"""Measures PyTorch's profiler on a decoder of the shape of omni_tiny's thinker.

Prints {"overhead_percent": what it adds to the time of decoding, median over pairs, "stop_ms":
median of stop and export}. It uses one thread, as a rank of Limelight does.
"""
import json
import statistics
import sys
import tempfile
import time

import torch
from torch import nn
from torch.nn import functional as F

LAYERS, HIDDEN, HEADS, KV_HEADS, DIM, MLP, VOCAB, TOKENS = 11, 640, 20, 4, 32, 1920, 2048, 20
PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
torch.set_num_threads(1)
torch.manual_seed(1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        self.n1, self.n2 = nn.RMSNorm(HIDDEN), nn.RMSNorm(HIDDEN)
        self.q, self.o = linear(HIDDEN, HEADS * DIM), linear(HEADS * DIM, HIDDEN)
        self.k, self.v = linear(HIDDEN, KV_HEADS * DIM), linear(HIDDEN, KV_HEADS * DIM)
        self.gate, self.up = linear(HIDDEN, MLP), linear(HIDDEN, MLP)
        self.down = linear(MLP, HIDDEN)

    def forward(self, x, keys, values, position):
        y = self.n1(x)
        q = rope(self.q(y).view(1, -1, HEADS, DIM).transpose(1, 2), position)
        k = rope(self.k(y).view(1, -1, KV_HEADS, DIM).transpose(1, 2), position)
        keys[:, :, position] = k[:, :, 0]
        values[:, :, position] = self.v(y).view(1, -1, KV_HEADS, DIM).transpose(1, 2)[:, :, 0]
        end = position + 1
        a = F.scaled_dot_product_attention(q, keys[:, :, :end], values[:, :, :end], enable_gqa=True)
        x = x + self.o(a.transpose(1, 2).reshape(1, 1, -1))
        y = self.n2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


def rope(x, position):
    half = DIM // 2
    angle = position * 10000.0 ** (-torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


blocks = nn.ModuleList(Block() for _ in range(LAYERS))
embedding, head = nn.Embedding(VOCAB, HIDDEN), nn.Linear(HIDDEN, VOCAB, bias=False)


@torch.inference_mode()
def decode():
    keys = [torch.zeros(1, KV_HEADS, TOKENS, DIM) for _ in blocks]
    values = [torch.zeros(1, KV_HEADS, TOKENS, DIM) for _ in blocks]
    token, start = torch.tensor([[1]]), time.perf_counter()
    for position in range(TOKENS):
        x = embedding(token)
        for block, k, v in zip(blocks, keys, values):
            x = block(x, k, v, position)
        token = head(x).argmax(-1)
    return time.perf_counter() - start


decode()
ratios, stops = [], []
for pair in range(PAIRS):
    times = {}
    for profiled in (pair % 2 == 0, pair % 2 != 0):
        if not profiled:
            times[False] = decode()
            continue
        profile = torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True
        )
        profile.start()
        times[True] = decode()
        begin = time.perf_counter()
        profile.stop()
        with tempfile.TemporaryDirectory() as folder:
            profile.export_chrome_trace(folder + "/trace.json.gz")
        stops.append((time.perf_counter() - begin) * 1000)
    ratios.append(100 * (times[True] / times[False] - 1))
medians = {"overhead_percent": statistics.median(ratios), "stop_ms": statistics.median(stops)}
print(json.dumps(medians))
