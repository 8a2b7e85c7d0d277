"""Compares features of random sounds and pictures with those of the reference (transformers).

    pip install torch torchvision transformers soundfile soxr pillow numpy
    python3 compare_media.py PROBE FOLDER [--seed N] [--count N] [--tolerance X]

FOLDER gets the files. PROBE is tests/oracle/media_probe. Sounds go by the path of load_audio() and
WhisperFeatureExtractor as Qwen3-Omni's processor calls it, pictures by Pillow and
Qwen2VLImageProcessor. It also cuts files short and damages them, and expects an error for each that
names the file. Exit status 1: something differs.
"""
import argparse
import json
import pathlib
import random
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import soundfile
import torch
from PIL import Image, ImageOps
from transformers import Qwen2VLImageProcessor, WhisperFeatureExtractor
from transformers.audio_utils import load_audio

SOUND = {"feature_size": 128, "n_fft": 400, "hop_length": 160, "sampling_rate": 16000,
         "feature_extractor_type": "WhisperFeatureExtractor", "padding_value": 0.0,
         "padding_side": "right", "dither": 0.0, "chunk_length": 300, "n_samples": 4800000,
         "nb_max_frames": 30000, "return_attention_mask": True}
PICTURE = {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 16, "merge_size": 2,
           "temporal_patch_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def write_config(folder, picture):
    text = json.dumps({**SOUND, **picture, "processor_class": "Qwen3OmniMoeProcessor"}, indent=1)
    (folder / "preprocessor_config.json").write_text(text + "\n")


# --- Sounds ---


def wave(rng, frames, channels, rate):
    """Tones, noise and silence."""
    t = np.arange(frames) / rate
    sound = np.zeros((frames, channels))
    for channel in range(channels):
        for _ in range(rng.randint(1, 4)):
            tone = np.sin(2 * np.pi * rng.uniform(50, rate / 2) * t + rng.uniform(0, 6))
            sound[:, channel] += rng.uniform(0.05, 0.3) * tone
    sound += np.random.default_rng(rng.randrange(2**32)).normal(
        0, rng.choice([0.001, 0.02, 0.1]), sound.shape)
    if rng.random() < 0.3:
        sound[frames // 3: frames // 2] = 0
    return np.clip(sound, -1, 1).astype(np.float32)


SOUND_KINDS = [
    ("wav", "WAV", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW",
                    "IMA_ADPCM"]),
    ("wav", "WAVEX", ["PCM_16", "FLOAT"]),
    ("flac", "FLAC", ["PCM_S8", "PCM_16", "PCM_24"]),
    ("mp3", "MP3", ["MPEG_LAYER_III"])]


def make_sound(rng, folder, index):
    ending, container, kinds = rng.choice(SOUND_KINDS)
    rates = [8000, 16000, 22050, 44100, 48000] + ([11025, 96000] if ending != "mp3" else [])
    rate = rng.choice(rates)
    channels = rng.choice([1, 1, 2] + ([5] if ending != "mp3" else []))
    frames = rng.randint(rate // 30, rate * 3)
    kind = rng.choice(kinds)
    if kind == "IMA_ADPCM":
        channels = min(channels, 2)
    path = folder / f"{index}.{ending}"
    soundfile.write(path, wave(rng, frames, channels, rate), rate, format=container, subtype=kind)
    return path


def sound_features(paths):
    extractor = WhisperFeatureExtractor(**SOUND)
    sounds = [load_audio(str(path), sampling_rate=16000, backend="soundfile") for path in paths]
    out = extractor(sounds, sampling_rate=16000, padding=True, truncation=False,
                    return_attention_mask=True, return_tensors="np")
    longest = max(len(sound) for sound in sounds)
    exact = [exact_features(np.pad(sound, (0, longest - len(sound))), extractor.mel_filters)
             for sound in sounds]
    return [(features[:, mask.astype(bool)], noiseless[:, mask.astype(bool)])
            for features, noiseless, mask
            in zip(out["input_features"], exact, out["attention_mask"])]


def exact_features(sound, filters):
    """What the extractor computes, in float64.

    The rounding of its own transform in float32 shows in quiet bands beside a loud tone; it can be
    a little more than 1e-4."""
    sound = torch.from_numpy(sound.astype(np.float64))
    spectrum = torch.stft(sound, 400, 160, window=torch.hann_window(400, dtype=torch.float64),
                          return_complex=True)
    power = torch.from_numpy(filters).double().T @ spectrum[:, :-1].abs() ** 2
    values = power.clamp(min=1e-10).log10()
    return ((torch.maximum(values, values.max() - 8) + 4) / 4).numpy()


# --- Pictures ---


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data)))


