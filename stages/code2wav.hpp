// code2wav turns audio codes into a waveform. For each chunk of codes it emits one chunk of samples
// at 24 kHz, float32 [samples], on its only output, `audio`.
//
//   codes [frames, codebooks]
//     -> mean of the codebooks' embeddings
//     -> causal transformer
//     -> transposed convolutions with kernels of 2 * stride, which multiply the rate
//     -> samples
//
// Every part is causal and keeps its state between chunks (the KV cache, and what kernels write
// beyond the end of a chunk), so the size of the chunks does not change the waveform. Threads: see
// Stage.
#pragma once

#include <deque>
#include <limelight/stage.hpp>
#include <map>
#include <vector>

#include "stages/models/decoder.hpp"

namespace limelight::stages {

class Code2Wav final : public Stage {
 public:
  Code2Wav(const StageConfig& config,
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

  static constexpr int codes_port = 0;  // input
  static constexpr int audio_port = 0;  // output

  static int samples_per_frame(const CodecShape& codec);

 private:
  struct Upsampler {
    int stride, in, out;
    std::unique_ptr<Matrix> weights;  // [2 * stride * out, in]
  };
  struct Chunk {
    int frames;
    bool last;
  };
  struct Stream {
    KvCache::Sequence cache;
    std::vector<std::int32_t> codes;  // of all frames so far, should they be computed again
    int computed = 0;                 // frames whose samples were emitted
    // For each upsampler, what its last kernel adds to the next chunk: [stride, out].
    std::vector<std::vector<float>> tails;
    std::deque<Chunk> waiting;
    std::uint64_t samples = 0;
  };
  // The rows of one turn that become samples.
  struct Slice {
    Turn* turn;
    Stream* stream;
    int rows;
  };
  void add_input(std::span<const std::int32_t> codes, std::span<float> row) const;
  // x: the decoder's output of all slices' rows. Returns their samples, one after the other.
  std::vector<float> waves(std::span<const Slice> slices, std::vector<float> x, int rows);

  StageConfig config_;
  Device& device_;
  Decoder decoder_;
  KvCache cache_;
  std::vector<float> embedding_;   // [codebooks * codebook_size, hidden]
  std::unique_ptr<Matrix> input_;  // [channels, hidden]
  std::vector<Upsampler> upsamplers_;
  std::unique_ptr<Matrix> output_;  // [1, out of the last upsampler]
  std::map<std::uint64_t, Stream> streams_;
};

}  // namespace limelight::stages
