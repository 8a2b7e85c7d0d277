"""Prints, as one JSON object, what HolisticTraceAnalysis reads in a folder of traces.

    python3 read_with_hta.py <folder> [--gpu]

--gpu: the traces have kernels, so the breakdowns over them must work as well. Fails where HTA does.
"""
import contextlib
import json
import sys

from hta.trace_analysis import TraceAnalysis

folder, gpu = sys.argv[1], "--gpu" in sys.argv
with contextlib.redirect_stdout(sys.stderr):
    analysis = TraceAnalysis(trace_dir=folder)
    has_getter = hasattr(analysis.t, "get_all_traces")
    traces = analysis.t.get_all_traces() if has_getter else analysis.t.traces
    result = {
        "ranks": sorted(int(rank) for rank in traces),
        "rows": {int(rank): len(rows) for rank, rows in traces.items()},
    }
    if gpu:
        temporal = analysis.get_temporal_breakdown(visualize=False)
        result["busy_ranks"] = sorted(int(rank) for rank in temporal["rank"])
        kinds, kernels = analysis.get_gpu_kernel_breakdown(visualize=False)
        result["kernel_types"] = sorted(kinds["kernel_type"])
        result["kernels"] = sorted(set(kernels["name"]))
print(json.dumps(result))
