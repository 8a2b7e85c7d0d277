#!/bin/sh
# Makes the checkpoint that `limelight bench omni` is measured with, and its export for OpenVINO:
#
#     sh make_omni.sh OUT        writes OUT/model and OUT/openvino
#
# It is a Qwen3-Omni with random weights, 94 M parameters: a thinker of 8 layers of width 512 with 8
# experts, a talker of 6 of width 256, a predictor of 16 codes, and a vocoder at the published rates
# (1920 samples a frame). Encoders of sound and pictures are tiny.
#
# PYTHON (python3) needs what tests/oracle/make_omni_models.py names. EXPORT_PYTHON needs
# optimum-intel 2.2, transformers 5.5 and torchvision; without it only OUT/model is written.
set -eu
[ $# -eq 1 ] || { echo "usage: sh make_omni.sh OUT" >&2; exit 2; }
out=$1
here=$(cd "$(dirname "$0")" && pwd -P)
rope='{"rope_type":"default","rope_theta":1e6,"mrope_section":[12,10,10],"interleaved":True}'
thinker=thinker_config.text_config
talker=talker_config.text_config
predictor=talker_config.code_predictor_config
mkdir -p "$out"
"${PYTHON:-python3}" "$here/../../tests/oracle/make_omni_models.py" "$out/model" --seed 3 --brief \
  --answer 8 --frames 4 --set \
  $thinker.hidden_size=512 $thinker.num_hidden_layers=8 $thinker.num_attention_heads=8 \
  $thinker.num_key_value_heads=2 $thinker.head_dim=64 "$thinker.rope_parameters=$rope" \
  $thinker.num_experts=8 $thinker.num_experts_per_tok=2 $thinker.moe_intermediate_size=512 \
  $thinker.max_position_embeddings=4096 \
  thinker_config.audio_config.output_dim=512 thinker_config.audio_config.num_mel_bins=128 \
  thinker_config.audio_config.max_source_positions=1500 \
  thinker_config.vision_config.out_hidden_size=512 thinker_config.vision_config.patch_size=14 \
  talker_config.thinker_hidden_size=512 talker_config.num_code_groups=16 \
  $talker.hidden_size=256 $talker.num_hidden_layers=6 $talker.num_attention_heads=4 \
  $talker.num_key_value_heads=2 $talker.head_dim=64 "$talker.rope_parameters=$rope" \
  $talker.num_experts=8 $talker.num_experts_per_tok=2 $talker.moe_intermediate_size=256 \
  $talker.shared_expert_intermediate_size=256 $talker.max_position_embeddings=4096 \
  $talker.vocab_size=3072 \
  talker_config.codec_eos_token_id=2054 talker_config.codec_nothink_id=2059 \
  talker_config.codec_think_bos_id=2060 talker_config.codec_think_eos_id=2061 \
  talker_config.codec_pad_id=2052 talker_config.codec_bos_id=2053 \
  'talker_config.speaker_id={"chelsie":2068,"ethan":2069}' \
  $predictor.hidden_size=256 $predictor.num_hidden_layers=3 $predictor.num_attention_heads=4 \
  $predictor.num_key_value_heads=2 $predictor.head_dim=64 $predictor.intermediate_size=512 \
  $predictor.vocab_size=2048 $predictor.num_code_groups=16 \
  code2wav_config.codebook_size=2048 code2wav_config.num_quantizers=16 \
  'code2wav_config.upsample_rates=[8,5,4,3]' 'code2wav_config.upsampling_ratios=[2,2]' \
  code2wav_config.hidden_size=128 code2wav_config.num_hidden_layers=4 \
  code2wav_config.intermediate_size=256 code2wav_config.decoder_dim=256 \
  code2wav_config.sliding_window=72
[ -n "${EXPORT_PYTHON:-}" ] || exit 0
"$EXPORT_PYTHON" - "$out/model" "$out/openvino" <<'END'
import sys
from optimum.exporters.openvino import main_export

main_export(sys.argv[1], sys.argv[2], task="image-text-to-text", convert_tokenizer=True)
END
