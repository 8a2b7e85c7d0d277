"""Every deploy config of the wheel of vLLM-Omni runs, or is for a model that is not supported.

    read_deploy_configs.py <limelight> <wheel> <a model's folder> <folder>

Each file is checked by `limelight run --check`: alone, which says which model it is for, and with
the folder of a model that is supported, whatever the file is for. Then every field of the classes
that read such files in the wheel is a key that is known. Exit status: 0 if all of that is so, 1
otherwise.
"""

import ast
import pathlib
import re
import subprocess
import sys
import zipfile

limelight, wheel, model, folder = sys.argv[1:]
files = zipfile.ZipFile(wheel)
files.extractall(folder, [n for n in files.namelist() if n.startswith("vllm_omni/deploy/")])
configs = sorted(pathlib.Path(folder, "vllm_omni", "deploy").glob("*.yaml"))
not_supported = re.compile(r": model [A-Za-z0-9_.]+ is not supported; expected ")
# A file that is for a supported model wants that model's folder.
no_model = "found no model, expected one: pass --model"


def check(config, *arguments):
    command = [limelight, "run", "--deploy-config", str(config), "--check", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True)
    return ran.returncode, (ran.stdout + ran.stderr).strip()


runs = refused = 0
wrong = []
for config in configs:
    for with_model in ([], ["--model", model]):
        code, said = check(config, *with_model)
        if code == 0 or (not with_model and no_model in said):
            runs += 1
        elif code == 2 and not_supported.search(said):
            refused += 1
        else:
            wrong.append(f"{config.name}: exit status {code}: {said}")
print(f"{len(configs)} deploy configs, each alone and with a model: {runs} run, {refused} are for "
      f"a model that is not supported, {len(wrong)} end otherwise")


def fields(source, *classes):
    tree = ast.parse(files.read(source))
    return [item.target.id for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and node.name in classes
            for item in node.body if isinstance(item, ast.AnnAssign)]


def known(keys, text):
    file = pathlib.Path(folder, "keys.yaml")
    file.write_text(text)
    code, said = check(file, "--model", model)
    if code != 0:
        wrong.append(f"with the keys of the wheel: exit status {code}: {said}")
    print(f"{len(keys)} keys, all of them known" if code == 0 else "a key is not known")


# Nothing as a value is nothing that could be refused.
schema = "vllm_omni/config/stage_config.py"
top = set(fields(schema, "DeployConfig")) | {"base_config"}
known(top, "".join(f"{key}: null\n" for key in sorted(top)))
session = set(fields(schema, "DuplexSessionRuntimeConfig"))
known(session, "duplex_session: {" + ", ".join(f"{key}: null" for key in sorted(session)) + "}\n")
engine = "vllm_omni/config/omni_config.py"
parts = ("Quantization", "Model", "Pooling", "Load", "Cache", "Scheduler", "Runtime",
         "ParallelConfig", "Parallel", "Connector")
stage = set(fields(schema, "StageDeployConfig"))
stage |= set(fields(engine, *(f"_{part}EngineOverrides" for part in parts)))
stage |= set(fields("vllm_omni/diffusion/data.py", "OmniDiffusionConfig"))
stage -= {"stage_id"}
known(stage, "stages:\n  - stage_id: 0\n" + "".join(f"    {key}: null\n" for key in sorted(stage)))

print("\n".join(wrong))
sys.exit(1 if wrong or len(configs) != 110 or len(stage) < 150 else 0)
