// The code2wav of a Qwen2.5-Omni from files (token2wav there): collects the codes of a request, and
// emits its sound in chunks of samples at 24 kHz, float32 [samples] between -1 and 1, on its only
// output, `audio`.
//
// The sound begins with noise, which the request's seed draws as torch does (normal_noise.hpp):
// with equal codes, voice and seed it is that of Qwen2_5OmniToken2WavModel in transformers. Frames
// of the whole sound depend on each other, as there, so nothing sounds before the last code. A step
// of a request is one of these:
//
//   interval of time   the spectrogram of the whole sound becomes less noisy; there are 9
//   chunk              the samples of as many codes as StageConfig::chunks states; emitted
//
// Threads: see Stage.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <vector>

#include "stages/models/diffusion_transformer.hpp"
#include "stages/models/mel_vocoder.hpp"
#include "stages/models/runge_kutta.hpp"

namespace limelight::stages {

class Token2Wav final : public Stage {
 public:
  // config: with a token2wav model, and a speaker that it has.
  Token2Wav(const StageConfig& config, Device& device);
  Result<void> begin(const Request& request) override;
  Result<void> consume(std::uint64_t request,
                       int input,
                       const ipc::TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override;
  Demand demand(std::uint64_t request) const override;
  Result<void> step(std::span<Turn> batch) override;
  void end(std::uint64_t request) override;
  std::uint64_t tokens_out(std::uint64_t request) const override;

  static constexpr int audio_port = 0;
  // As the defaults of the reference have it.
  static constexpr int times = 10;
  static constexpr float sway = -1;

 private:
  struct Sound {
    std::uint64_t seed = 0;
    std::vector<std::int32_t> codes = {};
    bool complete = false;  // all codes are there
    DiffusionTransformer::Condition condition = {};
    std::vector<float> mel = {};  // [frames, bands]
    std::size_t intervals = 0;    // that were computed
    std::size_t chunks = 0;       // that were emitted
    int sounded = 0;              // codes whose samples were
    std::uint64_t samples = 0;
  };
  Result<StepState> advance(Sound& sound, Output& output);
  Result<StepState> emit(Sound& sound, Output& output);

  StageConfig config_;
  Token2WavShape shape_;
  const Voice& voice_;
  std::vector<float> times_;
  DiffusionTransformer transformer_;
  MelVocoder vocoder_;
  std::map<std::uint64_t, Sound> sounds_;
};

// Opens the model of a code2wav, and takes its shape. Errors: those of Token2WavModel::open().
Result<void> set_token2wav_model(const std::filesystem::path& path, StageConfig& config);

}  // namespace limelight::stages
