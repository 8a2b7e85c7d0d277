#include "stages/token2wav.hpp"

#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>

#include "base/try.hpp"
#include "stages/code_chunk.hpp"
#include "stages/models/normal_noise.hpp"
#include "stages/models/tensor_weights.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

// That of the reference's generate().
constexpr const char* usual_speaker = "Chelsie";

std::string speaker_of(const StageConfig& config) {
  return config.speaker.empty() ? usual_speaker : config.speaker;
}

std::size_t size(int number) { return static_cast<std::size_t>(number); }

}  // namespace

Token2Wav::Token2Wav(const StageConfig& config, Device& device)
    : config_(config),
      shape_(config.token2wav->shape()),
      voice_(config_.token2wav->voices().at(speaker_of(config))),
      times_(sway_times(times, sway)),
      transformer_([&] {
        TensorWeights weights(config.token2wav->files());
        return DiffusionTransformer(shape_.transformer, weights, device, "code2wav_dit_model.");
      }()),
      vocoder_(shape_.vocoder,
               config.token2wav->files(),
               device,
               "code2wav_bigvgan_model.",
               config.dtype) {}

Result<void> Token2Wav::begin(const Request& request) {
  sounds_.insert_or_assign(request.number, Sound{.seed = request.sampling.seed.value_or(0)});
  return {};
}

Result<void> Token2Wav::consume(std::uint64_t request,
                                int,
                                const ipc::TensorSpec& tensor,
                                std::span<const std::byte> data,
                                bool last) {
  Sound& sound = sounds_.at(request);
  LIMELIGHT_TRY(append_codes(
      tensor, data,
      {.most_frames = config_.shape.max_model_len, .largest_code = shape_.transformer.codes},
      sound.codes));
  sound.complete = last;
  return {};
}

Demand Token2Wav::demand(std::uint64_t request) const {
  return {.tokens = sounds_.at(request).complete ? 1 : 0};
}

Result<StepState> Token2Wav::advance(Sound& sound, Output& output) {
  const auto count = sound.codes.size();
  if (count == 0 || sound.intervals + 1 == times_.size()) return emit(sound, output);
  if (sound.intervals == 0) {
    const std::size_t frames = count * size(shape_.transformer.repeats);
    sound.condition = transformer_.condition(voice_, sound.codes);
    sound.mel = normal_noise(sound.seed, frames * size(shape_.transformer.bands));
  }
  runge_kutta_step(
      [&](float time, std::span<const float> mel) {
        return transformer_.slope(sound.condition, time, mel);
      },
      times_[sound.intervals], times_[sound.intervals + 1], sound.mel);
  ++sound.intervals;
  if (sound.intervals + 1 == times_.size()) sound.condition = {};
  return StepState::more;
}

Result<StepState> Token2Wav::emit(Sound& sound, Output& output) {
  const int codes = static_cast<int>(sound.codes.size()),
            wanted = config_.chunks.frames(sound.chunks, config_.codec.chunk_frames),
            end = std::min(codes, sound.sounded + wanted), repeats = shape_.transformer.repeats;
  std::vector<float> samples;
  if (end > 0)
    samples = vocoder_.sound(sound.mel, std::int64_t{sound.sounded} * repeats,
                             std::int64_t{end} * repeats);
  const bool last = end == codes;
  LIMELIGHT_TRY(output.emit(audio_port, ipc::TensorSpec::of(ipc::DType::float32, {samples.size()}),
                            last, [&](std::span<std::byte> to) {
                              if (!to.empty()) std::memcpy(to.data(), samples.data(), to.size());
                            }));
  sound.sounded = end;
  ++sound.chunks;
  sound.samples += samples.size();
  return last ? StepState::done : StepState::more;
}

Result<void> Token2Wav::step(std::span<Turn> batch) {
  for (Turn& turn : batch) {
    Sound& sound = sounds_.at(turn.request);
    if (!sound.complete) {
      turn.state = StepState::needs_input;
      continue;
    }
    const prof::RequestScope scope(static_cast<std::uint32_t>(turn.request));
    const auto state = advance(sound, *turn.output);
    if (state) turn.state = *state;
    else turn.error = state.error();
  }
  return {};
}

void Token2Wav::end(std::uint64_t request) { sounds_.erase(request); }

std::uint64_t Token2Wav::tokens_out(std::uint64_t request) const {
  return sounds_.at(request).samples;
}

Result<void> set_token2wav_model(const std::filesystem::path& path, StageConfig& config) {
  auto opened = Token2WavModel::open(path);
  if (!opened) return opened.error();
  config.token2wav = std::move(opened).value();
  const Token2WavShape& shape = config.token2wav->shape();
  // It has no keys and values of a past.
  config.shape = {.layers = 0,
                  .hidden = 1,
                  .heads = 1,
                  .kv_heads = 1,
                  .head_dim = 2,
                  .mlp = 1,
                  .vocab = 1,
                  .max_model_len = shape.most_codes()};
  config.codec.codebooks = 1;
  config.codec.codebook_size = shape.transformer.codes + 1;
  return {};
}

namespace {

Result<void> check_token2wav_feeds(const StageConfig& config, std::span<const Feed> feeds) {
  const auto wrong = [](const std::string& text) {
    return Error{ErrorCode::invalid_argument, text};
  };
  const auto& voices = config.token2wav->voices();
  if (!voices.contains(speaker_of(config))) {
    std::string names;
    for (const auto& [name, voice] : voices) names += (names.empty() ? "" : ", ") + name;
    return wrong("'speaker': found " +
                 (config.speaker.empty() ? "none" : "'" + config.speaker + "'") +
                 ", expected one of " + names);
  }
  if (config.chunks.codec_left_context_frames)
    return wrong("'codec_left_context_frames': found " +
                 std::to_string(*config.chunks.codec_left_context_frames) +
                 ", expected none: the codes of a request are one sound");
  for (const Feed& feed : feeds) {
    const StageConfig& from = *feed.source;
    const std::string source = "stage " + std::to_string(from.stage_id);
    if (from.codec.codebooks != 1)
      return wrong("'model': found " + config.token2wav->path().string() +
                   " with 1 codebook, expected " + source + "'s " +
                   std::to_string(from.codec.codebooks));
    if (speaker_of(from) != speaker_of(config))
      return wrong("'speaker': found " + speaker_of(config) + ", expected " + speaker_of(from) +
                   ", as " + source + " has");
  }
  return {};
}

}  // namespace

StageType token2wav_type() {
  return {.name = "code2wav",
          .inputs = {{"codes", "codes"}},
          .outputs = {{"audio", "audio"}},
          .loads_models = true,
          .reads_chunks = true,
          .check = check_token2wav_feeds,
          .largest_output =
              [](const StageConfig& config, int) {
                const Token2WavShape& shape = config.token2wav->shape();
                const int codes = config.chunks.most_frames(config.codec.chunk_frames);
                return static_cast<std::uint64_t>(
                           shape.vocoder.samples(std::int64_t{codes} * shape.transformer.repeats)) *
                       sizeof(float);
              },
          .weight_bytes = [](const StageConfig& config) { return config.token2wav->bytes(); },
          .make = [](const StageConfig& config, Device& device,
                     ipc::Collective*) -> Result<std::unique_ptr<Stage>> {
            LIMELIGHT_TRY(check_token2wav_feeds(config, {}));
            return std::unique_ptr<Stage>(std::make_unique<Token2Wav>(config, device));
          }};
}

}  // namespace limelight::stages
