"""Makes tiny random encoders of Qwen3-Omni or Qwen2.5-Omni, and what the reference (transformers)
computes of them.

    pip install torch transformers safetensors
    python3 make_encoder_models.py OUT [--older] [--seed N] [--audio KEY=N...] [--vision KEY=N...]
        [--frames N...] [--grids RxC...]

--older: those of Qwen2.5-Omni.

OUT gets config.json, model.safetensors with the tensors below thinker.audio_tower. and
thinker.visual., and expected.safetensors: hidden states after each layer, and the outputs. The keys
are those of audio_config and vision_config. Value i of the inputs is sin(i % 1009), so that a
reader can make them himself; expected.json has their shapes.

It exits with 1 if a part of the networks changes nothing: a reader could then leave it out
unnoticed.
"""
import argparse
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from transformers.models.qwen2_5_omni import configuration_qwen2_5_omni as older_configurations
from transformers.models.qwen2_5_omni import modeling_qwen2_5_omni as older_networks
from transformers.models.qwen3_omni_moe import configuration_qwen3_omni_moe as configurations
from transformers.models.qwen3_omni_moe import modeling_qwen3_omni_moe as networks

AUDIO = {"num_mel_bins": 16, "downsample_hidden_size": 4, "encoder_layers": 2,
         "encoder_attention_heads": 2, "d_model": 16, "encoder_ffn_dim": 24, "output_dim": 12,
         "n_window": 50, "n_window_infer": 200}
VISION = {"depth": 3, "num_heads": 2, "hidden_size": 24, "intermediate_size": 40,
          "out_hidden_size": 12, "patch_size": 4, "num_position_embeddings": 16,
          "deepstack_visual_indexes": [0, 2]}

OLDER_AUDIO = {"num_mel_bins": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "d_model": 16,
               "encoder_ffn_dim": 24, "output_dim": 12, "n_window": 20}
OLDER_VISION = {"depth": 3, "num_heads": 2, "hidden_size": 24, "intermediate_size": 40,
                "out_hidden_size": 12, "patch_size": 4, "window_size": 16,
                "fullatt_block_indexes": [1]}


def inputs(count):
    return torch.from_numpy(np.sin(np.arange(count) % 1009).astype(np.float32))


def draw(network, seed):
    """Weights of which each shows in the outputs; the usual ones are too small for that."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(network.named_parameters()):
            values = torch.randn(weight.shape, generator=generator)
            if weight.dim() > 1:
                values /= weight[0].numel() ** 0.5 if "pos_embed" not in name else 1
            else:
                values = values * 0.3 + (1 if name.endswith("weight") else 0)
            weight.copy_(values)
    return network.eval()


def keep(to, name):
    def hook(_, __, output):
        to[name] = (output[0] if isinstance(output, tuple) else output).detach().clone()
    return hook


def keep_input(to, name):
    def hook(_, arguments, named):
        to[name] = (arguments[0] if arguments else named["hidden_states"]).detach().clone()
    return hook


def run_audio(config, seed, frames):
    torch.manual_seed(seed)
    older = config.model_type == "qwen2_5_omni_audio_encoder"
    network = draw((older_networks.Qwen2_5OmniAudioEncoder if older
                    else networks.Qwen3OmniMoeAudioEncoder)(config), seed)
    states = {}
    network.layers[0].register_forward_pre_hook(keep_input(states, "audio.stem"),
                                                with_kwargs=True)
    for index, layer in enumerate(network.layers):
        layer.register_forward_hook(keep(states, f"audio.layers.{index}"))
    # As the processor gives them: [mels, frames], the sounds one after the other.
    sounds, at = [], 0
    values = inputs(sum(frames) * config.num_mel_bins)
    for count in frames:
        size = count * config.num_mel_bins
        sounds.append(values[at: at + size].reshape(config.num_mel_bins, count))
        at += size
    with torch.no_grad():
        out = network(torch.cat(sounds, 1), feature_lens=torch.tensor(frames))
    states["audio.out"] = out.last_hidden_state
    return network, states


def run_vision(config, seed, grids):
    torch.manual_seed(seed)
    older = config.model_type == "qwen2_5_omni_vision_encoder"
    network = draw((older_networks.Qwen2_5OmniVisionEncoder if older
                    else networks.Qwen3OmniMoeVisionEncoder)(config), seed + 1)
    states = {}
    network.blocks[0].register_forward_pre_hook(keep_input(states, "vision.embedding"),
                                                with_kwargs=True)
    for index, layer in enumerate(network.blocks):
        layer.register_forward_hook(keep(states, f"vision.blocks.{index}"))
    patches = sum(rows * cols for rows, cols in grids)
    width = 3 * config.temporal_patch_size * config.patch_size ** 2
    with torch.no_grad():
        out = network(inputs(patches * width).reshape(patches, width),
                      torch.tensor([[1, rows, cols] for rows, cols in grids]))
    states["vision.out"] = out.pooler_output
    for index, rows in enumerate(() if older else out.deepstack_features):
        states[f"vision.deepstack.{index}"] = rows
    return network, states


def invisible(network, states, run):
    """Parameters without an effect. That of a key's bias has none in any attention."""
    found = []
    for name, weight in network.named_parameters():
        kept = weight.detach().clone()
        # Of those, nobody reads the last one.
        if name.endswith(("k_proj.bias", "audio_bos_eos_token.weight")):
            continue
        with torch.no_grad():
            weight.mul_(0.5)
        changed = run(network)
        with torch.no_grad():
            weight.copy_(kept)
        if all((changed[key] - states[key]).abs().max() < 1e-4 for key in changed):
            found.append(name)
    return found


