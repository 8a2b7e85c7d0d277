// The code predictor of Qwen3-Omni and Qwen3-TTS: from the talker's output row and the first code
// of a frame to the other codes, one group after the other, each by a head of its own over a small
// decoder, whose sequence begins anew with every frame (transformers,
// Qwen3OmniMoeTalkerCodePredictor):
//
//   position  0                   1                    2                      ...
//   reads     the talker's row    the first code       the code of group 1
//   gives                         the code of group 1  the code of group 2
//
// Where the talker is wider or narrower, a projection is between it and the decoder.
//
// Frames are predicted together; the codes of one do not depend on the others. One thread uses it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "stages/models/code_predictor_shape.hpp"
#include "stages/models/decoder.hpp"
#include "stages/models/sampler.hpp"

namespace limelight::stages {

class CodePredictor {
 public:
  // config: the talker's. It is whole on each rank: a step of it is shorter than an all-reduce.
  CodePredictor(const StageConfig& config,
                const CodePredictorShape& shape,
                WeightLoader& weights,
                Device& device);
  // rows: of each frame the talker's row and the embedding of its first code, [frames, 2, hidden].
  // hidden: the talker's. samplers: one for each frame. codes: [frames, groups - 1]. Errors: of
  // Sampler::next(), by frame in `errors`; the codes of such a frame mean nothing.
  Result<void> predict(std::vector<float> rows,
                       std::span<Sampler* const> samplers,
                       std::span<std::int32_t> codes,
                       std::span<Error> errors);
  // Adds the embedding of a code of a group, 1 or more, to a row.
  void add_embedding(int group, int code, std::span<float> row) const;

 private:
  // From rows of the talker's width to rows of the decoder's.
  void narrow(std::vector<float>& rows) const;
  Result<void> choose(int group,
                      std::span<const float> rows,
                      std::span<Sampler* const> samplers,
                      std::span<std::int32_t> codes,
                      std::span<Error> errors);

  StageConfig config_;
  int groups_, width_;  // width_: the talker's
  Device& device_;
  NamedWeights weights_;
  Decoder decoder_;
  KvCache cache_;
  std::unique_ptr<Matrix> projection_;  // [hidden, width]; nullptr: the widths are equal
  Array projection_bias_;
  std::vector<std::function<void(int, std::span<float>)>> embeddings_;  // of groups 1, 2, ...
  std::vector<std::unique_ptr<Matrix>> heads_;                          // [vocab, hidden]
};

}  // namespace limelight::stages
