"""Makes random token2wav models of many shapes, and compares what the probe computes with the
reference: each part, the spectrogram, the waveform, and the sound of the stage, whose noise both
draw from the same seed. They may be 1e-4 apart, or twice as far as the reference in float32 is from
itself in float64, if that is more.

    python compare_token2wav_models.py <token2wav_probe> <folder> [--seed 0] [--published]

--published: the shape of Qwen2.5-Omni-7B in their place, with the time that it takes.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file

MAKER = pathlib.Path(__file__).with_name("make_token2wav_models.py")


def make(folder, *options):
    subprocess.run([sys.executable, "-W", "ignore", MAKER, folder, *map(str, options)], check=True)


def compare(program, folder, threads, chunk):
    """Whether all parts are as they should be."""
    ran = subprocess.run([program, folder, str(threads), str(chunk)], capture_output=True)
    if ran.returncode != 0:
        sys.exit(f"{folder}: {ran.stderr.decode()}")
    found = json.loads(ran.stdout)
    expected = load_file(folder / "expected.safetensors")
    worst, good = {}, True
    names = [name for name in expected if "rounding." + name in expected]
    for name, other in [("noise", "noise"), *zip(names, names), ("stage", "wave")]:
        wanted, ours = expected[other].ravel(), np.array(found.get(name, []), np.float64)
        rounding = float(expected.get("rounding." + other, [0])[0])
        limit = max(1e-4, 2 * rounding)
        apart = np.inf
        if ours.shape == wanted.shape and np.isfinite(ours).all():
            apart = np.abs(ours - wanted).max() / np.abs(wanted).max()
        if not apart <= limit:
            print(f"{folder}, {name}: {len(ours)} of {len(wanted)} numbers, {apart:.1e} apart, "
                  f"expected at most {limit:.1e}")
            good = False
        worst[name] = apart
    print(f"{folder} in chunks of {chunk}: {len(found['stage'])} samples, "
          f"{max(worst, key=worst.get)} is {max(worst.values()):.1e} apart, "
          f"mel {worst['mel']:.1e}, "
          f"sound {worst['stage']:.1e}; {found['seconds']:.2f} s for {found['of_sound']:.2f} s:",
          "PASS" if good else "FAIL")
    return good


def shapes(seed):
    draw = random.Random(seed)
    for n in range(8):
        layers = draw.randint(1, 4)
        levels = draw.randint(1, 3)
        rates = [draw.choice((1, 2, 3, 5)) for _ in range(levels)]
        blocks = draw.choice((3, 4, 5))
        yield ["--seed", seed * 100 + n, "--hidden", draw.choice((8, 18, 32)), "--layers", layers,
               "--heads", draw.choice((1, 2, 3)), "--head-dim", draw.choice((4, 6, 16)),
               "--ff-mult", draw.choice((1, 2, 3)), "--emb-dim", draw.choice((4, 9)),
               "--num-embeds", draw.choice((6, 50)), "--mel-dim", draw.choice((1, 5, 16)),
               "--repeats", draw.choice((1, 2, 3)), "--block-size", draw.choice((1, 5, 24)),
               "--look-ahead-layers", *[x for x in range(layers + 1) if draw.random() < 0.4],
               "--look-backward-layers", *[x for x in range(layers + 1) if draw.random() < 0.4],
               "--rope-theta", draw.choice((100, 10000)), "--enc-emb-dim", draw.choice((1, 6)),
               "--enc-dim", draw.choice((1, 8)), "--enc-width", draw.choice((4, 12)),
               "--enc-kernel-sizes", *[draw.choice((1, 2, 3, 5)) for _ in range(blocks)],
               "--enc-dilations", *[draw.choice((1, 2, 3)) for _ in range(blocks)],
               "--enc-res2net-scale", draw.choice((1, 2, 4)),
               "--channels", draw.choice((8, 24)) * 2, "--upsample-rates", *rates,
               "--upsample-kernel-sizes", *[rate + draw.choice((0, 1, 2, 6)) for rate in rates],
               "--resblock-kernel-sizes", *draw.sample((1, 3, 5, 7, 11), draw.randint(1, 3)),
               "--dilations", *[draw.choice((1, 2, 5)) for _ in range(3)],
               "--sample", draw.choice((14, 40)), "--codes", draw.choice((1, 7, 40)),
               "--noise-seed", draw.choice((0, 7, 42, 123456)),
               "--loudest", draw.choice((0.9, 1.5)),
               "--dtype", draw.choice(("float32", "bfloat16", "float16"))]


PUBLISHED = [
    "--hidden", 1024, "--layers", 22, "--heads", 16, "--head-dim", 64, "--emb-dim", 512,
    "--num-embeds", 8193, "--mel-dim", 80, "--block-size", 24, "--look-ahead-layers", 10,
    "--look-backward-layers", 0, 20, "--enc-emb-dim", 192, "--enc-dim", 128, "--enc-width", 256,
    "--enc-attention-channels", 64, "--enc-se-channels", 64, "--channels", 1536,
    "--upsample-rates", 5, 3, 2, 2, 2, 2, "--upsample-kernel-sizes", 11, 7, 4, 4, 4, 4,
    "--resblock-kernel-sizes", 3, 7, 11, "--sample", 300, "--codes", 25, "--dtype", "bfloat16"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--published", action="store_true")
    args = parser.parse_args()
    good = True
    for n, options in enumerate([PUBLISHED] if args.published else shapes(args.seed)):
        folder = args.folder / ("published" if args.published else str(n))
        make(folder, *options)
        for chunk in (25,) if args.published else (40, 3):
            good &= compare(args.probe, folder, 2 if args.published else 1 + n % 2, chunk)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
