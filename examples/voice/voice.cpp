// Ids of phonemes to sound: a VITS network of Piper, run by OpenVINO. The noise that the network
// draws is off unless options ask for it, so that equal requests give equal sound.
#include "voice.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <deque>
#include <limelight/span.hpp>
#include <openvino/openvino.hpp>
#include <optional>
#include <unordered_map>

#include "voice_file.hpp"

namespace voice {

namespace prof = limelight::profiling;
using limelight::Error;
using limelight::ErrorCode;
using limelight::Result;
using limelight::ipc::DType;
using limelight::ipc::TensorSpec;
using namespace limelight::stages;

namespace {

constexpr std::size_t most_samples = 1 << 14;       // of a chunk
constexpr std::size_t most_of_sentence = 1u << 24;  // samples: what a damaged network may give

Error refuse(const PluginConfig& config, const std::string& found, const std::string& expected) {
  return {ErrorCode::invalid_argument,
          "'voice': found " + voice_path(config).string() + found + ", expected " + expected};
}

Result<float> scale(
    const PluginConfig& config, const std::string& key, float otherwise, float least, float most) {
  const std::string text = config.option(key);
  if (text.empty()) return otherwise;
  char* end = nullptr;
  const float value = std::strtof(text.c_str(), &end);
  if (*end != '\0' || !(value >= least && value <= most))
    return Error{ErrorCode::invalid_argument,
                 "'" + key + "': found '" + text + "', expected a number from " +
                     std::to_string(least) + " to " + std::to_string(most)};
  return value;
}

class Voice final : public Stage {
 public:
  Voice(std::array<float, 3> scales, std::int32_t symbols, ov::CompiledModel compiled)
      : scales_(scales), symbols_(symbols), run_(compiled.create_infer_request()) {}

