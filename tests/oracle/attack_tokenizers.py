"""Looks for tokenizers that load and answer nonsense: random ones made with Hugging Face's library,
and that library beside this project on odd texts.

    python3 attack_tokenizers.py TOKENIZER_PROBE FOLDER [--seed N] [--cases N] [--texts N] [--keep]

A case draws a model (BPE or unigram, with and without tokens for bytes, unknown tokens, merges that
are ignored), a normalizer, a pre-tokenizer, a post-processor, a decoder and added tokens with all
flags. Allowed are only: the same tokens and the same text of them, or a refusal here. Where the
library itself fails on a text, that text does not count. Special tokens in a text are text, as they
are here. Prints what differs and the refusals that were counted. Exits with 1 if anything differs.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import sys

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

from compare_tokenizers import CORPUS, LLAMA3, ask, with_bytes

GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
PATTERNS = (
    LLAMA3, GPT4O, r"\s+", r"\d{1,3}(?=(\d{3})*\b)", r"\p{Han}+|\p{Hiragana}", r"[\p{L}&&[^a-c]]+",
    r"\h+", r"^\w+", r"\w+$", r"(?m).+", r"(?i)the|fox", r"[[:alpha:]]+", r"[[:punct:]]",
    r"[^\W\d]+", r"\b", r"\R", r"\X", r"(?<=[a-z])(?=[A-Z])", r"[a-z]{1,2}+", r"a++", r"\p{Alpha}+",
    r"\p{^L}+", r"\P{L}+", r"[\h]+", r"[^\n]+", r"(?:\p{L}\p{M}*)+", r"(a|b)\1", r"\x{65e5}|\u0041",
    r"[a-z&&aeiou]", r"\A\s", r"\s\z", r"(?<!\S)\S", r"[\w-]+", r"[\]a]", r"\p{Script=Greek}",
    r"\p{Lu}\p{Ll}*", r".", r"(?s).", r"\N", r"\O", r"\H+", r"[\p{Nd}]", r"\p{Emoji}", r"\K", "")


class Draw(random.Random):
    def some(self, *choices):
        return self.choice(choices)

    def maybe(self, chance):
        return self.random() < chance


# --- Tokenizers ---


def draw_pattern(draw):
    return Regex(draw.choice(PATTERNS)) if draw.maybe(0.75) else draw.some(" ", ".", "th", "▁", "")


def draw_normalizer(draw):
    one = [
        normalizers.NFC, normalizers.NFD, normalizers.NFKC, normalizers.NFKD, normalizers.Lowercase,
        lambda: normalizers.Strip(draw.maybe(0.7), draw.maybe(0.7)),
        lambda: normalizers.Prepend(draw.some("▁", "x", "")),
        lambda: normalizers.Replace(draw_pattern(draw), draw.some("▁", " ", "", "$0", r"\1")),
        lambda: normalizers.Replace(" ", "▁"), normalizers.StripAccents, normalizers.Nmt,
        lambda: normalizers.BertNormalizer(lowercase=draw.maybe(0.5)), normalizers.ByteLevel]
    kind = draw.random()
    if kind < 0.4:
        return None
    if kind < 0.6:
        return draw.choice(one)()
    return normalizers.Sequence([draw.choice(one)() for _ in range(draw.randint(0, 3))])


def draw_pre_tokenizer(draw, byte_level):
    behaviors = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
    one = [
        lambda: pre_tokenizers.Split(draw_pattern(draw), draw.choice(behaviors), draw.maybe(0.3)),
        lambda: pre_tokenizers.Digits(individual_digits=draw.maybe(0.5)),
        pre_tokenizers.Whitespace, pre_tokenizers.WhitespaceSplit,
        lambda: pre_tokenizers.Punctuation(draw.choice(behaviors)),
        lambda: pre_tokenizers.Metaspace(draw.some("▁", "_"), draw.some("always", "first", "never"),
                                         draw.maybe(0.5)),
        pre_tokenizers.BertPreTokenizer, lambda: pre_tokenizers.CharDelimiterSplit("o"),
        pre_tokenizers.UnicodeScripts, lambda: pre_tokenizers.FixedLength(4)]
    last = [pre_tokenizers.ByteLevel(draw.maybe(0.4), draw.maybe(0.4), draw.maybe(0.5))]
    steps = [draw.choice(one[:6] if draw.maybe(0.9) else one)()
             for _ in range(draw.some(0, 0, 1, 1, 2))]
    steps += last if byte_level else []
    if draw.maybe(0.05):
        draw.shuffle(steps)
    if not steps:
        return None
    return steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)


def draw_decoder(draw, byte_level, bytes_too):
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
             decoders.Strip(" ", 1, 0)]
    if byte_level:
        usual = decoders.ByteLevel()
    elif bytes_too:
        usual = decoders.Sequence(steps if draw.maybe(0.7) else steps[:3])
    else:
        usual = draw.some(decoders.Metaspace("▁", draw.some("always", "first", "never")),
                          decoders.Sequence([steps[0], decoders.Fuse()]))
    if draw.maybe(0.7):
        return usual
    others = steps + [
        decoders.Strip("▁", 1, 0), decoders.Strip(" ", 0, 1), decoders.Strip(" ", 2, 0),
        decoders.Replace(Regex(r"▁+"), " "), decoders.Replace("_", " "), decoders.Replace("e", " "),
        decoders.Metaspace("▁", "always"), decoders.WordPiece("##"), decoders.BPEDecoder("</w>"),
        decoders.CTC(), decoders.ByteLevel()]
    kind = draw.random()
    if kind < 0.2:
        return None
    if kind < 0.4:
        return draw.choice(others)
    return decoders.Sequence([draw.choice(others) for _ in range(draw.randint(1, 4))])


def trained(draw, byte_level):
    """A model with a vocabulary from the corpus, and whether it has tokens for all bytes."""
    alphabet = pre_tokenizers.ByteLevel.alphabet() if byte_level and draw.maybe(0.9) else []
    unigram = not byte_level and draw.maybe(0.4)
    metaspace = pre_tokenizers.Metaspace("▁", "always", draw.maybe(0.5))
    if unigram:
        t = Tokenizer(models.Unigram())
        t.pre_tokenizer = metaspace
        t.train_from_iterator(CORPUS, trainers.UnigramTrainer(
            vocab_size=draw.some(150, 300), special_tokens=["<unk>"], unk_token="<unk>",
            show_progress=False))
    else:
        unk = draw.some(None, "<unk>")
        t = Tokenizer(models.BPE(unk_token=unk, fuse_unk=draw.maybe(0.5),
                                 ignore_merges=draw.maybe(0.3)))
        t.pre_tokenizer = (pre_tokenizers.ByteLevel(draw.maybe(0.5)) if byte_level
                           else draw.some(metaspace, pre_tokenizers.WhitespaceSplit()))
        t.train_from_iterator(CORPUS, trainers.BpeTrainer(
            vocab_size=draw.some(150, 400), special_tokens=["<unk>"] if unk else [],
            initial_alphabet=alphabet, show_progress=False,
            limit_alphabet=draw.some(40, 1000), max_token_length=draw.some(None, 4)))
    bytes_too = not byte_level and draw.maybe(0.5)
    return (with_bytes(t) if bytes_too else t), bytes_too


def change_model(j, draw):
    """What the library writes only when asked, and what other programs write."""
    model = j["model"]
    kind = draw.some("merges as texts", "merge twice", "bytes missing", "no unknown", "dropout",
                     "affix", "flags", "score")
    bpe = model["type"] == "BPE"
    if kind == "merges as texts" and bpe and all(" " not in x for m in model["merges"] for x in m):
        model["merges"] = [" ".join(m) for m in model["merges"]]
    elif kind == "merge twice" and bpe and len(model["merges"]) > 20:
        model["merges"].insert(draw.randrange(20), model["merges"][-1])
    elif kind == "bytes missing":
        name = f"<0x{draw.randrange(128, 256):02X}>"
        if bpe and name in model["vocab"]:
            model["vocab"][name + "x"] = model["vocab"].pop(name)
        elif not bpe:
            model["vocab"] = [[x[0] + "x" if x[0] == name else x[0], x[1]] for x in model["vocab"]]
    elif kind == "no unknown":
        model.pop("unk_token", None)
        if not bpe:
            model["unk_id"] = None
    elif kind == "dropout" and bpe:
        model["dropout"] = draw.some(0.0, 0.5)
    elif kind == "affix" and bpe:
        model[draw.some("end_of_word_suffix", "continuing_subword_prefix")] = draw.some("", "e")
    elif kind == "flags":
        model["byte_fallback"] = not model.get("byte_fallback", False)
    elif kind == "score" and not bpe:
        at = draw.randrange(len(model["vocab"]))
        model["vocab"][at][1] = draw.some(0.0, 1.5, -1e-9, -99.25, -3)
    return kind


def draw_added(draw, vocab):
    contents = ["<think>", "</think>", " ", "\n", "alone", "Über", "e\u0301", "the", "<a>", "<ab>",
                "ab", "a b", "THE", "ﬁ", "▁", "<|im_end|>", "é", "0", "日本"]
    contents += draw.sample(sorted(vocab), 2)
    return [AddedToken(x, single_word=draw.maybe(0.2), lstrip=draw.maybe(0.25),
                       rstrip=draw.maybe(0.25), normalized=draw.maybe(0.4),
                       special=draw.maybe(0.3))
            for x in draw.sample(contents, draw.randint(0, 5))]


def draw_post_processor(draw, t):
    names = [x for x in ("<s>", "</s>") if t.token_to_id(x) is not None]
    if not names or draw.maybe(0.4):
        return draw.some(None, processors.ByteLevel(trim_offsets=False))
    known = [(x, t.token_to_id(x)) for x in names]

    def template():
        single = draw.some("<s> $A", "$A </s>", "<s> $A </s>", "<s> <s> $A", "$A", "</s> $A:1 <s>",
                           "$A $A")
        return processors.TemplateProcessing(single=single, special_tokens=known)

    kind = draw.random()
    if kind < 0.7:
        return template()
    if kind < 0.9:
        return processors.Sequence([
            draw.some(template, lambda: processors.ByteLevel(trim_offsets=True))()
            for _ in range(draw.randint(1, 3))])
    return draw.some(processors.RobertaProcessing(("</s>", 1), ("<s>", 0)),
                     processors.BertProcessing(("</s>", 1), ("<s>", 0)))


def make_tokenizer(draw):
    byte_level = draw.maybe(0.45)
    t, bytes_too = trained(draw, byte_level)
    t.normalizer = draw_normalizer(draw)
    if draw.maybe(0.8) or byte_level:
        t.pre_tokenizer = draw_pre_tokenizer(draw, byte_level)
    t.decoder = draw_decoder(draw, byte_level, bytes_too)
    vocab = t.get_vocab()
    t.add_special_tokens([AddedToken(x, normalized=False) for x in ("<s>", "</s>")])
    added = draw_added(draw, vocab)
    t.add_tokens([x for x in added if not x.special])
    t.add_special_tokens([x for x in added if x.special])
    t.post_processor = draw_post_processor(draw, t)
    j = json.loads(t.to_str())
    changed = change_model(j, draw) if draw.maybe(0.3) else ""
    if draw.maybe(0.05):
        j["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst",
                           "stride": 0}
    return j, changed


# --- Texts ---


def texts(draw, added, count):
    words = " ".join(CORPUS[:6]).split(" ")
    blanks = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2028", "\x85", "\u200b", "\x0b",
              "\u180e", "\ufeff"]
    marks = "\u0301\u0308\u093f\u094d\u200d\ufe0f\u20e3\U0001f3fd"
    kinds = [
        lambda: draw.choice(words), lambda: draw.choice(words).upper(), lambda: draw.choice(blanks),
        lambda: chr(draw.randint(32, 126)), lambda: draw.choice(marks),
        lambda: chr(draw.choice([
            draw.randint(0xA0, 0x24F), draw.randint(0x370, 0x52F), draw.randint(0x590, 0x6FF),
            draw.randint(0x900, 0xDFF), draw.randint(0x1E00, 0x20CF), draw.randint(0x2100, 0x2BFF),
            draw.randint(0x3040, 0x30FF), draw.randint(0x4E00, 0x9FFF),
            draw.randint(0xAC00, 0xD7A3), draw.randint(0xF900, 0xFFEF),
            draw.randint(0x10000, 0x1056F), draw.randint(0x1D400, 0x1D7FF),
            draw.randint(0x1F300, 0x1FAFF)])),
        lambda: draw.some("İ", "ΣΑΣ", "ǅ", "ﬃ", "㌀", "½", "²", "٣", "Ⅷ", "🇩🇪", "👩‍👩‍👧", "각", "ẋ̣"),
        lambda: draw.choice(added) if added else "", lambda: chr(draw.randint(0, 31)),
        lambda: str(draw.randint(0, 10 ** draw.randint(1, 8)))]
    fixed = ["", " ", "  a", "a ", "▁", "▁ ▁a▁", "_a _", "<s>Hi</s>", "abab a b", "I'LL we've"]
    fixed += [a + b for a in added[:4] for b in (" x", "x", " " + a, a)]
    return fixed + ["".join(draw.choice(kinds)() for _ in range(draw.randint(1, 25)))
                    for _ in range(count)]


# --- Comparison ---


def difference(j, folder, probe, lines):
    """(what, which): '' and the number of texts that counted; or what differs."""
    try:
        t = Tokenizer.from_str(json.dumps(j))
    except BaseException as failure:  # PanicException is none of Exception
        t, why = None, f"{type(failure).__name__}: {failure}"[:200]
    if t is not None:
        t.no_truncation()  # as transformers does
        t.encode_special_tokens = True
    added = {x["id"] for x in j["added_tokens"]}
    ours, refused = ask(probe, folder, [{"text": x, "around": True} for x in lines])
    if refused:
        return "refused", refused
    if t is None:
        return "laxer", why
    if len(ours) != len(lines):
        return "FAIL", f"{len(ours)} of {len(lines)} answers"
    for text, mine in zip(lines, ours):
        try:
            ids = t.encode(text, add_special_tokens=False).ids
            around = t.encode(text).ids
            # A special token that the text itself became is shown by no answer.
            back = t.decode(ids, skip_special_tokens=True)
        except BaseException:
            continue
        if ids != mine["ids"]:
            tokens = [t.id_to_token(x) for x in ids], [t.id_to_token(x) for x in mine["ids"]]
            return "FAIL", f"{text!r}: {ids} {tokens[0]}, found {mine['ids']} {tokens[1]}"
        if around != mine["around"]:
            return "FAIL", f"{text!r} with what stands around: {around}, found {mine['around']}"
        # Of added tokens it shows letters as bytes that they are not.
        if back != mine["back"] and not any(x in added for x in ids):
            return "FAIL", f"{text!r} comes back as {mine['back']!r}, expected {back!r}"
    return "same", ""


def apart(work):
    """What `work` returns, in a process of its own: the library may end it."""
    back, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(back)
        with os.fdopen(there, "w") as out:
            json.dump(work(), out)
        os._exit(0)
    os.close(there)
    with os.fdopen(back) as got:
        said = got.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else ("no measure", "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--texts", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="the folders of failures")
    args = parser.parse_args()
    counts, reasons = collections.Counter(), collections.Counter()
    for n in range(args.cases):
        draw = Draw(f"{args.seed} {n}")
        try:
            j, changed = make_tokenizer(draw)
        except BaseException as failure:  # the library refuses what was drawn
            if isinstance(failure, KeyboardInterrupt):
                raise
            counts["not made"] += 1
            continue
        folder = args.folder / f"{args.seed}-{n}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(json.dumps(j, ensure_ascii=False))
        (folder / "tokenizer_config.json").write_text("{}")
        added = [x["content"] for x in j["added_tokens"]]
        verdict, why = apart(lambda: difference(j, folder, args.probe,
                                                texts(draw, added, args.texts)))
        counts[verdict] += 1
        if verdict == "refused":
            reasons[re.sub(r"\d+", "#", re.sub(r"/\S*/", "", why))[:90]] += 1
        if verdict in ("FAIL", "laxer"):
            parts = {k: j[k] for k in ("normalizer", "pre_tokenizer", "decoder", "post_processor")}
            model = {k: v for k, v in j["model"].items() if k not in ("vocab", "merges")}
            flags = [{k: v for k, v in x.items() if v is not False} for x in j["added_tokens"]]
            print(f"{verdict} {args.seed}-{n}: {why}\n    {changed} {json.dumps(model)}\n    "
                  f"{json.dumps(parts, ensure_ascii=False)[:900]}\n    "
                  f"{json.dumps(flags, ensure_ascii=False)}", flush=True)
        if not (args.keep and verdict == "FAIL"):
            shutil.rmtree(folder)
    for reason, count in reasons.most_common():
        print(f"{count:5} x {reason}")
    print(dict(counts))
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
