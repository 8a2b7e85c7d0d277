// Says what the token2wav of a folder makes of the codes in its expected.safetensors, for
// compare_token2wav_models.py.
//   token2wav_probe <folder> <threads> <codes in a chunk>
// On standard output: a line of JSON with what each part gives, by the names of
// make_token2wav_models.py; "stage" are the samples of the stage, whose codes come in such chunks
// and whose sound leaves in them; "seconds" is how long those took, "of_sound" how long they are.
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "stages/models/normal_noise.hpp"
#include "stages/models/tensor_weights.hpp"
#include "stages/stage_factory.hpp"
#include "stages/token2wav.hpp"
#include "tests/oracle/omni_parts.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

constexpr const char* speaker = "Ethan";

// The parts alone, each with what the one before it gives.
json parts_of(const StageConfig& config,
              Device& device,
              std::span<const std::int32_t> codes,
              std::uint64_t seed) {
  json found;
  const Token2WavShape& shape = config.token2wav->shape();
  TensorWeights weights(config.token2wav->files());
  const DiffusionTransformer transformer(shape.transformer, weights, device, "code2wav_dit_model.");
  MelVocoder vocoder(shape.vocoder, config.token2wav->files(), device, "code2wav_bigvgan_model.",
                     ipc::DType::float32);
  const auto keep = [&](const std::string& part, std::span<const float> rows) {
    json& values = found[part];
    for (const float value : rows) values.push_back(value);
  };
  const auto condition =
      transformer.condition(config.token2wav->voices().at(speaker), codes,
                            [&](const std::string& part, std::span<const float> rows) {
                              if (part == "spk_encoder") keep(part, rows);
                            });
  std::vector<float> mel =
      normal_noise(seed, static_cast<std::size_t>(condition.frames) *
                             static_cast<std::size_t>(shape.transformer.bands));
  keep("noise", mel);
  (void)transformer.slope(condition, 0, mel, keep);
  const std::vector<float> times = sway_times(Token2Wav::times, Token2Wav::sway);
  for (std::size_t i = 0; i + 1 < times.size(); ++i)
    runge_kutta_step(
        [&](float time, std::span<const float> rows) {
          return transformer.slope(condition, time, rows);
        },
        times[i], times[i + 1], mel);
  keep("mel", mel);
  vocoder.observe = keep;
  keep("wave", vocoder.sound(mel, 0, condition.frames));
  return found;
}

std::vector<float> sound_of(Stage& stage,
                            std::span<const std::int32_t> codes,
                            std::uint64_t seed,
                            std::size_t chunk) {
  Request request{.number = 1, .id = "the-request", .prompt = {}};
  request.sampling.seed = seed;
  need(stage.begin(request));
  Collected out;
  for (std::size_t at = 0; at < codes.size(); at += chunk) {
    const auto some = codes.subspan(at, std::min(chunk, codes.size() - at));
    need(stage.consume(1, 0, ipc::TensorSpec::of(ipc::DType::int32, {some.size(), 1}),
                       std::as_bytes(some), at + some.size() == codes.size()));
  }
  while (need(step_one(stage, 1, out)) != StepState::done) {}
  stage.end(1);
  return out.samples();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) fail("usage: token2wav_probe FOLDER THREADS CHUNK");
  const std::filesystem::path folder = arguments[1];
  StageConfig config;
  config.model_stage = "code2wav";
  config.speaker = speaker;
  config.cpu = {.threads = std::atoi(arguments[2]), .activations = Activations::float32};
  need(set_token2wav_model(folder, config));
  const int chunk = std::atoi(arguments[3]);
  config.chunks.codec_chunk_frames = chunk;
  const auto expected = need(TensorFiles::open(folder / "expected.safetensors", ""));
  std::vector<std::int32_t> codes;
  for (const float code : expected->find("codes")->floats())
    codes.push_back(static_cast<std::int32_t>(code));
  const auto seed = static_cast<std::uint64_t>(expected->find("noise_seed")->floats()[0]);
  const auto cpu = make_cpu_device(config.cpu);
  json found = parts_of(config, *cpu, codes, seed);
  const auto stage = need(make_stage(config, *cpu, nullptr));
  const auto begin = std::chrono::steady_clock::now();
  found["stage"] = sound_of(*stage, codes, seed, static_cast<std::size_t>(chunk));
  found["seconds"] =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  found["of_sound"] = static_cast<double>(found["stage"].size()) / usual_sample_rate;
  std::cout << found.dump() << "\n";
}
