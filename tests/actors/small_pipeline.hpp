// The smallest pipeline that answers: one stage, in one rank.
#pragma once

namespace limelight::tests {

constexpr const char* one_thinker_yaml = R"(stage_args:
  - stage_id: 0
    runtime: {max_batch_size: 4}
    engine_args: {model_stage: thinker, load_format: dummy,
        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64,
          vocab: 256, max_model_len: 2048}}
    final_output: true
)";

}  // namespace limelight::tests
