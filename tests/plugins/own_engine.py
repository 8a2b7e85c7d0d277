"""Makes ONNX models, runs them through examples/own_engine with `limelight run`, and compares what
comes out with the reference evaluator of onnx; what cannot be run has to be refused by its name.

  own_engine.py <limelight> <own_engine.so> <folder>
"""

import gzip
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

limelight, library, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
random = np.random.default_rng(1)


def model(name, nodes, inputs, outputs, **weights):
    """inputs, outputs: (name, type, shape). Saves the model and returns it."""
    info = [[helper.make_tensor_value_info(*one) for one in side] for side in (inputs, outputs)]
    values = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    graph = helper.make_graph(nodes, name, info[0], info[1], values)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, str(folder / f"{name}.onnx"))
    return made


def stage(number, file, **options):
    lines = [f"  - stage_id: {number}", "    stage_type: plugin", f"    library: {library}",
             "    options:", f"      model: {file}"]
    lines += [f"      {key}: {value}" for key, value in options.items()]
    if "text" in options:
        lines.append("    final_output: true")
    return "\n".join(lines) + "\n"


def run(stages, prompt, *arguments, tail=""):
    config = folder / "config.yaml"
    config.write_text("stage_args:\n" + stages + tail)
    shutil.rmtree(folder / "out", ignore_errors=True)
    return subprocess.run(
        [limelight, "run", "--config", config, "--prompt", prompt, "--output-dir", folder / "out",
         *arguments], capture_output=True, text=True)


def answer(stages, prompt, *arguments, tail=""):
    ran = run(stages, prompt, *arguments, tail=tail)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return (folder / "out" / "0.txt").read_text().rstrip("\n")


def numbers(text):
    return np.array([float(word) for word in text.split()])


def words(array):
    return " ".join(str(number) for number in array.flatten())


def refused(stages, *expected, tail=""):
    ran = run(stages, "1", tail=tail)
    assert ran.returncode == 2, (ran.returncode, ran.stdout + ran.stderr)
    for text in expected:
        assert text in ran.stderr, f"expected '{text}' in: {ran.stderr}"


shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64

# Several layers: the answer is the evaluator's, and each layer that ran is in the trace.
net = model(
    "net",
    [helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
     helper.make_node("Relu", ["c"], ["r"], name="relu"),
     helper.make_node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
     helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
     helper.make_node("MatMul", ["f", "m"], ["l"], name="linear"),
     helper.make_node("Softmax", ["l"], ["y"], name="softmax")],
    [("x", FLOAT, [1, 1, 6, 6])], [("y", FLOAT, [1, 5])],
    w=random.standard_normal((8, 1, 3, 3), dtype=np.float32),
    m=random.standard_normal((72, 5), dtype=np.float32))
x = random.standard_normal((1, 1, 6, 6), dtype=np.float32)
text = answer(stage(0, "net.onnx", prompt="x", text="y"), words(x), "--profile", "all",
              "--profile-dir", folder / "traces")
expected = ReferenceEvaluator(net).run(None, {"x": x})[0].flatten()
np.testing.assert_allclose(numbers(text), expected, rtol=1e-4, atol=1e-6)
traces = list((folder / "traces").glob("*stage0-openvino.pt.trace.json.gz"))
subprocess.run([limelight, "trace", "validate", *traces], check=True)
events = json.loads(gzip.open(traces[0]).read())["traceEvents"]
spans = {event["name"]: event for event in events if event.get("ph") == "X"}
infer = spans["openvino.infer"]
for layer in ("conv", "pool", "linear"):
    found = [event for name, event in spans.items() if layer in name]
    assert found, f"no layer with '{layer}' among {sorted(spans)}"
    for event in found:
        assert infer["ts"] <= event["ts"], (infer, event)
        assert event["ts"] + event["dur"] <= infer["ts"] + infer["dur"] + 0.001, (infer, event)

