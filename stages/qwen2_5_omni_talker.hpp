// The talker of Qwen2.5-Omni: reads the thinker's tokens and its hidden states, and generates audio
// codes, one in each step of a request. It emits chunks of int32 [codes, 1] on its only output,
// `codes`.
//
//   input port  from the thinker's port
//   tokens      tokens
//   hidden      hidden
//
// It begins when it knows the first token of the answer and its state, and reads one more token
// with each code, for which it waits; so the codes do not depend on when tokens come. As in the
// reference (transformers), codec_pad and codec_eos end the sound and are no codes of it, codec_bos
// is never chosen, the repetition penalty counts codec_mask, codec_pad and codec_bos from the
// start, and max_tokens counts codes, the one that ends the sound included.
//
// With a group the decoder is split; the projection is whole on each rank. An answer without text
// has no code. Threads: see Stage.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <optional>
#include <vector>

#include "stages/models/qwen2_5_talker_inputs.hpp"
#include "stages/models/sampler.hpp"

namespace limelight::stages {

class Qwen25OmniTalker final : public Stage {
 public:
  // config.model has a talker, and config.speaker is one of its speakers.
  Qwen25OmniTalker(const StageConfig& config,
                   WeightLoader& weights,
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

  static constexpr int tokens_port = 0, hidden_port = 1;  // inputs
  static constexpr int codes_port = 0;                    // output

 private:
  struct Sequence {
    std::string id;
    Qwen25TalkerInputs inputs;
    SamplingParams sampling;
    int ended_inputs = 0;
    std::optional<Sampler> sampler = {};  // once the inputs are ready
    KvCache::Sequence cache = {};
    std::vector<std::int32_t> codes = {};
    std::size_t emitted = 0, chunks = 0;
    int rest() const {
      return inputs.beginning() + static_cast<int>(codes.size()) - cache.position;
    }
  };
  Result<void> start(Sequence& sequence) const;
  static void write_input(const Sequence& sequence, int position, std::span<float> sum);
  // rows: [turns, hidden], the decoder's output for the newest row of each.
  void sample(std::span<Turn*> turns, std::span<const float> rows);
  Result<StepState> choose(Sequence& sequence, std::span<float> logits, Output& output) const;
  Result<StepState> finish_turn(Sequence& sequence, bool last, Output& output) const;

  StageConfig config_;
  const Qwen25Omni& omni_;
  Device& device_;
  Decoder decoder_;
  std::unique_ptr<Matrix> head_;
  KvCache cache_;
  Qwen25TalkerEmbedding embedding_;
  std::map<std::uint64_t, Sequence> sequences_;
};

}  // namespace limelight::stages
