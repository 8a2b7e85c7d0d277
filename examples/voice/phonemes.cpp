// Text to ids of phonemes, by libespeak-ng, which has one state in a process: one stage uses it, on
// one thread.
#include <espeak-ng/speak_lib.h>

#include <cstdlib>
#include <limelight/span.hpp>
#include <unordered_map>

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

// espeak-ng takes a clause at a time and leaves out its punctuation, which a Piper voice knows.
std::string phonemes_of(const std::string& sentence) {
  std::string all;
  const void* rest = sentence.c_str();
  while (rest != nullptr) {
    const auto* begin = static_cast<const char*>(rest);
    const char* said = espeak_TextToPhonemes(&rest, espeakCHARS_UTF8, espeakPHONEMES_IPA);
    const auto* end =
        rest == nullptr ? sentence.c_str() + sentence.size() : static_cast<const char*>(rest);
    std::string clause = said == nullptr ? "" : said;
    for (auto open = clause.find('('); open != std::string::npos; open = clause.find('(')) {
      const auto close = clause.find(')', open);  // "(fr)": the language changes
      clause.erase(open, close == std::string::npos ? close : close - open + 1);
    }
    if (clause.find_first_not_of(" \n") == std::string::npos) continue;
    all += clause;
    // espeak-ng has read a letter or two behind the mark that ends the clause.
    const std::string_view read(begin, static_cast<std::size_t>(end - begin));
    const auto mark = read.find_last_of(".,;:!?");
    if (mark == std::string_view::npos || mark + 8 < read.size()) all += ' ';
    else all.append(1, read[mark]).append(rest == nullptr ? "" : " ");
  }
  return all;
}

class Phonemes final : public Stage {
 public:
  explicit Phonemes(VoiceFile voice) : voice_(std::move(voice)) {}

  Result<void> begin(const Request& request) override {
    open_[request.number];
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

 private:
  struct Open {
    Sentences sentences;
    bool ended = false;
    std::uint64_t ids = 0;
  };

  Result<void> advance(Open& open, Turn& turn) {
    static const auto name = prof::intern("espeak.phonemes");
    const auto sentence = open.sentences.next();
    if (!sentence) {
      turn.state = open.ended ? StepState::done : StepState::needs_input;
      if (!open.ended) return {};
      return turn.output->emit(0, TensorSpec::of(DType::int32, {0}), true, [](auto) {});
    }
    std::vector<std::int32_t> ids;
    {
      const prof::Span span(name);
      const std::string phonemes = phonemes_of(*sentence);
      if (!phonemes.empty()) ids = ids_of(voice_, phonemes);
    }
    turn.state = StepState::more;
    if (ids.empty()) return {};
    if (ids.size() > most_ids)
      return Error{ErrorCode::too_large, "phonemes: found a sentence of " +
                                             std::to_string(ids.size()) + " ids, expected " +
                                             std::to_string(most_ids) + " or fewer"};
    open.ids += ids.size();
    return turn.output->emit(
        0, TensorSpec::of(DType::int32, {ids.size()}), false, [&](std::span<std::byte> to) {
          std::copy_n(reinterpret_cast<const std::byte*>(ids.data()), to.size(), to.begin());
        });
  }

  const VoiceFile voice_;
  std::unordered_map<std::uint64_t, Open> open_;
};

Result<std::unique_ptr<Stage>> make(const PluginConfig& config) {
  auto voice = read_voice_file(voice_path(config));
  if (!voice) return voice.error();
  if (espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, nullptr, espeakINITIALIZE_DONT_EXIT) < 0)
    return Error{ErrorCode::unavailable, "espeak-ng does not start, expected its data files"};
  if (espeak_SetVoiceByName(voice->espeak_voice.c_str()) != EE_OK)
    return Error{ErrorCode::invalid_argument, "'voice': found " + voice_path(config).string() +
                                                  ".json with the key 'espeak.voice': '" +
                                                  voice->espeak_voice +
                                                  "', expected a voice of espeak-ng"};
  return std::unique_ptr<Stage>(std::make_unique<Phonemes>(std::move(voice).value()));
}

}  // namespace

PluginType phonemes_type() {
  return {.name = "phonemes",
          .options = {"voice"},
          .ports = [](const PluginConfig& config) -> Result<PluginPorts> {
            if (auto voice = read_voice_file(voice_path(config)); !voice) return voice.error();
            return PluginPorts{
                .inputs = {{"text", "text"}},
                .outputs = {{"ids", "phoneme_ids", most_ids * sizeof(std::int32_t)}}};
          },
          .make = make};
}

}  // namespace voice

LIMELIGHT_PLUGIN({voice::phonemes_type(), voice::voice_type()})
