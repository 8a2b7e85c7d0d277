// A network from tokens to logits: an embedding, a decoder and a head. One thread uses it.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "stages/models/decoder.hpp"

namespace limelight::stages {

class TextModel {
 public:
  // As Decoder's. Embedding and head are whole on each rank.
  TextModel(const StageConfig& config,
            WeightLoader& weights,
            Device& device,
            ipc::Collective* group);
  const Decoder& decoder() const noexcept { return decoder_; }
  // Writes the row of a token of the vocabulary, [hidden] on the host, as forward() takes it.
  void embed(int token, std::span<float> to) const;
  // rows: what forward() gave, [n, hidden] on the host. logits: [n, vocab] on the host.
  void logits(std::span<const float> rows, std::span<float> logits) const;

 private:
  Device& device_;
  float embedding_scale_, logit_cap_;
  Decoder decoder_;
  std::function<void(int, std::span<float>)> embed_;
  std::unique_ptr<Matrix> head_;  // [vocab, hidden]
};

}  // namespace limelight::stages
