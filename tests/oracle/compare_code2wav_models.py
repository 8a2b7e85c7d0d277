"""Makes random code2wav models of many shapes, of Qwen3-Omni and, where qwen-tts is installed, of
Qwen3-TTS, and compares what the probe computes with the reference. They may be 1e-4 apart, or twice
as far as the reference in float32 is from itself in float64, if that is more.

    python compare_code2wav_models.py <code2wav_probe> <folder> [--seed 0] [--published]

--published: the shape of Qwen3-Omni-30B-A3B in its place, with the time that both take.
"""
import argparse
import importlib.util
import pathlib
import random
import subprocess
import sys
import time

import numpy as np
from safetensors.numpy import load_file

MAKER = pathlib.Path(__file__).with_name("make_code2wav_models.py")


def make(folder, *options):
    subprocess.run([sys.executable, MAKER, folder, *map(str, options)], check=True)


def probe(program, folder, threads, chunk, before):
    ran = subprocess.run([program, folder, str(threads), str(chunk), str(before)],
                         capture_output=True)
    if ran.returncode != 0:
        sys.exit(f"{folder}: {ran.stderr.decode()}")
    return np.frombuffer(ran.stdout, np.float32), ran.stderr.decode().strip()


def compare(found, expected, what, rounding):
    """rounding: how far the reference is from its own result in float64."""
    if found.shape != expected.shape:
        sys.exit(f"{what}: found {found.shape[0]} samples, expected {expected.shape[0]}")
    apart = np.abs(found - expected).max() / np.abs(expected).max()
    limit = max(1e-4, 2 * rounding)
    print(f"{what}: {len(found)} samples, largest relative difference {apart:.1e}, "
          f"limit {limit:.1e}")
    if not apart < limit:
        sys.exit(f"expected less than {limit:.1e}")


def shapes(seed):
    draw = random.Random(seed)
    tts = importlib.util.find_spec("qwen_tts") is not None
    if not tts:
        print("skipped: Qwen3-TTS, for want of qwen-tts (pip install --no-deps qwen-tts)")
    for n in range(12 if tts else 8):
        heads = draw.choice((1, 2, 4))
        rates = [draw.choice((1, 2, 3, 5)) for _ in range(draw.randint(1, 3))]
        ratios = [draw.choice((1, 2, 3)) for _ in range(draw.randint(0, 2))]
        options = ["--seed", seed * 100 + n, "--hidden", heads * draw.choice((8, 12, 18)),
                   "--layers", draw.randint(1, 3), "--heads", heads,
                   "--kv-heads", draw.choice([k for k in (1, 2, 4) if heads % k == 0]),
                   "--mlp", draw.choice((17, 48)), "--upsample-rates", *rates,
                   "--upsampling-ratios", *ratios, "--decoder-dim", draw.choice((24, 40, 72)),
                   "--num-quantizers", draw.choice((1, 3, 8)),
                   "--codebook-size", draw.choice((5, 32)),
                   "--sliding-window", draw.choice((1, 5, 30)),
                   "--dtype", draw.choice(("float32", "bfloat16", "float16")),
                   "--loudest", draw.choice((0.9, 1.5)), "--frames", 90, "--chunks", "40.25", "7.3",
                   "90.0"]
        if n >= 8:
            options += ["--tts", "--num-quantizers", draw.choice((2, 5)), "--latent",
                        draw.choice((12, 30)), "--codebook-dim", draw.choice((4, 16))]
        yield n, options + (["--attention-bias"] if draw.random() < 0.5 else [])


def published(program, folder):
    make(folder, "--hidden", 1024, "--layers", 8, "--heads", 16, "--kv-heads", 16, "--mlp", 3072,
         "--upsample-rates", 8, 5, 4, 3, "--upsampling-ratios", 2, 2, "--decoder-dim", 1536,
         "--num-quantizers", 16, "--codebook-size", 2048, "--sliding-window", 72, "--frames", 25,
         "--chunks", "25.25", "--dtype", "bfloat16")
    expected = load_file(folder / "expected.safetensors")
    for chunk in (25, 4):
        found, took = probe(program, folder, 2, chunk, -1)
        compare(found, expected["waveform"], f"{folder} in chunks of {chunk}: {took}",
                expected["rounding"][0])
    import torch
    from safetensors.torch import load_file as load_torch
    from transformers import Qwen3OmniMoeConfig
    from transformers.models.qwen3_omni_moe import modeling_qwen3_omni_moe as modeling
    torch.set_num_threads(2)
    model = modeling.Qwen3OmniMoeCode2Wav._from_config(Qwen3OmniMoeConfig().code2wav_config).eval()
    tensors = load_torch(folder / "model.safetensors")
    model.load_state_dict({name[len("code2wav."):]: t.float() for name, t in tensors.items()})
    codes = torch.tensor(expected["codes"]).long().T[None]
    with torch.inference_mode():
        for frames in (25, 4):
            for _ in range(2):
                begin = time.monotonic()
                wave = model(codes[..., :frames])
                took = time.monotonic() - begin
            print(f"torch {torch.__version__}, 2 threads, {frames} frames: {took:.4f} s "
                  f"for {wave.shape[-1] / 24000:.4f} s of sound")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--published", action="store_true")
    args = parser.parse_args()
    if args.published:
        published(args.probe, args.folder / "published")
        sys.exit()
    for n, options in shapes(args.seed):
        folder = args.folder / str(n)
        make(folder, *options)
        expected = load_file(folder / "expected.safetensors")
        rounding = expected["rounding"][0]
        for chunk in (90, 25, 1):
            found, _ = probe(args.probe, folder, 1 + n % 2, chunk, -1)
            compare(found, expected["waveform"], f"{folder} in chunks of {chunk}", rounding)
        for pair in ("40.25", "7.3", "90.0"):
            chunk, before = pair.split(".")
            found, _ = probe(args.probe, folder, 1, chunk, before)
            compare(found, expected["chunked." + pair], f"{folder} in chunks as {pair}", rounding)
