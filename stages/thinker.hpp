// The thinker reads the prompt and generates text, one token in each step.
//
//   output port  tensor               content of one chunk
//   user         uint8 [bytes]        text: whole UTF-8 characters
//   next_stage   float32 [n, hidden]  hidden states: of the prompt in the first step (n = its
//                                     tokens), then of one token
//
// It has no input edges. Threads: see Stage.
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
  struct Sequence {
    Sampler sampler;
    std::vector<int> input;  // of the next step: the whole prompt, then one token
    Decoder::Cache cache;
    CharacterStream text;
  };
  StageConfig config_;
  Device& device_;
  Decoder decoder_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::function<void(int, std::span<float>)> embed_;
  std::unique_ptr<Matrix> head_;  // [vocab, hidden]
  std::map<std::uint64_t, Sequence> sequences_;
};

}  // namespace limelight::stages
