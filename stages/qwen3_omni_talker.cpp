#include "stages/qwen3_omni_talker.hpp"

#include "base/try.hpp"
#include "stages/file_talker_type.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::stages {

Qwen3OmniTalker::Qwen3OmniTalker(const StageConfig& config,
                                 WeightLoader& weights,
                                 Device& device,
                                 ipc::Collective* group)
    : FrameTalker(config,
                  config.model->omni()->predictor,
                  config.model->omni()->codec_eos,
                  weights,
                  device,
                  group),
      omni_(*config_.model->omni()),
      embedding_(config, omni_, config.speaker, weights, device) {}

Result<void> Qwen3OmniTalker::begin(const Request& request) {
  SamplingParams others;
  others.temperature = request.sampling.temperature;
  if (others.temperature >= 1e-5f) others.temperature = 1, others.top_k = 50, others.top_p = 0.8f;
  add(request.number, {.id = request.id,
                       .inputs = std::make_unique<TalkerInputs>(embedding_),
                       .sampling = request.sampling,
                       .others = others});
  return {};
}

Result<void> Qwen3OmniTalker::consume(std::uint64_t request,
                                      int,
                                      const ipc::TensorSpec& tensor,
                                      std::span<const std::byte> data,
                                      bool last) {
  auto& inputs = static_cast<TalkerInputs&>(*sequence(request).inputs);
  const auto width = static_cast<std::uint64_t>(omni_.thinker_hidden);
  if (tensor.dtype == ipc::DType::int32 && tensor.extents == 1) {
    LIMELIGHT_TRY(inputs.add_tokens(
        {reinterpret_cast<const std::int32_t*>(data.data()), data.size() / sizeof(std::int32_t)}));
  } else if (tensor.dtype == ipc::DType::int32 && tensor.extents == 2 && tensor.shape[1] == 2) {
    LIMELIGHT_TRY(inputs.add_grids(
        {reinterpret_cast<const std::int32_t*>(data.data()), data.size() / sizeof(std::int32_t)}));
  } else if (tensor.dtype == ipc::DType::float32 && tensor.extents == 2 &&
             tensor.shape[1] == width) {
    LIMELIGHT_TRY(inputs.add_states(
        {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)}));
  } else {
    return Error{ErrorCode::corrupt, "talker: found a chunk " + tensor.text() +
                                         ", expected int32 [n] or [n, 2], or float32 [n, " +
                                         std::to_string(width) + "]"};
  }
  if (last) inputs.end();
  return {};
}

StageType qwen3_omni_talker_type() {
  return file_talker_type<Qwen3OmniTalker>({{"tokens", "tokens"}}, "ethan", &ModelFile::omni);
}

}  // namespace limelight::stages
