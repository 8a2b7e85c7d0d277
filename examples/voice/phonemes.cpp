// Text to ids of phonemes, a sentence at a time.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <limelight/span.hpp>
#include <set>
#include <unordered_map>

#include "espeak.hpp"
#include "sentences.hpp"
#include "voice.hpp"
#include "voice_file.hpp"

namespace voice {

namespace fs = std::filesystem;
namespace prof = limelight::profiling;
using limelight::Error;
using limelight::ErrorCode;
using limelight::Result;
using limelight::ipc::DType;
using limelight::ipc::TensorSpec;
using namespace limelight::stages;

fs::path voice_path(const PluginConfig& config) {
  const std::string name = config.option("voice", "~cache/joe/voice.onnx");
  if (!name.starts_with("~cache/")) return (config.folder / name).lexically_normal();
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  const fs::path folder =
      cache != nullptr && *cache == '/'
          ? fs::path(cache) / "limelight"
          : fs::path(home != nullptr && *home == '/' ? home : "/tmp") / ".cache/limelight";
  return folder / name.substr(7);
}

namespace {

class Phonemes final : public Stage {
 public:
  Phonemes(VoiceFile voice, bool reads_prompt)
      : voice_(std::move(voice)), reads_prompt_(reads_prompt) {}

  // Without an input, the prompt is the text.
  Result<void> begin(const Request& request) override {
    Open& open = open_[request.number];
    if (!reads_prompt_) return {};
    if (!request.messages.empty() || !request.prompt_token_ids.empty())
      return Error{ErrorCode::invalid_argument,
                   "found messages or prompt_token_ids, expected a prompt, which is spoken"};
    open.sentences.add(request.prompt);
    open.sentences.finish();
    open.ended = true;
    return {};
  }
  Result<void> consume(std::uint64_t request,
                       int,
                       const TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override {
    if (tensor.dtype != DType::uint8)
      return Error{ErrorCode::corrupt,
                   "input 'text': found " + tensor.text() + ", expected bytes of UTF-8"};
    Open& open = open_.at(request);
    open.sentences.add({reinterpret_cast<const char*>(data.data()), data.size()});
    open.ended = last;
    if (last) open.sentences.finish();
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
  std::uint64_t tokens_out(std::uint64_t request) const override { return open_.at(request).ids; }
  std::vector<std::string> remarks(std::uint64_t request) const override {
    const Open& open = open_.at(request);
    std::vector<std::string> said;
    if (open.ids == 0) said.push_back("no sound: the text has nothing that can be spoken");
    if (open.without_phonemes > 0)
      said.push_back(std::to_string(open.without_phonemes) +
                     " sentences without phonemes, first '" + open.first_without + "'");
    if (open.unknown > 0) {
      std::string which;
      for (const std::string& phoneme : open.which_unknown) which += " '" + phoneme + "'";
      said.push_back(std::to_string(open.unknown) +
                     " phonemes were left out, which the voice does not have:" + which);
    }
    return said;
  }

 private:
  struct Open {
    Sentences sentences;
    bool ended = false;
    std::deque<std::vector<std::int32_t>> parts = {};  // of a sentence, that are not sent
    std::uint64_t ids = 0, without_phonemes = 0, unknown = 0;
    std::string first_without = {};
    std::set<std::string> which_unknown = {};
  };

  Result<void> advance(Open& open, Turn& turn) {
    if (open.parts.empty()) {
      const auto sentence = open.sentences.next();
      if (sentence) {
        speak(open, *sentence);
      } else {
        turn.state = open.ended ? StepState::done : StepState::needs_input;
        if (!open.ended) return {};
        return turn.output->emit(0, TensorSpec::of(DType::int32, {0}), true, [](auto) {});
      }
    }
    turn.state = StepState::more;
    if (open.parts.empty()) return {};
    const std::vector<std::int32_t> ids = std::move(open.parts.front());
    open.parts.pop_front();
    open.ids += ids.size();
    return turn.output->emit(
        0, TensorSpec::of(DType::int32, {ids.size()}), false, [&](std::span<std::byte> to) {
          std::copy_n(reinterpret_cast<const std::byte*>(ids.data()), to.size(), to.begin());
        });
  }
  void speak(Open& open, const std::string& sentence) {
    static const auto name = prof::intern("espeak.phonemes");
    const prof::Span span(name);
    const Ids ids = ids_of(voice_, phonemes_of(sentence), most_ids);
    open.parts.assign(ids.parts.begin(), ids.parts.end());
    if (ids.parts.empty() && open.without_phonemes++ == 0) open.first_without = sentence;
    open.unknown += ids.unknown.size();
    open.which_unknown.insert(ids.unknown.begin(), ids.unknown.end());
  }

  const VoiceFile voice_;
  const bool reads_prompt_;
  std::unordered_map<std::uint64_t, Open> open_;
};

Result<bool> reads_prompt(const PluginConfig& config) {
  const std::string reads = config.option("reads", "stage");
  if (reads == "stage" || reads == "prompt") return reads == "prompt";
  return Error{ErrorCode::invalid_argument,
               "'reads': found '" + reads + "', expected stage or prompt"};
}

Result<std::unique_ptr<Stage>> make(const PluginConfig& config) {
  auto voice = read_voice_file(voice_path(config));
  if (!voice) return voice.error();
  const auto reads = reads_prompt(config);
  if (!reads) return reads.error();
  if (auto started = start_espeak(voice->espeak_voice); !started) return started.error();
  return std::unique_ptr<Stage>(std::make_unique<Phonemes>(std::move(voice).value(), *reads));
}

}  // namespace

PluginType phonemes_type() {
  return {.name = "phonemes",
          .options = {"voice", "reads"},
          .ports = [](const PluginConfig& config) -> Result<PluginPorts> {
            if (auto voice = read_voice_file(voice_path(config)); !voice) return voice.error();
            const auto reads = reads_prompt(config);
            if (!reads) return reads.error();
            PluginPorts ports{.outputs = {{"ids", "phoneme_ids", most_ids * sizeof(std::int32_t)}}};
            if (!*reads) ports.inputs = {{"text", "text"}};
            return ports;
          },
          .make = make};
}

}  // namespace voice

LIMELIGHT_PLUGIN({voice::phonemes_type(), voice::voice_type()})
