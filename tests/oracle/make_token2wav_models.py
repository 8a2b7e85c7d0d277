"""Makes small random models of Qwen2.5-Omni's token2wav, and what the reference computes of them.

    pip install torch transformers safetensors
    python make_token2wav_models.py tests/fixtures/token2wav --dtype bfloat16

Beside config.json and model.safetensors, which are as in the whole model, and spk_dict.pt and
speakers.safetensors with two speakers, expected.safetensors has, all float32 and for the speaker
Ethan, in the order [frames or samples, channels]:

    codes, noise_seed    [codes], [1]
    noise                what torch.randn() gives after torch.manual_seed(noise_seed)
    spk_encoder          of the sample, then of silence
    time_embed, input_embed, transformer_blocks.<n>, proj_out: of the first evaluation, with the
                         voice and the codes, then without
    mel                  the spectrogram
    conv_pre, ups.<n>, resblocks.<n>, wave: of this spectrogram
    rounding.<name>      how far each is from the same in float64, relative to its largest number
"""
import argparse
import contextlib
import copy
import json
import pathlib
import subprocess
import sys
import unittest.mock

import torch
import transformers
from safetensors.torch import save_file
from transformers import Qwen2_5OmniConfig
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniToken2WavModel

CONVERT = pathlib.Path(__file__).parents[2] / "stages/models/convert_speakers.py"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    whole, several = {"type": int}, {"type": int, "nargs": "*"}
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", default=1, **whole)
    parser.add_argument("--hidden", default=16, **whole)
    parser.add_argument("--layers", default=3, **whole)
    parser.add_argument("--heads", default=2, **whole)
    parser.add_argument("--head-dim", default=8, **whole)
    parser.add_argument("--ff-mult", default=2, **whole)
    parser.add_argument("--emb-dim", default=12, **whole)
    parser.add_argument("--num-embeds", default=40, **whole)
    parser.add_argument("--mel-dim", default=6, **whole)
    parser.add_argument("--repeats", default=2, **whole)
    parser.add_argument("--block-size", default=6, **whole)
    parser.add_argument("--look-ahead-layers", default=[1], **several)
    parser.add_argument("--look-backward-layers", default=[0, 2], **several)
    parser.add_argument("--rope-theta", type=float, default=10000)
    parser.add_argument("--enc-emb-dim", default=5, **whole)
    parser.add_argument("--enc-dim", default=7, **whole)
    parser.add_argument("--enc-width", default=8, **whole)
    parser.add_argument("--enc-kernel-sizes", default=[5, 3, 3, 3, 1], **several)
    parser.add_argument("--enc-dilations", default=[1, 2, 3, 4, 1], **several)
    parser.add_argument("--enc-attention-channels", default=4, **whole)
    parser.add_argument("--enc-res2net-scale", default=2, **whole)
    parser.add_argument("--enc-se-channels", default=4, **whole)
    parser.add_argument("--channels", default=16, help="of the vocoder", **whole)
    parser.add_argument("--upsample-rates", default=[5, 2], **several)
    parser.add_argument("--upsample-kernel-sizes", default=[11, 4], **several)
    parser.add_argument("--resblock-kernel-sizes", default=[3, 7], **several)
    parser.add_argument("--dilations", default=[1, 3, 5], **several)
    parser.add_argument("--sample", default=11, help="frames of a voice's sample", **whole)
    parser.add_argument("--codes", default=21, **whole)
    parser.add_argument("--noise-seed", default=42, **whole)
    parser.add_argument("--loudest", type=float, default=0.9, help="sample, before the clamp")
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    return parser.parse_args()


def configure(args):
    blocks = len(args.enc_kernel_sizes)
    width = args.enc_width
    return {
        "dit_config": {
            "hidden_size": args.hidden, "num_hidden_layers": args.layers,
            "num_attention_heads": args.heads, "head_dim": args.head_dim, "ff_mult": args.ff_mult,
            "emb_dim": args.emb_dim, "num_embeds": args.num_embeds, "mel_dim": args.mel_dim,
            "repeats": args.repeats, "block_size": args.block_size,
            "look_ahead_layers": args.look_ahead_layers,
            "look_backward_layers": args.look_backward_layers,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": args.rope_theta},
            "enc_emb_dim": args.enc_emb_dim, "enc_dim": args.enc_dim,
            "enc_channels": [width] * (blocks - 1) + [width * (blocks - 2)],
            "enc_kernel_sizes": args.enc_kernel_sizes, "enc_dilations": args.enc_dilations,
            "enc_attention_channels": args.enc_attention_channels,
            "enc_res2net_scale": args.enc_res2net_scale, "enc_se_channels": args.enc_se_channels},
        "bigvgan_config": {
            "mel_dim": args.mel_dim, "upsample_initial_channel": args.channels,
            "upsample_rates": args.upsample_rates,
            "upsample_kernel_sizes": args.upsample_kernel_sizes,
            "resblock_kernel_sizes": args.resblock_kernel_sizes,
            "resblock_dilation_sizes": [args.dilations] * len(args.resblock_kernel_sizes)}}