# Whole numbers; two inputs; two outputs, one of which nobody reads.
integers = model(
    "integers",
    [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Neg", ["a"], ["minus"])],
    [("a", INT64, [3]), ("b", INT64, [3])], [("sum", INT64, [3]), ("minus", INT64, [3])])
config = stage(0, "integers.onnx", prompt="a b", text="sum")
assert answer(config, "1 2 2000000000 10 20 -30") == "11 22 1999999970"
ran = run(config, "1 2 9007199254740993 10 20 30")
assert ran.returncode == 1 and "expected a number of 32 bits" in ran.stdout + ran.stderr, ran
for wrong in ("1 2 3", "1 2 3 4 5 6 7", "1 2 3 4 5 x", "1 2 3 4 5 6.5"):
    ran = run(config, wrong)
    assert ran.returncode == 1 and "expected 6 numbers" in ran.stdout + ran.stderr, ran

# Types that no tensor between stages has are converted.
for name, kind in (("half", TensorProto.FLOAT16), ("double", TensorProto.DOUBLE)):
    model(name, [helper.make_node("Neg", ["x"], ["y"])], [("x", kind, [2])], [("y", kind, [2])])
    assert answer(stage(0, f"{name}.onnx", prompt="x", text="y"), "1.5 -2") == "-1.5 2"

# An edge joins what has the same type and shape, and the tensor comes through it.
last = model("last", [helper.make_node("Mul", ["v", "two"], ["z"])],
             [("v", FLOAT, [1, 5])], [("z", FLOAT, [1, 5])], two=np.array([2], np.float32))
edge = "runtime: {edges: [{from: 0, to: 1}]}\n"
text = answer(stage(0, "net.onnx", prompt="x") + stage(1, "last.onnx", text="z"), words(x),
              tail=edge)
np.testing.assert_allclose(numbers(text), 2 * expected, rtol=1e-4, atol=1e-6)

# Behind a built-in stage: each row of the thinker's hidden states is a tensor.
rows = model("rows", [helper.make_node("ReduceMax", ["row"], ["max"], axes=[1], keepdims=1)],
             [("row", FLOAT, [1, 64])], [("max", FLOAT, [1, 1])])
thinker = ("  - stage_id: 0\n    engine_args: {model_stage: thinker, load_format: dummy,\n"
           "      model_shape: {hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64}}\n"
           "    default_sampling_params: {max_tokens: 5}\n")
text = answer(thinker + stage(1, "rows.onnx", carries="row=hidden_states", text="max"), "hello",
              tail=edge)
assert len(text.splitlines()) >= 5, text

# What cannot be run is refused by its name.
refused(stage(0, "none.onnx"), ":6: key 'model': found '", "none.onnx', which is no file")
(folder / "text.onnx").write_text("no model")
refused(stage(0, "text.onnx"), "key 'model': found '", "expected an ONNX file")
model("loose", [helper.make_node("Neg", ["x"], ["y"])], [("x", FLOAT, ["n", 2])],
      [("y", FLOAT, ["n", 2])])
refused(stage(0, "loose.onnx", prompt="x", text="y"),
        "key 'model': found the input 'x' of the dynamic shape [?,2], expected a fixed one")
assert answer(stage(0, "loose.onnx", shapes="x=1x2", prompt="x", text="y"), "3 4") == "-3 -4"
refused(stage(0, "net.onnx", shapes="x=1x1x6x9"), "key 'shapes': found 'x=1x1x6x9' (")
refused(stage(0, "loose.onnx", shapes="q=1x2"), "key 'shapes': found 'q', expected a port")
refused(stage(0, "loose.onnx", shapes="x=1xb"), "key 'shapes': found '1xb', expected whole")
model("chosen", [helper.make_node("NonZero", ["x"], ["y"])], [("x", FLOAT, [3])],
      [("y", INT64, [1, "n"])])
refused(stage(0, "chosen.onnx", prompt="x", text="y"),
        "key 'model': found the output 'y' of the dynamic shape")
model("words", [helper.make_node("Identity", ["x"], ["y"])], [("x", TensorProto.STRING, [1])],
      [("y", TensorProto.STRING, [1])])
refused(stage(0, "words.onnx"), "key 'model': found ", "'x' of the type string")
refused(stage(0, "net.onnx", prompt="q"), "key 'prompt': found 'q', expected some of x")
refused(stage(0, "net.onnx", carries="x"), "key 'carries': found 'x', expected <port>=<value>")
refused(stage(0, "net.onnx", model_file="x"), "key 'model_file': found an option that a openvino")
refused(stage(0, "net.onnx", text="y"), "0 edges into the input 'x' of a openvino")
refused(stage(0, "integers.onnx", prompt="a b") + stage(1, "last.onnx", text="z"),
        "0 ways to join stage 0 (openvino: sum with int64 [3], minus with int64 [3])", tail=edge)
print("all models answered as expected")
