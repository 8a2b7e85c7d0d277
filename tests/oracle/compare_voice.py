"""Compares what examples/voice speaks with what Piper's own program makes of the same text and
weights, and lets a recogniser of speech (pocketsphinx) hear it.

  compare_voice.py <limelight> <voice_probe> <voice.onnx> <folder>
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import wave

import numpy as np
import pocketsphinx
from piper import PiperVoice

limelight, probe = sys.argv[1:3]
onnx, folder = map(pathlib.Path, sys.argv[3:5])
root = pathlib.Path(__file__).resolve().parents[2]
library = pathlib.Path(limelight).parent / "examples" / "voice" / "voice.so"
texts = [
    "The weather is beautiful today.",
    "The children are playing in the garden behind the house.",
    "She opened the window because the room was very warm.",
    "We will meet at the station tomorrow morning.",
    "The president of the company answered every question.",
    "He bought a new car last year, and sold it last week.",
    "The river runs slowly through the green valley.",
    "There are seven days in a week and twelve months in a year.",
    "My brother works in a large hospital near the city center.",
    "The government said that the economy would grow this year.",
]
# Measured over these texts: 0.07 where all is well, 1.16 with the ids of other phonemes.
most_wrong_words = 0.25
# Two runtimes round differently, and the file has 16 bits: 0.00005 was measured.
most_difference = 0.001


def spoken(voice):
    """What the pipeline speaks: the samples of each text, from -1 to 1."""
    text = (root / "examples" / "voice" / "speak.yaml").read_text()
    text = text.replace("../../build/examples/voice/voice.so", str(library))
    (folder / "speak.yaml").write_text(text.replace("~cache/joe/voice.onnx", str(voice)))
    lines = "".join(json.dumps({"prompt": text}) + "\n" for text in texts)
    (folder / "texts.jsonl").write_text(lines)
    subprocess.run([limelight, "run", "--config", folder / "speak.yaml", "--prompts",
                    folder / "texts.jsonl", "--output-dir", folder / "out"],
                   check=True, capture_output=True)
    sounds = []
    for number in range(len(texts)):
        with wave.open(str(folder / "out" / f"{number}.wav")) as file:
            assert file.getframerate() == 22050
            sounds.append(np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767)
    return sounds


def heard(samples):
    """The words that are recognised."""
    count = len(samples) * 16000 // 22050
    at_16_khz = np.interp(np.arange(count) * 22050 / 16000, np.arange(len(samples)), samples)
    pcm = (at_16_khz / np.abs(at_16_khz).max() * 26000).astype("<i2").tobytes()
    decoder = pocketsphinx.Decoder(samprate=16000, loglevel="FATAL")
    silence = bytes(8000)
    decoder.start_utt()
    decoder.process_raw(silence + pcm + silence, full_utt=True)
    decoder.end_utt()
    return decoder.hyp().hypstr.split() if decoder.hyp() else []


def wrong_words(sounds):
    """Words that were replaced, left out or added, by words that were spoken."""
    wrong = total = 0
    for text, samples in zip(texts, sounds):
        expected, found = re.findall(r"[a-z']+", text.lower()), heard(samples)
        row = list(range(len(found) + 1))  # Levenshtein's distance
        for i, word in enumerate(expected, 1):
            before, row[0] = row[0], i
            for j, other in enumerate(found, 1):
                before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
        wrong, total = wrong + row[-1], total + len(expected)
    return wrong / total


shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
sounds = spoken(onnx)

# The ids are those of Piper, whose own espeak-ng is newer than Debian's 1.51 and writes a glide
# between some vowels.
asked = subprocess.run([probe, onnx], input="\n".join(texts) + "\n", text=True, check=True,
                       capture_output=True).stdout
ids = [json.loads(line) for line in asked.splitlines()]
reference = PiperVoice.load(onnx)
pad, glide = (reference.config.phoneme_id_map[key][0] for key in ("_", "\u02b2"))
for mine, text in zip(ids, texts):
    other = [reference.phonemes_to_ids(sentence) for sentence in reference.phonemize(text)]
    mine, other = ([[id for id in part if id not in (pad, glide)] for part in parts]
                   for parts in (mine, other))
    assert mine == other, (text, mine, other)
print(f"{len(texts)} texts have the ids that Piper gives them")

# The sound of these ids is that of Piper's runtime, without the noise that both can draw.
largest = 0.0
for mine, sentences in zip(sounds, ids):
    parts = [reference.session.run(None, {
        "input": np.array([part]), "input_lengths": np.array([len(part)]),
        "scales": np.array([0, 1, 0], np.float32)})[0].flatten() for part in sentences]
    other = np.concatenate(parts).clip(-1, 1)
    assert len(mine) == len(other), (len(mine), len(other))
    largest = max(largest, float(np.abs(mine - other).max()))
print(f"largest difference of a sample to onnxruntime: {largest:.5f}")
assert largest < most_difference

wrong = wrong_words(sounds)
print(f"{wrong:.3f} of the words are not recognised, at most {most_wrong_words} are expected")
assert wrong < most_wrong_words

# The same bounds tell speech of the wrong phonemes.
garbled = folder / "garbled.onnx"
garbled.symlink_to(onnx)
file = json.loads(onnx.with_name("voice.onnx.json").read_text())
letters = sorted(key for key in file["phoneme_id_map"] if key.isalpha())
moved = {a: file["phoneme_id_map"][b] for a, b in zip(letters, letters[7:] + letters[:7])}
file["phoneme_id_map"].update(moved)
garbled.with_name("garbled.onnx.json").write_text(json.dumps(file))
wrong = wrong_words(spoken(garbled))
print(f"{wrong:.3f} of the words are not recognised with the ids of other phonemes")
assert wrong > 2 * most_wrong_words
