"""Writes the config.json of each supported family with every key that its class has, and the keys
of generation_config.json with values that say nothing.

    pip install transformers
    python3 make_config_fixtures.py tests/fixtures/families
"""
import json
import pathlib
import sys

from transformers import AutoConfig, GenerationConfig

FAMILIES = ("gemma2", "gemma3_text", "llama", "mistral", "phi3", "qwen2", "qwen2_moe", "qwen3",
            "qwen3_moe", "smollm3")


def keys_of(family):
    # Few layers, as some keys have a value for each; the others are the defaults.
    config = AutoConfig.for_model(family, num_hidden_layers=4)
    return json.loads(config.to_json_string(use_diff=False))


if __name__ == "__main__":
    configs = {family: keys_of(family) for family in FAMILIES}
    folder = pathlib.Path(sys.argv[1])
    for name, content in (("configs", configs), ("generation", GenerationConfig().to_dict())):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
