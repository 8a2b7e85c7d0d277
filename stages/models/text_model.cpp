#include "stages/models/text_model.hpp"

#include <cmath>

namespace limelight::stages {

TextModel::TextModel(const StageConfig& config,
                     WeightLoader& weights,
                     Device& device,
                     ipc::Collective* group)
    : device_(device),
      embedding_scale_(config.shape.embedding_scale),
      logit_cap_(config.shape.logit_cap),
      decoder_(config, weights, device, group),
      embed_(weights.rows("embed_tokens", config.shape.vocab, config.shape.hidden)) {
  // Models with tied embeddings have no matrix of their own for the logits.
  const char* head = weights.has("lm_head") ? "lm_head" : "embed_tokens";
  head_ = weights.matrix(device, head, MatrixPart::whole(config.shape.vocab, config.shape.hidden),
                         config.dtype);
}

void TextModel::embed(int token, std::span<float> to) const {
  embed_(token, to);
  if (embedding_scale_ != 1)
    for (float& value : to) value *= embedding_scale_;
}

void TextModel::logits(std::span<const float> rows, std::span<float> logits) const {
  const auto n = static_cast<int>(rows.size() / static_cast<std::size_t>(head_->in));
  linear_of_host(device_, rows, *head_, logits, n);
  if (logit_cap_ != 0)
    for (float& logit : logits) logit = logit_cap_ * std::tanh(logit / logit_cap_);
}

}  // namespace limelight::stages
