#include "voice_file.hpp"

#include <utf8proc.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

namespace voice {

using limelight::Error;
using limelight::ErrorCode;
using limelight::Result;
using nlohmann::json;

namespace {

Error refuse(const std::string& file,
             const std::string& key,
             const std::string& found,
             const std::string& expected) {
  return {ErrorCode::invalid_argument, "'voice': found " + file + " with the key '" + key +
                                           "': " + found + ", expected " + expected};
}
std::string shown(const json& value) {
  return value.is_null() ? "nothing"
                         : value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60);
}
json at(const json& from, const char* path) {
  const json::json_pointer pointer(path);
  return from.contains(pointer) ? from.at(pointer) : json();
}

// The characters of a text in canonical decomposition; bytes that are no UTF-8 are left as one.
std::vector<std::string> decomposed(std::string_view text) {
  utf8proc_uint8_t* made = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &made,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> freed(made, std::free);
  if (size < 0) return {std::string(text)};
  std::vector<std::string> characters;
  for (utf8proc_ssize_t i = 0; i < size; ++i) {
    if ((made[i] & 0xc0u) != 0x80u) characters.emplace_back();
    characters.back() += static_cast<char>(made[i]);
  }
  return characters;
}

}  // namespace

Result<VoiceFile> parse_voice_file(const std::string& text, const std::string& name) {
  const json from = json::parse(text, nullptr, false);
  if (!from.is_object())
    return Error{ErrorCode::invalid_argument,
                 "'voice': found " + name + ", which is no JSON object, expected one"};
  VoiceFile voice;
  const json rate = at(from, "/audio/sample_rate");
  if (!rate.is_number_integer() || rate < 8000 || rate > 192000)
    return refuse(name, "audio.sample_rate", shown(rate), "8000 to 192000");
  voice.sample_rate = rate;
  const json espeak = at(from, "/espeak/voice");
  if (!espeak.is_string()) return refuse(name, "espeak.voice", shown(espeak), "a text");
  voice.espeak_voice = espeak;
  const json speakers = at(from, "/num_speakers");
  if (!speakers.is_null() && speakers != 1)
    return refuse(name, "num_speakers", shown(speakers), "1");
  const json type = at(from, "/phoneme_type");
  if (!type.is_null() && type != "espeak")
    return refuse(name, "phoneme_type", shown(type), "espeak");
  const json length = at(from, "/inference/length_scale");
  if (!length.is_null()) {
    if (!length.is_number() || length < 0.1 || length > 10)
      return refuse(name, "inference.length_scale", shown(length), "0.1 to 10");
    voice.length_scale = length;
  }
  const json symbols = at(from, "/num_symbols");
  if (!symbols.is_null() && (!symbols.is_number_integer() || symbols < 1 || symbols > 65536))
    return refuse(name, "num_symbols", shown(symbols), "1 to 65536");
  const int most = symbols.is_null() ? 65535 : symbols.get<int>() - 1;
  const json map = at(from, "/phoneme_id_map");
  if (!map.is_object()) return refuse(name, "phoneme_id_map", shown(map), "a map");
  for (const auto& [phoneme, ids] : map.items()) {
    if (!ids.is_array() || ids.size() > 8)
      return refuse(name, "phoneme_id_map." + phoneme, shown(ids), "a list of 8 ids at most");
    for (const json& id : ids) {
      if (!id.is_number_integer() || id < 0 || id > most)
        return refuse(name, "phoneme_id_map." + phoneme, shown(ids),
                      "whole numbers up to " + std::to_string(most));
      voice.ids[phoneme].push_back(id);
    }
  }
  for (const char* mark : {"_", "^", "$"})
    if (!voice.ids.contains(mark))
      return refuse(name, std::string("phoneme_id_map.").append(mark), "nothing", "an id");
  return voice;
}

Result<VoiceFile> read_voice_file(const std::filesystem::path& path) {
  const std::string name = path.string() + ".json";
  std::error_code failed;
  const auto size = std::filesystem::file_size(name, failed);
  std::ifstream in(name, std::ios::binary);
  if (failed || !in || size > (1u << 24))
    return Error{ErrorCode::invalid_argument,
                 "'voice': found '" + name +
                     "', which is no file that is there and below 16 MiB, "
                     "expected the file beside a Piper voice (limelight fetch joe)"};
  std::ostringstream text;
  text << in.rdbuf();
  return parse_voice_file(text.str(), name);
}

Ids ids_of(const VoiceFile& voice, std::string_view phonemes, std::size_t most) {
  const auto &begin = voice.ids.at("^"), &pad = voice.ids.at("_"), &end = voice.ids.at("$");
  Ids result;
  std::vector<std::int32_t> part, rest;
  std::size_t blank = 0;  // the end of the last one in `part`
  const auto open = [&] {
    blank = 0;
    part = begin;
    part.insert(part.end(), pad.begin(), pad.end());
  };
  const auto close = [&] {
    part.insert(part.end(), end.begin(), end.end());
    result.parts.push_back(std::exchange(part, {}));
  };
  open();
  const std::size_t nothing = part.size();
  for (const std::string& phoneme : decomposed(phonemes)) {
    const auto known = voice.ids.find(phoneme);
    if (known == voice.ids.end()) {
      result.unknown.push_back(phoneme);
      continue;
    }
    if (part.size() + known->second.size() + pad.size() + end.size() > most) {
      rest.assign(part.begin() + static_cast<long>(blank > 0 ? blank : part.size()), part.end());
      part.resize(part.size() - rest.size());
      close();
      open();
      part.insert(part.end(), rest.begin(), rest.end());
    }
    part.insert(part.end(), known->second.begin(), known->second.end());
    part.insert(part.end(), pad.begin(), pad.end());
    if (phoneme == " ") blank = part.size();
  }
  if (part.size() > nothing) close();
  return result;
}

}  // namespace voice
