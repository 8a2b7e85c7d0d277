// What the small pipelines of the benchmarks end with.
#pragma once

namespace limelight::bench {

// Stage 2, and the edges of a thinker, a talker with codes of 16 values, and it.
inline constexpr const char* small_code2wav_yaml = R"(  - stage_id: 2
    engine_args: {model_stage: code2wav, load_format: dummy,
        model_shape: {layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: 32,
          codebooks: 1, codebook_size: 16, channels: 8, upsampling: [2, 2]}}
    engine_input_source: [1]
    final_output: true
    final_output_type: audio
runtime:
  edges: [{from: 0, to: 1, window_size: 4}, {from: 1, to: 2, window_size: 4}]
)";

}  // namespace limelight::bench
