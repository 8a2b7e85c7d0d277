// The thinker reads the prompt and generates text, one token in each step of a request.
//
//   output port  tensor               content of one chunk
//   text         uint8 [bytes]        whole UTF-8 characters
//   hidden       float32 [n, hidden]  hidden states: of the prompt's tokens, in as many chunks as
//                                     it took steps, then of one token
//   tokens       int32 [n]            the prompt; then each token that follows, as soon as it is
//                                     chosen; none in place of the last one, which is never read
//                float32 [k, hidden]  behind the prompt, of a model with a talker: the states that
//                                     the talker reads at tokens that stand for sound, images and
//                                     videos (Qwen3Omni::accept_layer), in their order
//
// A step computes the rows of all its requests together: slices of prompts, and the newest token of
// those that decode. Prompts that begin alike share the blocks of the KV cache. It has no input
// edges. Threads: see Stage.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <memory>
#include <vector>

#include "stages/models/sampler.hpp"
#include "stages/models/stop_strings.hpp"
#include "stages/models/text_model.hpp"
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
                       int input,
                       const ipc::TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override;
  Demand demand(std::uint64_t request) const override;
  bool reserve(std::uint64_t request, int tokens) override;
  void preempt(std::uint64_t request) override;
  Result<void> step(std::span<Turn> batch) override;
  void end(std::uint64_t request) override;
  std::uint64_t tokens_out(std::uint64_t request) const override;
  AnswerInfo answer(std::uint64_t request) const override;

  static constexpr int text_port = 0, hidden_port = 1, tokens_port = 2;

 private:
  struct Sequence {
    Sampler sampler;
    std::vector<int> tokens;  // of the prompt and of the answer
    KvCache::Sequence cache = {};
    int sent = 0;    // positions whose hidden states were emitted
    int spoken = 0;  // positions of the prompt whose part of the tokens port was emitted
    CharacterStream text = CharacterStream();
    StopStrings stops;
    AnswerInfo answer = {};
    int rest() const { return static_cast<int>(tokens.size()) - cache.position; }
  };
  // The rows of one turn in the batch: `rows` rows from `row` on, the first at `position`.
  struct Slice {
    Sequence* sequence;
    int row, rows, position;
    bool samples;  // they reach the end of the tokens, so that the next one is chosen
  };
  Result<std::vector<int>> tokens_of(const Request& request) const;
  Result<void> fit(const Request& request, std::size_t tokens, SamplingParams& sampling) const;
  // Takes the newest token into the text. Returns what can be shown of it, and whether the text
  // ends.
  std::pair<std::string, bool> add_token(int token, Sequence& sequence) const;
  Result<void> emit_hidden(const Slice& slice, std::span<const float> x, bool last, Output& output);
  static Result<void> emit_tokens(std::span<const int> tokens, bool last, Output& output);
  Result<void> emit_prompt(const Slice& slice, Output& output);
  Result<StepState> finish_turn(const Slice& slice,
                                std::span<const float> x,
                                std::span<float> logits,
                                Output& output);

  StageConfig config_;
  TextModel model_;
  KvCache cache_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::map<std::uint64_t, Sequence> sequences_;
};

}  // namespace limelight::stages
