"""Compares the tokenizers of this project with Hugging Face's, on tokenizers made for it.

    pip install tokenizers
    python3 compare_tokenizers.py TOKENIZER_PROBE WORK_FOLDER [--seed N] [--texts N] [--save]
                                  [FOLDER...]

Each kind is trained on a small text and saved as tokenizer.json; so is each given FOLDER's, as it
is. Texts are drawn from words, blanks, digits, scripts, emoji and the contents of added tokens.
Special tokens in them count as text, as they do here. Exits with 1 if any tokens differ.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

CORPUS = [
    "The quick brown fox jumps over the lazy dog, again and again, until 12 o'clock.",
    "Why is the sky blue? Because of Rayleigh scattering: 4th power of the wavelength!",
    "def f(x):\n    return {'a': x * 2, \"b\": [1, 22, 333, 4444]}\n",
    "Über naïve Cafés; señor, garçon, Ångström — ½ ﬁ ﬂ e\u0301 n\u0303",
    "日本語の文章と中文句子，以及한국어 문장. Привет, мир! مرحبا",
    "😀😃 emoji 👩‍👩‍👧 and   spaces\t\ttabs\r\nlines\n\n\n",
] * 4
ADDED = [
    AddedToken("<think>", normalized=False),
    AddedToken("</think>", normalized=False),
    AddedToken("<left>", lstrip=True, normalized=False),
    AddedToken("<right>", rstrip=True, normalized=False),
    AddedToken("alone", single_word=True, normalized=False),
    AddedToken("Über", normalized=True),
    AddedToken("<both>", lstrip=True, rstrip=True, normalized=True),
]
SPECIAL = ["<s>", "</s>", "<|im_end|>"]
TEMPLATE = ("{{ bos_token }}{% for m in messages %}[{{ m.role }}]\n{{ m.content }}<|im_end|>"
            "{% endfor %}{% if add_generation_prompt %}<think>\n{% endif %}")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def bytes_bpe(split, normalizer=None, **model):
    t = Tokenizer(models.BPE(**model))
    t.pre_tokenizer = pre_tokenizers.Sequence([*split])
    if normalizer is not None:
        t.normalizer = normalizer
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return t


def byte_level(prefix=False, regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)


def with_bytes(trained):
    """The same model with tokens for all bytes, as SentencePiece has them."""
    j = json.loads(trained.to_str())
    vocab = j["model"]["vocab"]
    names = ["<unk>"] + [f"<0x{b:02X}>" for b in range(256)]
    if isinstance(vocab, dict):
        order = names + sorted((x for x in vocab if x not in names), key=vocab.get)
        j["model"]["vocab"] = {x: i for i, x in enumerate(order)}
        j["model"]["unk_token"] = "<unk>"
    else:
        rest = [x for x in vocab if x[0] not in names]
        j["model"]["vocab"] = [[x, 0.0] for x in names] + rest
        j["model"]["unk_id"] = 0
    j["model"]["byte_fallback"] = True
    j["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(j))


def sentencepiece_decoder(strip=True):
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


def sentencepiece(normalizer=None, split=None, strip=True):
    t = Tokenizer(models.BPE(fuse_unk=True, unk_token="<unk>"))
    t.normalizer = normalizers.Replace(" ", "▁")
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>"]))
    t = with_bytes(t)
    t.normalizer = normalizer
    if split is not None:
        t.pre_tokenizer = split
    t.decoder = sentencepiece_decoder(strip)
    return t


def unigram(fallback, scheme):
    t = Tokenizer(models.Unigram())
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme)
    t.train_from_iterator(CORPUS, trainers.UnigramTrainer(
        vocab_size=300, special_tokens=["<unk>"], unk_token="<unk>"))
    if fallback:
        t = with_bytes(t)
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme)
    t.decoder = (sentencepiece_decoder() if fallback else
                 decoders.Metaspace(replacement="▁", prepend_scheme=scheme))
    return t


def kinds():
    split = pre_tokenizers.Split
    prepended = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    yield "gpt2", bytes_bpe([byte_level(regex=True)])
    yield "gpt2-prefix", bytes_bpe([byte_level(prefix=True, regex=True)])
    yield "llama3", bytes_bpe([split(Regex(LLAMA3), "isolated"), byte_level()],
                              ignore_merges=True)
    yield "qwen2", bytes_bpe([split(Regex(LLAMA3.replace("{1,3}", "")), "isolated"),
                              byte_level()], normalizers.NFC())
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next",
                     "contiguous"):
        for invert in (False, True):
            yield (f"split-{behavior}-{invert}",
                   bytes_bpe([split(Regex(r"[\d ]"), behavior, invert), byte_level()]))
    yield "literal", bytes_bpe([split(".", "merged_with_previous"), byte_level()])
    yield "digits", bytes_bpe([pre_tokenizers.Digits(individual_digits=True),
                               byte_level(regex=True)])
    yield "digits-together", bytes_bpe([pre_tokenizers.Digits(), byte_level()])
    yield "punctuation", bytes_bpe([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation(),
                                    byte_level()])
    yield "whitespace", bytes_bpe([pre_tokenizers.WhitespaceSplit(), byte_level()],
                                  normalizers.Sequence([normalizers.NFKD(),
                                                        normalizers.Lowercase()]))
    yield "llama2", sentencepiece(prepended)
    yield "gemma", sentencepiece(normalizers.Replace(" ", "▁"),
                                 split(" ", "merged_with_previous"), strip=False)
    for scheme in ("first", "always", "never"):
        yield (f"metaspace-{scheme}",
               sentencepiece(None, pre_tokenizers.Metaspace(
                   replacement="▁", prepend_scheme=scheme, split=False), scheme != "never"))
    yield "replace-regex", bytes_bpe([byte_level(regex=True)],
                                     normalizers.Replace(Regex(r"\s+"), " "))
    for scheme in ("always", "never"):
        yield f"unigram-{scheme}", unigram(False, scheme)
        yield f"unigram-bytes-{scheme}", unigram(True, scheme)


def texts(rng, count):
    words = " ".join(CORPUS[:6]).split(" ")
    kinds = [
        lambda: rng.choice(words),
        lambda: rng.choice([" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", " \n "]),
        lambda: chr(rng.randint(32, 126)),
        lambda: chr(rng.choice([rng.randint(0xA0, 0x24F), rng.randint(0x300, 0x36F),
                                rng.randint(0x400, 0x52F), rng.randint(0x4E00, 0x9FFF),
                                rng.randint(0xAC00, 0xD7A3), rng.randint(0x1F300, 0x1F6FF)])),
        lambda: rng.choice([t.content for t in ADDED] + SPECIAL),
        lambda: str(rng.randint(0, 10 ** rng.randint(1, 8))),
    ]
    fixed = ["", " ", "  ", "a", "<think>", " <left> <right> ", "alone", "xalone alone_ alone.",
             "<s>Hi</s>", "e\u0301", "\u2581", "▁ ▁a", "a" * 3000]
    return fixed + ["".join(rng.choice(kinds)() for _ in range(rng.randint(1, 40)))
                    for _ in range(count)]


def write_expected(folder, t, lines):
    """For tests/fixtures/tokenizers, which a unit test reads."""
    t.encode_special_tokens = True
    with open(folder / "tokens.jsonl", "w") as f:
        for text in lines:
            ids = t.encode(text, add_special_tokens=False).ids
            f.write(json.dumps({"text": text, "ids": ids}) + "\n")


def ask(probe, folder, questions):
    asked = "\n".join(json.dumps(x) for x in questions)
    ran = subprocess.run([probe, str(folder)], input=asked, text=True, capture_output=True)
    if ran.returncode != 0:
        return [], f"refused: {ran.stderr.strip()}"
    return [json.loads(x) for x in ran.stdout.split("\n") if x], ""


def compare_messages(probe, folder, t, lines):
    """Conversations in TEMPLATE, whose special tokens are tokens."""
    t.encode_special_tokens = False
    plain = [x for x in lines if not any(s in x for s in SPECIAL)]
    asked = [[{"role": "system", "content": a}, {"role": "user", "content": b}]
             for a, b in zip(plain, plain[1:])]
    ours, refused = ask(probe, folder, [{"messages": x} for x in asked])
    for messages, mine in zip(asked, ours):
        text = "<s>" + "".join(f"[{m['role']}]\n{m['content']}<|im_end|>" for m in messages)
        ids = t.encode(text + "<think>\n", add_special_tokens=False).ids
        if ids != mine["ids"]:
            return f"messages {messages!r}: {ids}, found {mine['ids']}"
    return refused


def compare(probe, folder, t, lines):
    t.encode_special_tokens = True
    ours, refused = ask(probe, folder, [{"text": x} for x in lines])
    if refused:
        return refused
    wrong, back = [], []
    for text, mine in zip(lines, ours):
        ids = t.encode(text, add_special_tokens=False).ids
        if ids != mine["ids"]:
            wrong.append((text, ids, mine["ids"]))
        # What stands for such a token differs from version to version of the reference.
        elif any(x.normalized and x.content in text for x in ADDED):
            continue
        elif t.decode(ids, skip_special_tokens=True) != mine["back"]:
            back.append((text, t.decode(ids), mine["back"]))
    if wrong:
        text, theirs, mine = min(wrong, key=lambda x: len(x[0]))
        return f"{len(wrong)} of {len(lines)} differ, such as {text!r}: {theirs}, found {mine}"
    if back:
        text, theirs, mine = min(back, key=lambda x: len(x[0]))
        return (f"{len(back)} of {len(lines)} come back else, such as {text!r}: {theirs!r}, "
                f"found {mine!r}")
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--save", action="store_true", help="write tokens.jsonl beside each")
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    lines = texts(random.Random(args.seed), args.texts)
    cases = []
    for name, t in kinds():
        t.add_tokens(ADDED)
        t.add_special_tokens([AddedToken(x, normalized=False) for x in SPECIAL])
        t.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", t.token_to_id("<s>"))])
        folder = args.work / name
        folder.mkdir(parents=True, exist_ok=True)
        t.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(
            json.dumps({"bos_token": "<s>", "chat_template": TEMPLATE}))
        cases.append((name, folder))
    cases += [(str(f), f) for f in args.folders]
    failed = 0
    for name, folder in cases:
        t = Tokenizer.from_file(str(folder / "tokenizer.json"))
        problem = compare(args.probe, folder, t, lines)
        if not problem and folder not in args.folders:
            problem = compare_messages(args.probe, folder, t, lines)
        if args.save:
            write_expected(folder, t, lines)
        failed += bool(problem)
        print(f"{name}: {problem or 'the same'}")
    print(f"{len(cases) - failed} of {len(cases)} tokenizers give the same on {len(lines)} texts")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
