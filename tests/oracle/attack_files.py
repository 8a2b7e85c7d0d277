"""Hands damaged and hostile files to the readers of models, sounds and pictures.

    python3 attack_files.py PROBES FOLDER [--seed N] [--cases N] [--only KIND...]

PROBES is the folder with model_probe, tts_probe and media_probe. The files are those of
tests/fixtures, in each of which something is changed: values of JSON become wild, nest deeply, go
or come twice; bytes of any file are turned, cut off, repeated or overwritten by large numbers. A
probe must end within a minute and 2 GiB: with an answer, or with a line of this project that names
the file. A signal, a word of a library's, no line or too much memory is a failure, and its folder
stays. Needs nothing but Python. Exits with 1 if there are failures.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
MEMORY, PATIENCE_S = 2 << 30, 60
FOREIGN = re.compile(
    r"json\.exception|std::|bad_alloc|terminate|basic_string|vector::|out_of_range|assert|abort"
    r"|length_error|stoi|stoul|what\(\)|libpng|libjpeg|sndfile|utf8proc|Sanitizer|runtime error",
    re.IGNORECASE)
# What makes a tokenizer, and what runs a sequence, knows no file.
NAMED = ("/", "merge ", "the pre-tokenizer", "the normalizer", "a sequence of ", "language: ")
TEXT_MODELS = ("llama", "qwen2", "gguf", *(
    "families/" + x for x in (
        "gemma2", "gemma3_text-linear", "gemma3_text-linear-gguf", "mistral-window",
        "qwen3_moe-mlp-only", "phi3-longrope-partial-tied", "phi3-partial-gguf", "qwen2_moe-gguf",
        "smollm3")))
SOUNDS = ("float_16000.wav", "stereo_44100.wav", "mono_22050.flac", "mono_24000.mp3")
PICTURES = ("cmyk.jpg", "grey16.png", "palette.png", "progressive.jpg", "rgba.png", "square_b.png",
            "turned.jpg")
WILD = (0, -1, 1, 2, 3, 7, 65535, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64 - 1, 2**64,
        -2**63, 1e9, 1e300, -1e300, 1e-320, 0.5, -0.0, None, True, False, "", "x" * 5000, "\u0000",
        [], {}, [[]], [None], [1e300], {"a": 1}, "silu", [0] * 5000, "../../../../etc/passwd")


def places(value, at=()):
    """All paths to values inside one of JSON; of long lists some."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(
        value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key))


def change_json(text, draw):
    """Returns what stands in the file, and what was changed."""
    kind = draw.choice((*["value"] * 4, "gone", "deep", "twice", "bytes", "type"))
    if kind == "deep":
        count = draw.choice((100, 5000, 300000))
        inside = ("[" * count + "]" * count if draw.random() < 0.5
                  else '{"a":' * count + "1" + "}" * count)
        return text.replace("{", '{"deep": ' + inside + ", ", 1).encode(), kind
    if kind == "bytes":
        return change_bytes(text.encode(), draw)
    whole = json.loads(text)
    way = draw.choice(list(places(whole))[1:])
    holder = whole
    for key in way[:-1]:
        holder = holder[key]
    what = f"{kind} {'.'.join(map(str, way))}"
    if kind == "twice":
        return text.rstrip()[:-1].encode() + b', "' + str(way[0]).encode() + b'": 3}', what
    if kind == "gone":
        del holder[way[-1]]
    else:
        value = holder[way[-1]]
        wild = draw.choice(WILD)
        if isinstance(value, (int, float)) and draw.random() < 0.5:
            wild = draw.choice((value * 1000, -value, value + 1, value - 1, value / 3, str(value)))
        if kind == "type" and isinstance(value, list) and value:
            wild = draw.choice((value * 100, value[::-1], value[:1], dict(enumerate(value)),
                                [value]))
        holder[way[-1]] = wild
        what += f" = {json.dumps(wild)[:40]}"
    return json.dumps(whole).encode(), what


