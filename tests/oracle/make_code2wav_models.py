"""Makes small random models of Qwen3-Omni's code2wav, or of the decoder of Qwen3-TTS's tokenizer
for 12 Hz, and what the reference computes of them.

    pip install torch transformers safetensors; pip install --no-deps qwen-tts
    python make_code2wav_models.py tests/fixtures/code2wav --dtype bfloat16
    python make_code2wav_models.py tests/fixtures/code2wav-tts --tts --dtype bfloat16

Beside config.json and model.safetensors, which are as in the whole model, expected.safetensors has,
all float32, in the order [frames or samples, channels]:

    codes               [frames, quantizers]
    embedding, pre_conv (of Qwen3-TTS), transformer, upsample.<n>, decoder.<n>: what each part gives
                        for all frames at once
    waveform            all frames at once; rounding [1]: how far it is from the same in float64
    chunked.<m>.<n>     chunked_decode() with chunks of m frames and n frames before each
"""
import argparse
import copy
import importlib
import importlib.util
import json
import math
import pathlib
import sys
import types

import torch
from safetensors.torch import save_file
from transformers import Qwen3OmniMoeConfig
from transformers.models.qwen3_omni_moe import modeling_qwen3_omni_moe as modeling


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    whole, several = {"type": int}, {"type": int, "nargs": "*"}
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tts", action="store_true", help="of Qwen3-TTS")
    parser.add_argument("--latent", default=20, help="of Qwen3-TTS: width around the transformer",
                        **whole)
    parser.add_argument("--codebook-dim", default=12, help="of Qwen3-TTS", **whole)
    parser.add_argument("--seed", default=1, **whole)
    parser.add_argument("--hidden", default=24, **whole)
    parser.add_argument("--layers", default=2, **whole)
    parser.add_argument("--heads", default=4, **whole)
    parser.add_argument("--kv-heads", default=2, **whole)
    parser.add_argument("--mlp", default=40, **whole)
    parser.add_argument("--upsample-rates", default=[3, 2], **several)
    parser.add_argument("--upsampling-ratios", default=[2, 2], **several)
    parser.add_argument("--decoder-dim", default=24, **whole)
    parser.add_argument("--num-quantizers", default=4, **whole)
    parser.add_argument("--codebook-size", default=16, **whole)
    parser.add_argument("--sliding-window", default=6, **whole)
    parser.add_argument("--attention-bias", action="store_true")
    parser.add_argument("--rope-theta", type=float, default=10000)
    parser.add_argument("--frames", default=31, **whole)
    parser.add_argument("--chunks", nargs="*", default=["10.4", "4.25", "31.25"],
                        help="chunked_decode(): <frames>.<frames before them>")
    parser.add_argument("--loudest", type=float, default=0.9, help="sample, before the clamp")
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    return parser.parse_args()


def tts_classes():
    """The decoder's and its config's class of qwen-tts, which was written for version 4 of
    transformers: what version 5 has no more is put back. The packages above are not run, as they
    need others."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
    from transformers.utils import generic

    def default_rope(config, device=None, **_):
        dims = config.hidden_size // config.num_attention_heads
        return config.rope_theta ** -(torch.arange(0, dims, 2).float().to(device) / dims), 1.0

    def window_mask(config, input_embeds, **_):
        rows = torch.arange(input_embeds.shape[1])
        apart = rows[:, None] - rows[None]
        seen = (apart >= 0) & (apart < config.sliding_window)
        return torch.where(seen, 0.0, -torch.inf).to(input_embeds.dtype)[None, None]

    generic.check_model_inputs = lambda *_, **__: lambda function: function
    ROPE_INIT_FUNCTIONS.setdefault("default", default_rope)
    root = pathlib.Path(importlib.util.find_spec("qwen_tts").submodule_search_locations[0])
    for name in ("qwen_tts", "qwen_tts.core", "qwen_tts.core.tokenizer_12hz"):
        package = sys.modules[name] = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    at = "qwen_tts.core.tokenizer_12hz."
    networks = importlib.import_module(at + "modeling_qwen3_tts_tokenizer_v2")
    networks.create_causal_mask = lambda **_: None
    networks.create_sliding_window_causal_mask = window_mask
    configs = importlib.import_module(at + "configuration_qwen3_tts_tokenizer_v2")
    return networks.Qwen3TTSTokenizerV2Decoder, configs.Qwen3TTSTokenizerV2DecoderConfig


def randomise(model):
    """Weights with which every part matters: the reference's own leave most of them near 0."""
    for name, parameter in model.named_parameters():
        shape, last = parameter.shape, name.split(".")[-1]
        if name.endswith("_layer_scale.scale") or last == "gamma":
            values = 0.3 + 0.6 * torch.rand(shape)
        elif last in ("alpha", "beta"):
            values = 0.4 * torch.randn(shape)
        elif last == "bias":
            values = 0.1 * torch.randn(shape)
        elif last == "cluster_usage":
            values = 0.5 + 3 * torch.rand(shape)
        elif last == "embedding_sum":
            values = 3 * torch.randn(shape)
        elif len(shape) == 1:
            values = 1 + 0.2 * torch.randn(shape)
        elif "code_embedding" in name:
            values = 2 * torch.randn(shape)
        else:
            fan_in = shape[0] * 2 if "block.1.conv" in name else shape[1:].numel()
            values = torch.randn(shape) / fan_in**0.5
        parameter.data.copy_(values)