def randomise(model):
    """Weights with which every part matters."""
    for name, parameter in model.named_parameters():
        shape, last = parameter.shape, name.split(".")[-1]
        if last in ("alpha", "beta"):
            values = 0.3 * torch.randn(shape)
        elif last == "bias":
            values = 0.1 * torch.randn(shape)
        elif "codec_embed" in name:
            values = torch.randn(shape)
        else:
            # Of a transposed convolution the input comes first.
            fan_in = shape[0] * 2 if ".ups." in name else shape[1:].numel()
            values = torch.randn(shape) / fan_in**0.5
        parameter.data.copy_(values)
    # Spectrograms are logarithms of amplitudes, silence and loud sounds.
    model.code2wav_dit_model.proj_out.weight.data.mul_(3)
    model.code2wav_dit_model.proj_out.bias.data.sub_(3)


def round_to(model, dtype):
    for parameter in model.parameters():
        parameter.data.copy_(parameter.data.to(dtype).float())


@torch.inference_mode()
def expected(model, codes, voice, noise):
    """What each part gives, as [frames, channels]; the spectrogram begins with this noise, or with
    what torch draws."""
    found, handles = {}, []

    def keep(name, module, turned=False):
        def hook(_module, _args, out):
            if name not in found:
                rows = out.transpose(1, 2) if turned else out
                found[name] = rows.reshape(-1, rows.shape[-1])
        handles.append(module.register_forward_hook(hook))

    dit, vocoder = model.code2wav_dit_model, model.code2wav_bigvgan_model
    keep("spk_encoder", dit.input_embed.spk_encoder)
    keep("time_embed", dit.time_embed)
    keep("input_embed", dit.input_embed)
    for n, block in enumerate(dit.transformer_blocks):
        keep(f"transformer_blocks.{n}", block)
    keep("proj_out", dit.proj_out)
    keep("conv_pre", vocoder.conv_pre, True)
    for n, ups in enumerate(vocoder.ups):
        keep(f"ups.{n}", ups[0], True)
    for n, block in enumerate(vocoder.resblocks):
        keep(f"resblocks.{n}", block, True)
    handles.append(vocoder.register_forward_pre_hook(
        lambda _m, args: found.update(mel=args[0][0].T)))
    given = contextlib.nullcontext() if noise is None else unittest.mock.patch.object(
        torch, "randn", lambda *_, dtype, **__: noise[None].to(dtype))
    with given:
        found["wave"] = model(codes, conditioning=voice["cond"], reference_mel=voice["ref_mel"])
    for handle in handles:
        handle.remove()
    found["time_embed"] = found["time_embed"][:1]
    found["wave"] = found["wave"].reshape(-1)
    return found


def main():
    args = arguments()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    dtype = getattr(torch, args.dtype)
    config = Qwen2_5OmniConfig(token2wav_config=configure(args)).token2wav_config
    model = Qwen2_5OmniToken2WavModel._from_config(config).eval()
    randomise(model)
    speakers = {
        name: {"cond": torch.randn(1, args.enc_emb_dim),
               "ref_mel": 2 * torch.randn(1, args.sample, args.mel_dim) - 3, "bos_token": 7 + i}
        for i, name in enumerate(("Chelsie", "Ethan"))}
    voice = speakers["Ethan"]
    codes = torch.randint(args.num_embeds + 1, (1, args.codes))
    with torch.inference_mode():
        round_to(model, dtype)
        noise = torch.randn(args.codes * args.repeats, args.mel_dim,
                            generator=torch.Generator().manual_seed(args.noise_seed))
        # The last part is a convolution: its weights scale the waveform.
        last, loudest = model.code2wav_bigvgan_model.conv_post, []
        handle = last.register_forward_hook(lambda _m, _a, out: loudest.append(out.abs().max()))
        expected(model, codes, voice, noise)
        handle.remove()
        last.weight.mul_(args.loudest / loudest[0])
        round_to(model, dtype)
        # Nothing is patched: the noise is what torch draws with this seed.
        torch.manual_seed(args.noise_seed)
        found = expected(model, codes, voice, None)
        true_voice = {key: value.double() for key, value in voice.items() if key != "bos_token"}
        true = expected(copy.deepcopy(model).double(), codes, true_voice, noise)
        for name, rows in true.items():
            found[f"rounding.{name}"] = ((found[name] - rows).abs().max() / rows.abs().max())[None]
    found["codes"], found["noise"] = codes[0], noise
    found["noise_seed"] = torch.tensor([args.noise_seed])
    args.folder.mkdir(parents=True, exist_ok=True)
    torch.save(speakers, args.folder / "spk_dict.pt")
    subprocess.run([sys.executable, CONVERT, args.folder], check=True)
    save_file({"token2wav." + name: value.to(dtype).contiguous()
               for name, value in model.state_dict().items()},
              args.folder / "model.safetensors", {"format": "pt"})
    save_file({name: value.float().contiguous() for name, value in found.items()},
              args.folder / "expected.safetensors")
    nested = {"architectures": ["Qwen2_5OmniModel"], "model_type": "qwen2_5_omni",
              "dtype": args.dtype,
              "token2wav_config": json.loads(config.to_json_string(use_diff=False))}
    (args.folder / "config.json").write_text(json.dumps(nested, indent=1, sort_keys=True) + "\n")
    wave, mel = found["wave"], found["mel"]
    print(f"{args.folder}: {len(wave)} samples, effective value {wave.pow(2).mean().sqrt():.3f}, "
          f"{int((wave.abs() >= 1).sum())} clamped, mel {mel.min():.1f} to {mel.max():.1f}, "
          f"rounding {found['rounding.mel'].item():.1e} and {found['rounding.wave'].item():.1e}")


if __name__ == "__main__":
    main()
