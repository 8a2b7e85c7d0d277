"""Makes tests/fixtures/media: small sounds and pictures with the features that the reference
(transformers) computes of them; see compare_media.py for what it needs.

    python3 make_media_fixtures.py tests/fixtures/media [--seed N]

expected.bin has the features as float32, one file after the other; expected.json has their shapes.
The sounds are those of one request.
"""
import argparse
import json
import pathlib
import random
import warnings

import numpy as np
import soundfile
from PIL import Image

import compare_media as media


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    folder, rng = arguments.folder, random.Random(arguments.seed)
    folder.mkdir(parents=True, exist_ok=True)
    config = {**media.PICTURE, "patch_size": 8, "min_pixels": 256, "max_pixels": 1024}
    media.write_config(folder, config)
    sounds = []
    for name, rate, channels, frames, kind in (
            ("stereo_44100.wav", 44100, 2, 5000, "PCM_16"),
            ("float_16000.wav", 16000, 1, 2345, "FLOAT"),
            ("mono_22050.flac", 22050, 1, 4000, "PCM_16"),
            ("mono_24000.mp3", 24000, 1, 4000, "MPEG_LAYER_III")):
        path = folder / name
        soundfile.write(path, media.wave(rng, frames, channels, rate), rate, subtype=kind)
        sounds.append(path)
    pictures = []
    for name, colour, channels, bits, interlaced in (
            ("rgba.png", 6, 4, 8, True), ("grey16.png", 0, 1, 16, False),
            ("palette.png", 3, 1, 4, False)):
        extra = b""
        if colour == 3:
            extra = media.chunk(b"PLTE", media.colours(rng, 1, 16, 3).astype(np.uint8).tobytes())
            extra += media.chunk(b"tRNS", bytes(range(0, 256, 16)))
        if colour == 6:
            exif = Image.Exif()
            exif[0x0112] = 5
            extra = media.chunk(b"eXIf", exif.tobytes()[6:])
        samples = media.colours(rng, 24, 50, channels, 2**bits - 1)
        path = folder / name
        path.write_bytes(media.raw_png(samples, colour, bits, interlaced, extra))
        pictures.append(path)
    for name, mode, channels, progressive in (("turned.jpg", "RGB", 3, False),
                                              ("cmyk.jpg", "CMYK", 4, False),
                                              ("progressive.jpg", "L", 1, True)):
        exif = Image.Exif()
        exif[0x0112] = 6
        samples = media.colours(rng, 50, 90, channels).astype(np.uint8)
        path = folder / name
        Image.fromarray(samples.squeeze(-1) if channels == 1 else samples, mode).save(
            path, quality=60, exif=exif, progressive=progressive)
        pictures.append(path)
    shapes, values = {}, []
    for path, (_, exact) in zip(sounds, media.sound_features(sounds)):
        shapes[path.name] = list(exact.shape)
        values.append(exact)
    for path in pictures:
        features, grid = media.picture_features(path, config)
        shapes[path.name] = [int(side) for side in grid]
        values.append(features)
    (folder / "expected.json").write_text(json.dumps(shapes, indent=1) + "\n")
    np.concatenate([v.reshape(-1) for v in values]).astype("<f4").tofile(folder / "expected.bin")


if __name__ == "__main__":
    main()
