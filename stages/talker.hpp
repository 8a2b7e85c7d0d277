// The talker reads the hidden states of the thinker and generates audio codes, one frame in each
// step. It emits chunks of int32 [frames, codebooks] on its only output, `codes`.
//
// Frame t is conditioned on row t of the hidden states, so the codes do not depend on when chunks
// arrive. If the thinker ends before the talker does, the remaining frames have no condition.
//
// The code of the first codebook is sampled from the decoder's output. The codes of the other
// codebooks are chosen greedily, each by a linear head over the decoder's output and the embeddings
// of the codes before it. Threads: see Stage.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <vector>

#include "stages/models/decoder.hpp"
#include "stages/models/sampler.hpp"

namespace limelight::stages {

class Talker final : public Stage {
 public:
  Talker(const StageConfig& config, WeightLoader& weights, Device& device, ipc::Collective* group);
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

  static constexpr int hidden_port = 0;  // input
  static constexpr int codes_port = 0;   // output

 private:
  struct Sequence {
    Sampler sampler;
    KvCache::Sequence cache = {};
    std::vector<float> conditions = {};  // projected input: [rows, hidden]
    bool conditions_complete = false;
    std::vector<int> firsts = {};           // the code of the first codebook, by frame
    std::vector<std::int32_t> frames = {};  // codes that no chunk holds yet
    int rest() const { return static_cast<int>(sampler.count()) + 1 - cache.position; }
  };
  // Adds the input of frame t, which is the frame before it and its condition, to `row`.
  void add_input(const Sequence& sequence, std::size_t t, std::span<float> row) const;
  std::span<const float> embedding(std::size_t book, int code) const;
  Result<void> sample_frames(std::span<Turn*> turns, std::vector<float> rows);
  Result<StepState> finish_turn(Sequence& sequence, bool stop, Output& output) const;

  StageConfig config_;
  Device& device_;
  Decoder decoder_;
  KvCache cache_;
  std::unique_ptr<Matrix> projection_;          // [hidden, input_hidden]
  std::vector<float> embedding_;                // [codebooks * codebook_size, hidden]
  std::vector<std::unique_ptr<Matrix>> heads_;  // one for each codebook: [codebook_size, hidden]
  std::map<std::uint64_t, Sequence> sequences_;
};

}  // namespace limelight::stages
