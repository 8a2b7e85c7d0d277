"""Writes traces of four ranks with a given number of slices: steps, operations, chunks, requests.

  make_large_trace.py <folder> [<slices>]        the default is 1,000,000
"""
import pathlib
import random
import sys

OPERATIONS = [f"layer{i % 8}.{name}" for i, name in enumerate(
    ("linear", "attention", "rope", "norm", "gate", "add", "sample", "softmax") * 8)]


def write(folder, rank, slices, random):
    at, step, lines = 1e6 + 50 * rank, 0, []

    def put(name, category, begin, length, args):
        lines.append(f'{{"ph":"X","cat":"{category}","name":"{name}","pid":{rank + 10},"tid":1,'
                     f'"ts":{begin:.3f},"dur":{length:.3f},"args":{{{args}}}}}')

    while len(lines) < slices:
        request = f'"request":"request-{step // 100}"'
        begin, step = at, step + 1
        at += 1
        for name in OPERATIONS:
            length = random.uniform(2, 30)
            put(name + ".kernel", "cpu_op", at + 0.5, length - 1, request)
            put(name, "cpu_op", at, length, request + f',"bytes":{random.randrange(1, 1 << 20)}')
            at += length + 0.3
        if rank < 3:
            put("ipc.publish", "cpu_op", at, 2,
                f'"bytes":4096,"channel":{rank},"chunk":{step},{request}')
            at += 3
        put(f"ProfilerStep#{step}", "user_annotation", begin, at - begin,
            f'"step of":"stage {rank} step",{request}')
        at += random.uniform(1, 40)
        if rank > 0:
            put("ipc.take", "cpu_op", at, 2, f'"bytes":4096,"channel":{rank - 1},"chunk":{step}')
            at += 3
    name = f"1700000000000-rank-{rank}.host_1_stage{rank}-large.pt.trace.json"
    (folder / name).write_text(
        '{\n"schemaVersion": 1,\n"distributedInfo": {"backend": "shm",\n'
        f'"rank": {rank},\n"world_size": 4}},\n"limelight_clock": "tsc",\n'
        '"baseTimeNanoseconds": 1700000000000000000,\n"traceEvents": [\n'
        f'{{"ph":"M","name":"process_name","ts":0.000,"pid":{rank + 10},"tid":0,'
        f'"args":{{"name":"rank {rank}: stage {rank} large"}}}},\n' + ",\n".join(lines) +
        '\n],\n"limelight": {"drops": 0, "session": "1700000000000"},\n"traceName": "large"\n}\n')


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
total = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
for rank in range(4):
    write(folder, rank, total // 4, random.Random(rank))