def change_bytes(data, draw):
    data = bytearray(data)
    kind = draw.choice(("cut", "turned", *["number"] * 3, "repeated", "zeros", "longer", "empty"))
    # Most of what a reader believes stands at the beginning.
    most = draw.choice((16, 64, 400, len(data), len(data)))
    at = draw.randrange(max(1, min(most, len(data))))
    if kind == "cut":
        del data[at:]
    elif kind == "turned" and data:
        for _ in range(draw.choice((1, 1, 8))):
            data[draw.randrange(max(1, min(most, len(data))))] ^= 1 << draw.randrange(8)
    elif kind == "number":
        size = draw.choice((2, 4, 8))
        value = draw.choice((0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40,
                             2**63 - 1, 2**63, 2**64 - 1)) & (2**(8 * size) - 1)
        data[at:at + size] = value.to_bytes(size, draw.choice(("little", "big")))
    elif kind == "repeated":
        data[at:at] = data[at:at + draw.choice((1, 8, 1000))] * draw.choice((1, 50))
    elif kind == "zeros":
        data[at:at + 200] = bytes(min(200, len(data) - at))
    elif kind == "longer":
        data += bytes(draw.choice((1, 8, 4096)))
    elif kind == "empty":
        data.clear()
    return bytes(data), f"{kind} at {at}"


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def fault(command, asked):
    """What is wrong with how the command ends, or nothing, and what it said."""
    try:
        done = subprocess.run(list(map(str, command)), input=asked, capture_output=True,
                              timeout=PATIENCE_S, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return f"no end within {PATIENCE_S} s", ""
    said = done.stderr.decode(errors="replace").strip()
    out = done.stdout.decode(errors="replace")
    if done.returncode not in (0, 1):
        return f"exit status {done.returncode}", said
    if done.returncode == 1 and not said:
        return "no word", said
    if FOREIGN.search(said) or FOREIGN.search(out[:2000] if '"error"' in out else ""):
        return "a word of a library's", said or out[:300]
    if done.returncode == 1 and not said.startswith(NAMED):
        return "the file is not named", said
    return "", said or (out[:200] if '"error"' in out else "")


def attack(kind, args, draw, folder):
    """Makes the files of a case. Returns what was changed, the command and its input."""
    probes = args.probes
    if kind == "media":
        sound = draw.random() < 0.5
        name = draw.choice(SOUNDS if sound else PICTURES)
        shutil.copytree(FIXTURES / "media", folder)
        if draw.random() < 0.2:
            name, file = name, folder / "preprocessor_config.json"
            data, what = change_json(file.read_text(), draw)
            file.write_bytes(data)
        else:
            data, what = change_bytes((folder / name).read_bytes(), draw)
            (folder / name).write_bytes(data)
        return f"{name}: {what}", [probes / "media_probe", folder, folder / "out",
                                   "sounds" if sound else "pictures", folder / name], b""
    source = FIXTURES / ("qwen3_tts" if kind == "tts" else draw.choice(TEXT_MODELS))
    shutil.copytree(source, folder)
    files = sorted(x for x in folder.rglob("*") if x.suffix in (".json", ".safetensors", ".gguf",
                                                                ".txt")
                   and "expected" not in x.name and not x.is_dir())
    if draw.random() < 0.4:
        files = [x for x in files if x.name in ("config.json", "tokenizer.json", "model.gguf")]
    changed = []
    for _ in range(draw.choice((1, 1, 1, 2))):
        file = draw.choice(files)
        try:
            data, what = (change_json(file.read_text(), draw) if file.suffix == ".json"
                          else change_bytes(file.read_bytes(), draw))
        except (ValueError, IndexError, KeyError, RecursionError):  # changed before
            continue
        file.write_bytes(data)
        changed.append(f"{file.relative_to(folder)}: {what}")
    if kind == "tts":
        return "; ".join(changed), [probes / "tts_probe", folder], (
            b'{"prompt": "a", "frames": 2, "speaker": "vivian"}\n')
    path = folder / "model.gguf" if (folder / "model.gguf").exists() else folder
    return ("; ".join(changed), [probes / "model_probe", path, "float32"],
            b'{"text": "Why? \xc3\xa9 12", "greedy": 0}\n{"ids": [1, 2, 3], "greedy": 2}\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probes", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--only", nargs="+", default=["text", "text", "text", "tts", "media"])
    parser.add_argument("--say", action="store_true", help="what the probes say, each once")
    args = parser.parse_args()
    counts, words = collections.Counter(), collections.Counter()
    for n in range(args.cases):
        draw = random.Random(f"{args.seed} {n}")
        folder = args.folder.absolute() / f"{args.seed}-{n}"
        shutil.rmtree(folder, ignore_errors=True)
        what, command, asked = attack(draw.choice(args.only), args, draw, folder)
        wrong, said = fault(command, asked)
        counts["failed" if wrong else "said no" if said else "answered"] += 1
        words[re.sub(r"\d+", "#", re.sub(r"/\S*/", "", said))[:120]] += 1
        if wrong:
            print(f"{args.seed}-{n} {what}: {wrong}: {said[:400]}", flush=True)
        else:
            shutil.rmtree(folder)
    if args.say:
        for word, count in words.most_common():
            print(f"{count:5} x {word}")
    print(dict(counts))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