def parse(pairs, base):
    shape = dict(base)
    for pair in pairs:
        key, value = pair.split("=")
        if key not in shape:
            sys.exit(f"{key}: expected one of {', '.join(shape)}")
        shape[key] = json.loads(value)
    return shape


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--older", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--audio", nargs="*", default=[])
    parser.add_argument("--vision", nargs="*", default=[])
    parser.add_argument("--frames", type=int, nargs="*", default=[437, 61, 300])
    parser.add_argument("--grids", nargs="*", default=["4x6", "2x8"])
    arguments = parser.parse_args()
    audio = parse(arguments.audio, OLDER_AUDIO if arguments.older else AUDIO)
    vision = parse(arguments.vision, OLDER_VISION if arguments.older else VISION)
    grids = [[int(side) for side in grid.split("x")] for grid in arguments.grids]
    if arguments.older:
        audio_config = older_configurations.Qwen2_5OmniAudioEncoderConfig(**audio)
        vision_config = older_configurations.Qwen2_5OmniVisionEncoderConfig(**vision)
    else:
        audio_config = configurations.Qwen3OmniMoeAudioEncoderConfig(**audio)
        vision_config = configurations.Qwen3OmniMoeVisionEncoderConfig(**vision)
    for config in (audio_config, vision_config):
        config._attn_implementation = "eager"
    audio_network, states = run_audio(audio_config, arguments.seed, arguments.frames)
    vision_network, more = run_vision(vision_config, arguments.seed, grids)
    states.update(more)
    arguments.out.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for prefix, network in (("thinker.audio_tower.", audio_network),
                            ("thinker.visual.", vision_network)):
        for name, weight in network.state_dict().items():
            tensors[prefix + name] = weight.contiguous()
    save_file(tensors, arguments.out / "model.safetensors")
    save_file({name: state.contiguous() for name, state in states.items()},
              arguments.out / "expected.safetensors")
    kind = "qwen2_5_omni" if arguments.older else "qwen3_omni_moe"
    config = {"model_type": kind, "thinker_config": {
        "audio_config": audio_config.to_dict(), "vision_config": vision_config.to_dict()}}
    (arguments.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (arguments.out / "expected.json").write_text(
        json.dumps({"frames": arguments.frames, "grids": grids}) + "\n")
    flat = [name for name, state in states.items() if not state.abs().max() > 0.1]
    flat += invisible_parts(audio_network, vision_network, states, arguments.frames, grids)
    if flat:
        sys.exit(f"these change nothing: {', '.join(flat)}")


def invisible_parts(audio, vision, states, frames, grids):
    def again_audio(network):
        values, at, sounds = inputs(sum(frames) * audio.config.num_mel_bins), 0, []
        for count in frames:
            size = count * audio.config.num_mel_bins
            sounds.append(values[at: at + size].reshape(-1, count))
            at += size
        with torch.no_grad():
            out = network(torch.cat(sounds, 1), feature_lens=torch.tensor(frames))
        return {"audio.out": out.last_hidden_state}

    def again_vision(network):
        patches = sum(rows * cols for rows, cols in grids)
        with torch.no_grad():
            out = network(inputs(patches * vision.patch_embed.proj.weight[0].numel())
                          .reshape(patches, -1),
                          torch.tensor([[1, rows, cols] for rows, cols in grids]))
        return {"vision.out": out.pooler_output,
                **{f"vision.deepstack.{i}": r
                   for i, r in enumerate(getattr(out, "deepstack_features", None) or ())}}

    return invisible(audio, states, again_audio) + invisible(vision, states, again_vision)


if __name__ == "__main__":
    main()