def round_to(model, dtype):
    for parameter in model.parameters():
        parameter.data.copy_(parameter.data.to(dtype).float())


@torch.inference_mode()
def expected(model, codes):
    """[1, quantizers, frames] -> what each part gives, as [frames, channels]"""
    found = {}
    if hasattr(model, "quantizer"):
        hidden = model.quantizer.decode(codes)
        found["embedding"] = hidden[0].T
        hidden = model.pre_conv(hidden).transpose(1, 2)
        found["pre_conv"] = hidden[0]
    else:
        hidden = model.code_embedding(codes + model.code_offset).mean(1)
        found["embedding"] = hidden[0]
    hidden = model.pre_transformer(inputs_embeds=hidden).last_hidden_state
    found["transformer"] = hidden[0]
    hidden = hidden.permute(0, 2, 1)
    for n, blocks in enumerate(model.upsample):
        for block in blocks:
            hidden = block(hidden)
        found[f"upsample.{n}"] = hidden[0].T
    for n, block in enumerate(model.decoder):
        hidden = block(hidden)
        found[f"decoder.{n}"] = hidden[0].T
    found["waveform"] = model(codes)[0, 0]
    return found


if __name__ == "__main__":
    args = arguments()
    torch.manual_seed(args.seed)
    dtype = getattr(torch, args.dtype)
    shape = dict(
        hidden_size=args.hidden, num_hidden_layers=args.layers, num_attention_heads=args.heads,
        num_key_value_heads=args.kv_heads, intermediate_size=args.mlp,
        upsample_rates=args.upsample_rates, upsampling_ratios=args.upsampling_ratios,
        decoder_dim=args.decoder_dim, num_quantizers=args.num_quantizers,
        codebook_size=args.codebook_size, sliding_window=args.sliding_window,
        attention_bias=args.attention_bias)
    if args.tts:
        network, configuration = tts_classes()
        config = configuration(**shape, rope_theta=args.rope_theta, latent_dim=args.latent,
                               codebook_dim=args.codebook_dim)
        model = network._from_config(config, attn_implementation="eager").eval()
    else:
        whole = Qwen3OmniMoeConfig(code2wav_config=dict(
            shape, rope_parameters={"rope_type": "default", "rope_theta": args.rope_theta}))
        config = whole.code2wav_config
        # As the whole model makes it, attention included.
        model = modeling.Qwen3OmniMoeCode2Wav._from_config(config).eval()
    randomise(model)
    codes = torch.randint(args.codebook_size, (1, args.num_quantizers, args.frames))
    with torch.inference_mode():
        # The decoder's last part is a convolution: its weights scale the waveform.
        last = model.decoder[-1].conv
        last.weight.mul_(args.loudest / expected(model, codes)["decoder.%d" % (
            len(model.decoder) - 1)].abs().max() / 1.05)
        last.bias.zero_().add_(0.02)
        round_to(model, dtype)
        found = expected(model, codes)
        # How far float32 itself is from the true sound: random networks enlarge rounding errors.
        true = copy.deepcopy(model).double()(codes)[0, 0]
        found["rounding"] = ((found["waveform"] - true).abs().max() / true.abs().max())[None]
        for pair in args.chunks:
            size, before = map(int, pair.split("."))
            found[f"chunked.{pair}"] = model.chunked_decode(codes, size, before)[0, 0]
    found["codes"] = codes[0].T
    args.folder.mkdir(parents=True, exist_ok=True)
    prefix = "decoder." if args.tts else "code2wav."
    tensors = {prefix + name: value.to(dtype).contiguous()
               for name, value in model.state_dict().items()}
    save_file(tensors, args.folder / "model.safetensors", {"format": "pt"})
    save_file({name: value.float().contiguous() for name, value in found.items()},
              args.folder / "expected.safetensors")
    stated = json.loads(config.to_json_string(use_diff=False))
    nested = {"architectures": ["Qwen3OmniMoeForConditionalGeneration"],
              "model_type": whole.model_type, "code2wav_config": stated} if not args.tts else {
        "architectures": ["Qwen3TTSTokenizerV2Model"], "model_type": "qwen3_tts_tokenizer_12hz",
        "decoder_config": stated, "encoder_config": {}, "encoder_valid_num_quantizers": 16,
        "input_sample_rate": 24000, "output_sample_rate": 24000, "encode_downsample_rate": 1920,
        "decode_upsample_rate": math.prod([*args.upsample_rates, *args.upsampling_ratios])}
    nested["dtype"] = args.dtype
    (args.folder / "config.json").write_text(json.dumps(nested, indent=1, sort_keys=True) + "\n")
    loudness = found["waveform"].pow(2).mean().sqrt()
    print(f"{args.folder}: {len(found['waveform'])} samples, effective value {loudness:.3f}, "
          f"{int((found['waveform'].abs() >= 1).sum())} clamped")
