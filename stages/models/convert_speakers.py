"""Writes the speakers of a Qwen2.5-Omni in the format that Limelight reads.

    pip install torch safetensors
    python3 convert_speakers.py FOLDER

FOLDER is the model's, with the published spk_dict.pt: a pickle of torch that holds, for each
speaker, the token that begins a text, the conditioning vector and the mel spectrogram of a sample.
Only tensors and plain values are read from it, no code. FOLDER gets speakers.safetensors, float32:

    <speaker>.bos_token   [1]
    <speaker>.cond        [1, embedding]
    <speaker>.ref_mel     [1, frames, bands]
"""
import pathlib
import sys

import torch
from safetensors.torch import save_file


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: convert_speakers.py FOLDER")
    folder = pathlib.Path(sys.argv[1])
    tensors = {}
    for name, speaker in torch.load(folder / "spk_dict.pt", weights_only=True).items():
        tensors[f"{name}.bos_token"] = torch.tensor([float(speaker["bos_token"])])
        for key in ("cond", "ref_mel"):
            tensors[f"{name}.{key}"] = speaker[key].detach().float().contiguous().clone()
    save_file(tensors, folder / "speakers.safetensors")


if __name__ == "__main__":
    main()