def raw_png(samples, colour, bits, interlaced, extra=b""):
    """A PNG of samples [height, width, channels], as Pillow cannot write all kinds."""
    height, width, channels = samples.shape

    def lines(part):
        rows = b""
        for row in part:
            if bits == 16:
                packed = row.astype(">u2").tobytes()
            elif bits == 8:
                packed = row.astype(np.uint8).tobytes()
            else:
                each = row.reshape(-1)
                flat = np.unpackbits(each.astype(np.uint8)[:, None], axis=1)[:, 8 - bits:]
                packed = np.packbits(flat.reshape(-1)).tobytes()
            rows += b"\0" + packed
        return rows

    if interlaced:
        data = b""
        for y, x, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                             (0, 1, 2, 2), (1, 0, 2, 1)):
            part = samples[y::dy, x::dx]
            if part.size:
                data += lines(part)
    else:
        data = lines(samples)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def colours(rng, height, width, channels, most=255):
    """Gradients with noise, of `most` at most."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(rng.randrange(2**32))
    planes = []
    for _ in range(channels):
        plane = np.sin(x * rng.uniform(0, 0.3) + y * rng.uniform(0, 0.3)) * 0.5 + 0.5
        plane += noise.normal(0, rng.choice([0, 0.05, 0.4]), plane.shape)
        planes.append(np.clip(plane, 0, 1) * most)
    return np.rint(np.stack(planes, -1)).astype(np.int64)


def make_picture(rng, folder, index):
    height, width = rng.choice([
        (rng.randint(20, 300), rng.randint(20, 300)), (rng.randint(1, 40), rng.randint(1, 40)),
        (32 * rng.randint(2, 6), 32 * rng.randint(2, 6)),
        (rng.randint(300, 900), rng.randint(300, 900))])
    if max(height, width) > 200 * min(height, width):
        height = width
    if rng.random() < 0.5:
        path = folder / f"{index}.jpg"
        mode = rng.choice(["RGB", "RGB", "L", "CMYK"])
        samples = colours(rng, height, width, {"RGB": 3, "L": 1, "CMYK": 4}[mode])
        image = Image.fromarray(samples.astype(np.uint8).squeeze(-1) if mode == "L"
                                else samples.astype(np.uint8), mode)
        exif = Image.Exif()
        if rng.random() < 0.6:
            exif[0x0112] = rng.randint(1, 8)
        options = {} if mode == "CMYK" else {"subsampling": rng.choice([0, 1, 2])}
        image.save(path, quality=rng.randint(20, 95), progressive=rng.random() < 0.3, exif=exif,
                   **options)
        return path
    path = folder / f"{index}.png"
    colour, channels, bits = rng.choice([
        (0, 1, 1), (0, 1, 2), (0, 1, 4), (0, 1, 8), (0, 1, 16), (2, 3, 8), (2, 3, 8), (2, 3, 16),
        (3, 1, 2), (3, 1, 8), (4, 2, 8), (6, 4, 8), (6, 4, 8), (6, 4, 16), (4, 2, 16)])
    samples = colours(rng, height, width, channels, 2**bits - 1)
    extra = b""
    if colour == 3:
        entries = colours(rng, 1, 2**bits, 3).astype(np.uint8)
        extra += chunk(b"PLTE", entries.tobytes())
        if rng.random() < 0.5:
            extra += chunk(b"tRNS", bytes(rng.randrange(256) for _ in range(2**bits)))
    elif colour == 2 and bits == 8 and rng.random() < 0.5:
        extra += chunk(b"tRNS", struct.pack(">HHH", *samples[0, 0]))
    elif colour == 0 and bits == 8 and rng.random() < 0.5:
        extra += chunk(b"tRNS", struct.pack(">H", samples[0, 0, 0]))
    if rng.random() < 0.3:
        exif = Image.Exif()
        exif[0x0112] = rng.randint(1, 8)
        extra += chunk(b"eXIf", exif.tobytes()[6:])
    path.write_bytes(raw_png(samples, colour, bits, rng.random() < 0.4, extra))
    return path


def picture_features(path, config):
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode == "I;16":  # Pillow makes all that is above 255 of 65535 white
        image = Image.fromarray((np.array(image) >> 8).astype(np.uint8))
    out = Qwen2VLImageProcessor(**config)(images=[image], return_tensors="np")
    return out["pixel_values"], out["image_grid_thw"][0][1:]


# --- The comparison ---


def ask(probe, folder, kind, paths):
    out = folder / "features.bin"
    done = subprocess.run([probe, folder, out, kind, *paths], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{probe}: {done.stderr}")
    # libsndfile 1.2.0 lets the library that it reads MP3 by warn of damage in that way.
    if done.stderr and not all(path.suffix == ".mp3" for path in paths):
        sys.exit(f"{probe} wrote to standard error: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()], np.fromfile(out, np.float32)


class Comparison:
    def __init__(self, tolerance):
        self.tolerance, self.wrong, self.seen, self.worst = tolerance, 0, 0, {}

    def complain(self, what):
        self.wrong += 1
        print("WRONG", what)

    def values(self, what, ours, theirs, noise=0.0):
        self.seen += 1
        if ours.shape != theirs.shape:
            return self.complain(f"{what}: shape {ours.shape}, expected {theirs.shape}")
        difference = float(np.abs(ours - theirs).max()) if ours.size else 0.0
        kind = what.rsplit(".", 1)[-1]
        self.worst[kind] = max(self.worst.get(kind, 0), difference)
        if not difference <= self.tolerance + noise:
            self.complain(f"{what}: differs by {difference}")


def compare_sounds(rng, comparison, probe, folder, count):
    write_config(folder, PICTURE)
    index = 0
    while index < count:
        paths = [make_sound(rng, folder, index + i) for i in range(rng.choice([1, 1, 1, 2, 3]))]
        index += len(paths)
        lines, values = ask(probe, folder, "sounds", paths)
        expected = sound_features(paths)
        if len(lines) != len(expected) or any("error" in line for line in lines):
            comparison.complain(f"{paths}: {lines}")
            continue
        at = 0
        for path, line, (features, exact) in zip(paths, lines, expected):
            size = line["shape"][0] * line["shape"][1]
            ours = values[at: at + size].reshape(line["shape"])
            noise = np.abs(features - exact).max() if features.size else 0.0
            comparison.values(str(path), ours, exact)
            comparison.values(str(path) + " (float32)", ours, features, noise)
            at += size


def compare_pictures(rng, comparison, probe, folder, count):
    for index in range(count):
        config = dict(PICTURE)
        if rng.random() < 0.5:
            config.update(min_pixels=rng.choice([3136, 65536]), max_pixels=rng.choice(
                [65536, 200000, 12845056]))
        if rng.random() < 0.3:
            config.update(image_mean=[0.48145466, 0.4578275, 0.40821073], patch_size=14,
                          image_std=[0.26862954, 0.26130258, 0.27577711])
        write_config(folder, config)
        path = make_picture(rng, folder, index)
        lines, values = ask(probe, folder, "pictures", [path])
        features, grid = picture_features(path, config)
        if lines[0].get("shape") != [int(side) for side in grid]:
            comparison.complain(f"{path}: {lines}, expected {grid}")
            continue
        comparison.values(str(path), values.reshape(features.shape), features)


def damage(rng, comparison, probe, folder, count):
    """Files cut short are errors; of those with other bytes the message may be any, or none."""
    write_config(folder, PICTURE)
    for index in range(count):
        for kind, make in (("sounds", make_sound), ("pictures", make_picture)):
            path = make(rng, folder, index)
            whole = path.read_bytes()
            cut = path.with_name("cut" + path.suffix)
            cut.write_bytes(whole[: rng.randint(1, max(1, len(whole) * 3 // 4))])
            lines, _ = ask(probe, folder, kind, [cut])
            # An MP3 is a row of frames without a length; libsndfile reads what is there.
            if path.suffix != ".mp3" and not lines[0].get("error", "").startswith(str(cut)):
                comparison.complain(f"{path}, cut to {cut.stat().st_size} bytes: {lines}")
            other = bytearray(whole)
            for _ in range(rng.randint(1, 10)):
                other[rng.randrange(len(other))] = rng.randrange(256)
            bad = path.with_name("damaged" + path.suffix)
            bad.write_bytes(other)
            lines, _ = ask(probe, folder, kind, [bad])
            comparison.seen += 2
            if len(lines) != 1:
                comparison.complain(f"{path}, damaged: {lines}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("probe")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(arguments.seed)
    comparison = Comparison(arguments.tolerance)
    for part in (compare_sounds, compare_pictures):
        part(rng, comparison, arguments.probe, folder, arguments.count)
    damage(rng, comparison, arguments.probe, folder, max(1, arguments.count // 4))
    print(f"seed {arguments.seed}: {comparison.seen} files, {comparison.wrong} wrong; largest "
          f"differences {comparison.worst}")
    sys.exit(comparison.wrong > 0)


if __name__ == "__main__":
    main()