  // OpenVINO makes its kernels at the first run, which takes twice as long: now, while nobody
  // waits.
  Result<void> warm_up() {
    if (const auto spoken = speak(std::vector<std::int32_t>(64, 0)); !spoken) return spoken.error();
    return {};
  }
  Result<void> begin(const Request& request) override {
    open_[request.number];
    return {};
  }
  Result<void> consume(std::uint64_t request,
                       int,
                       const TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override {
    if (tensor.dtype != DType::int32 || tensor.extents != 1)
      return Error{ErrorCode::corrupt,
                   "input 'ids': found " + tensor.text() + ", expected int32 [ids]"};
    Open& open = open_.at(request);
    std::vector<std::int32_t> ids(data.size() / sizeof(std::int32_t));
    std::memcpy(ids.data(), data.data(), data.size());
    for (const std::int32_t id : ids)
      if (id < 0 || id >= symbols_)
        return Error{ErrorCode::corrupt, "input 'ids': found " + std::to_string(id) +
                                             ", expected 0 to " + std::to_string(symbols_ - 1)};
    if (!ids.empty()) open.sentences.push_back(std::move(ids));
    open.ended = last;
    return {};
  }
  Result<void> step(std::span<Turn> batch) override {
    for (Turn& turn : batch) {
      const prof::RequestScope scope(static_cast<std::uint32_t>(turn.request));
      auto done = advance(open_.at(turn.request), turn);
      if (!done) turn.error = done.error();
    }
    return {};
  }
  void end(std::uint64_t request) override { open_.erase(request); }
  std::uint64_t tokens_out(std::uint64_t request) const override {
    return open_.at(request).samples;
  }

 private:
  struct Open {
    std::deque<std::vector<std::int32_t>> sentences;  // that are not spoken
    std::vector<float> sound;                         // of the sentence that is being sent
    std::size_t sent = 0;                             // samples of it
    bool ended = false;
    std::uint64_t samples = 0;
  };

  Result<void> advance(Open& open, Turn& turn) {
    if (open.sent == open.sound.size()) {
      open.sound.clear();
      open.sent = 0;
      if (!open.sentences.empty()) {
        auto spoken = speak(open.sentences.front());
        if (!spoken) return spoken.error();
        open.sound = std::move(spoken).value();
        open.sentences.pop_front();
      } else if (!open.ended) {
        turn.state = StepState::needs_input;
        return {};
      }
    }
    const std::size_t count = std::min(most_samples, open.sound.size() - open.sent);
    const float* from = open.sound.data() + open.sent;
    open.sent += count;
    open.samples += count;
    const bool last = open.ended && open.sentences.empty() && open.sent == open.sound.size();
    turn.state = last ? StepState::done : StepState::more;
    if (count == 0 && !last) return {};
    return turn.output->emit(0, TensorSpec::of(DType::float32, {count}), last,
                             [&](std::span<std::byte> to) {
                               if (count > 0) std::memcpy(to.data(), from, to.size());
                             });
  }

  Result<std::vector<float>> speak(const std::vector<std::int32_t>& ids) {
    static const auto name = prof::intern("openvino.infer");
    ov::Tensor input(ov::element::i64, {1, ids.size()}), lengths(ov::element::i64, {1}),
        scales(ov::element::f32, {3});
    std::copy(ids.begin(), ids.end(), input.data<std::int64_t>());
    lengths.data<std::int64_t>()[0] = static_cast<std::int64_t>(ids.size());
    std::copy(scales_.begin(), scales_.end(), scales.data<float>());
    run_.set_tensor("input", input);
    run_.set_tensor("input_lengths", lengths);
    run_.set_tensor("scales", scales);
    {
      const prof::Span span(name);
      const auto start = std::chrono::steady_clock::now();
      const std::uint64_t begin = prof::ticks();
      run_.infer();
      const std::uint64_t end = prof::ticks();
      const std::chrono::duration<double, std::micro> took =
          std::chrono::steady_clock::now() - start;
      if (span.begin_ticks() != 0)
        record_layers(begin, end, static_cast<double>(end - begin) / took.count());
    }
    const ov::Tensor output = run_.get_output_tensor(0);
    if (output.get_size() > most_of_sentence)
      return Error{ErrorCode::too_large, "voice: found " + std::to_string(output.get_size()) +
                                             " samples of a sentence, expected " +
                                             std::to_string(most_of_sentence) + " or fewer"};
    const float* samples = output.data<float>();
    return std::vector<float>(samples, samples + output.get_size());
  }

  // OpenVINO measures how long each layer took, and not when it began: they are drawn one after the
  // other, in its order.
  void record_layers(std::uint64_t begin, std::uint64_t end, double ticks_per_us) {
    std::uint64_t at = begin;
    for (const ov::ProfilingInfo& layer : run_.get_profiling_info()) {
      if (layer.status != ov::ProfilingInfo::Status::EXECUTED) continue;
      auto& name = names_[layer.node_type + " " + layer.node_name];
      if (!name) name = prof::intern(layer.node_type + " " + layer.node_name);
      const auto took = static_cast<double>(layer.real_time.count()) * ticks_per_us;
      const std::uint64_t until = std::min(end, at + static_cast<std::uint64_t>(took));
      prof::add_span(*name, at, until);
      at = until;
    }
  }

  const std::array<float, 3> scales_;  // noise, length, noise of durations
  const std::int32_t symbols_;
  ov::InferRequest run_;
  std::unordered_map<std::string, std::optional<prof::NameId>> names_;  // of layers
  std::unordered_map<std::uint64_t, Open> open_;
};

Result<std::unique_ptr<Stage>> make(const PluginConfig& config) {
  const auto file = read_voice_file(voice_path(config));
  if (!file) return file.error();
  const auto noise = scale(config, "noise_scale", 0, 0, 2);
  if (!noise) return noise.error();
  const auto length = scale(config, "length_scale", file->length_scale, 0.1f, 10);
  if (!length) return length.error();
  const auto duration_noise = scale(config, "noise_w", 0, 0, 2);
  if (!duration_noise) return duration_noise.error();
  std::shared_ptr<ov::Model> network;
  ov::Core core;
  try {
    network = core.read_model(voice_path(config).string());
  } catch (const std::exception& unread) {
    std::string why = unread.what();
    std::replace(why.begin(), why.end(), '\n', ' ');
    return refuse(config, " (" + why.substr(0, 400) + ")", "an ONNX file");
  }
  for (const auto& [name, type] :
       {std::pair{"input", ov::element::i64}, std::pair{"input_lengths", ov::element::i64},
        std::pair{"scales", ov::element::f32}}) {
    const auto& inputs = network->inputs();
    if (std::none_of(inputs.begin(), inputs.end(), [&name = name, &type = type](const auto& one) {
          return one.get_names().contains(name) && one.get_element_type() == type;
        }))
      return refuse(config, " without the input '" + std::string(name) + "'",
                    "the inputs of a Piper voice: input, input_lengths, scales");
  }
  if (network->inputs().size() != 3 || network->outputs().size() != 1 ||
      network->output(0).get_element_type() != ov::element::f32)
    return refuse(config,
                  " with " + std::to_string(network->inputs().size()) + " inputs and " +
                      std::to_string(network->outputs().size()) + " outputs",
                  "3 inputs and one output of float32, as a Piper voice of one speaker has");
  std::int32_t symbols = 0;
  for (const auto& [phoneme, ids] : file->ids)
    for (const std::int32_t id : ids) symbols = std::max(symbols, id + 1);
  auto stage = std::make_unique<Voice>(
      std::array{*noise, *length, *duration_noise}, symbols,
      core.compile_model(network, "CPU", ov::inference_num_threads(config.cpu_threads),
                         ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                         ov::hint::inference_precision(ov::element::f32),
                         ov::enable_profiling(true)));
  if (const auto warm = stage->warm_up(); !warm) return warm.error();
  return std::unique_ptr<Stage>(std::move(stage));
}

}  // namespace

PluginType voice_type() {
  return {.name = "voice",
          .options = {"voice", "noise_scale", "noise_w", "length_scale"},
          .ports = [](const PluginConfig& config) -> Result<PluginPorts> {
            const auto file = read_voice_file(voice_path(config));
            if (!file) return file.error();
            return PluginPorts{.inputs = {{"ids", "phoneme_ids"}},
                               .outputs = {{.name = "audio",
                                            .carries = "audio",
                                            .largest_bytes = most_samples * sizeof(float),
                                            .sample_rate = file->sample_rate}}};
          },
          .make = make};
}

}  // namespace voice
