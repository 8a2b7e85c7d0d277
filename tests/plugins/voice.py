"""Runs the pipelines of examples/voice in real processes, and looks at the sound and the traces.

  voice.py <limelight> <voice.so> <folder> <voice.onnx>
"""

import array
import gzip
import json
import math
import pathlib
import shutil
import subprocess
import sys
import wave

limelight, library, folder, onnx = sys.argv[1], sys.argv[2], *map(pathlib.Path, sys.argv[3:5])
examples = pathlib.Path(__file__).resolve().parents[2] / "examples" / "voice"


def config(name, *changes):
    text = (examples / name).read_text()
    for old, new in (("../../build/examples/voice/voice.so", library), *changes):
        assert old in text, old
        text = text.replace(old, str(new))
    (folder / name).write_text(text)
    return folder / name


def run(file, prompts, *arguments, code=0):
    lines = "".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
    (folder / "prompts.jsonl").write_text(lines)
    shutil.rmtree(folder / "out", ignore_errors=True)
    ran = subprocess.run(
        [limelight, "run", "--config", file, "--prompts", folder / "prompts.jsonl", "--output-dir",
         folder / "out", *arguments], capture_output=True, text=True, timeout=200)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def sound(number=0):
    """Its seconds, and the root of the mean square of its samples, of which the largest is 1."""
    with wave.open(str(folder / "out" / f"{number}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22050, 1, 2)
        samples = array.array("h", file.readframes(file.getnframes()))
    level = math.sqrt(sum(s * s for s in samples) / len(samples)) / 32768
    return len(samples) / 22050, level


def spans(trace, name):
    """(begin, end) of each in microseconds, in order."""
    events = json.loads(gzip.open(trace).read())["traceEvents"]
    return sorted((e["ts"], e["ts"] + e["dur"]) for e in events
                  if e.get("ph") == "X" and e["name"].split("#")[0] == name)


shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)

# The answer of a model: its first sound leaves while the text is still being written.
said = run(config("voice.yaml"), ["Tell me a short story about a dog."],
           "--profile", "all", "--profile-dir", folder / "traces")
text = (folder / "out" / "0.txt").read_text()
seconds, level = sound()
assert 8 < len(text) / seconds < 25, f"{len(text)} characters are spoken in {seconds} s"
assert 0.01 < level < 0.5, level
traces = {trace.name.split("_stage")[1][0]: trace for trace in (folder / "traces").glob("*.gz")}
assert sorted(traces) == ["0", "1", "2"] and said.count(" 0 drops") == 3, said
subprocess.run([limelight, "trace", "validate", *traces.values()], check=True)
steps, sounds = spans(traces["0"], "ProfilerStep"), spans(traces["2"], "ipc.publish")
first, last = (sounds[0][0] - steps[0][0]) / 1000, (steps[-1][1] - steps[0][0]) / 1000
print(f"first sound after {first:.0f} ms, the text is complete after {last:.0f} ms")
assert first < last
assert len(spans(traces["2"], "openvino.infer")) == len(spans(traces["1"], "espeak.phonemes")) > 1

# Texts that nobody would speak end all the same, and what has no sound is said. The long ones are
# spoken fast, to be done soon.
quick = ("voice.onnx\"}\n    engine_input", "voice.onnx\", length_scale: 0.1}\n    engine_input")
strange = ["?! ... --- *", "\U0001f600\U0001f389", "\x01\x02Hi\x07 \x1b[31mthere\x7f",
           "\u4f60\u597d\u3002\u518d\u89c1\uff01", "word " * 200, "x" * 10000, "7" * 290]
said = run(config("speak.yaml", quick), strange)
for number in range(1, len(strange)):
    assert sound(number)[1] > 0.001, strange[number][:20]
assert not (folder / "out" / "0.wav").exists()
nothing = "request 0, stage 0: no sound: the text has nothing that can be spoken"
assert said.count(nothing) == said.count("no sound") == 1, said

# A voice without some phonemes.
poor = folder / "poor.onnx"
poor.symlink_to(onnx)
file = json.loads(onnx.with_name("voice.onnx.json").read_text())
for phoneme in "sz":
    del file["phoneme_id_map"][phoneme]
poor.with_name("poor.onnx.json").write_text(json.dumps(file))
said = run(config("speak.yaml", ("~cache/joe/voice.onnx", poor)), ["She sells sea shells."])
assert "4 phonemes were left out, which the voice does not have: 's' 'z'" in said, said

# What is wrong with the file beside the voice is an error of the config.
file["audio"]["sample_rate"] = -1
poor.with_name("poor.onnx.json").write_text(json.dumps(file))
said = run(config("speak.yaml", ("~cache/joe/voice.onnx", poor)), ["a"], code=2)
assert f"{poor}.json with the key 'audio.sample_rate': -1, expected 8000 to 192000" in said, said
said = run(config("speak.yaml", ("reads: prompt", "reads: lips")), ["a"], code=2)
assert "key 'reads': found 'lips', expected stage or prompt" in said, said
print("all texts were spoken as expected")
