// The code2wav of a model from files: for each chunk of codes it emits one chunk of samples at 24
// kHz, float32 [samples] between -1 and 1, on its only output, `audio`. See Code2WavNetwork. (A
// code2wav with dummy weights is another network: code2wav.hpp.)
//
//   codec_left_context_frames   what the chunks of codes are
//   not stated                  pieces of one stream: their sizes do not change the sound, which is
//                               that of all frames at once, and no frame is computed twice
//   stated                      sounds of their own, of which each is computed with so many frames
//                               before it; what those give is dropped. This is what the reference
//                               and vLLM-Omni do, and the sound depends on the chunks
//
// Chunks are computed as they come, or in the sizes that StageConfig::chunks states.
//
// Where the network looks ahead, the samples that need the next frame are missing at the end of the
// sound: Code2WavShape::missing_samples(), once in the first case, in each chunk in the second.
//
// Threads: see Stage.
#pragma once

#include <deque>
#include <limelight/stage.hpp>
#include <map>
#include <memory>
#include <vector>

#include "stages/models/code2wav_network.hpp"

namespace limelight::stages {

class WaveDecoder final : public Stage {
 public:
  // config: with a code2wav model.
  WaveDecoder(const StageConfig& config, Device& device);
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

  static constexpr int audio_port = 0;

 private:
  struct Chunk {
    int frames;
    bool last;
  };
  struct Stream {
    Code2WavNetwork::Stream network;
    std::vector<std::int32_t> codes;  // of all frames so far, should they be computed again
    int gathered = 0;                 // frames that are in no chunk yet
    std::size_t chunks = 0;           // that were made of the frames before those
    int computed = 0;                 // frames whose samples were emitted
    std::deque<Chunk> waiting;
    std::uint64_t samples = 0;
  };
  // The frames [at, end) of one turn.
  struct Slice {
    Turn* turn;
    Stream* stream;
    int at, end;
    bool again;                  // they were attended to before: they give no samples
    std::size_t dropped;         // samples of the frames before the chunk
    std::vector<float> samples;  // of the chunk
  };
  // Whether chunks are sounds of their own.
  bool alone() const noexcept { return config_.chunks.codec_left_context_frames.has_value(); }
  int frames_before(const Stream& stream) const noexcept;
  Slice slice(Turn& turn, Stream& stream);
  Result<void> compute(std::vector<Slice>& slices);
  void emit(Slice& slice);

  StageConfig config_;
  Code2WavShape shape_;
  Code2WavNetwork network_;
  std::map<std::uint64_t, Stream> streams_;
};

// Opens the model of a code2wav, and takes its shape. Errors: those of Code2WavModel::open().
Result<void> set_code2wav_model(const std::filesystem::path& path, StageConfig& config);

}  // namespace limelight::stages
