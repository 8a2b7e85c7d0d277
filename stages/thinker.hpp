// The thinker: prompt in, text tokens out, one a step. Gives the hidden state of every token,
// prompt included, to the talker: float32 [n, hidden].
#pragma once

#include <functional>
#include <limelight/stage.hpp>
#include <map>
#include <memory>
#include <vector>

#include "stages/models/decoder.hpp"
#include "stages/models/sampler.hpp"
#include "stages/models/tokenizer.hpp"

namespace limelight::stages {

class Thinker final : public Stage {
 public:
  Thinker(const StageConfig& config,
          WeightLoader& weights,
          std::unique_ptr<Tokenizer> tokenizer,
          Device& device,
          ipc::Collective* group);
  Result<void> begin(const Request& request) override;
  Result<void> consume(std::uint64_t request,
                       const ipc::TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override;
  Result<StepState> step(std::uint64_t request, Output& output) override;
  void end(std::uint64_t request) override;
  std::uint64_t tokens_out(std::uint64_t request) const override;

 private:
  struct Open {
    Sampler sampler;
    std::vector<int> input;  // tokens that the next step feeds: the prompt first, then one
    Decoder::Cache cache;
    CharacterStream text;
  };
  StageConfig config_;
  Device& device_;
  Decoder decoder_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::function<void(int, std::span<float>)> embed_;
  std::unique_ptr<Matrix> head_;  // [vocab, hidden]
  std::map<std::uint64_t, Open> open_;
};

}  // namespace limelight::stages
