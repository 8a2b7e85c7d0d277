#include "voice_file.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

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
  const json map = at(from, "/phoneme_id_map");
  if (!map.is_object()) return refuse(name, "phoneme_id_map", shown(map), "a map");
  for (const auto& [phoneme, ids] : map.items()) {
    if (!ids.is_array() || ids.size() > 8)
      return refuse(name, "phoneme_id_map." + phoneme, shown(ids), "a list of 8 ids at most");
    for (const json& id : ids) {
      if (!id.is_number_integer() || id < 0 || id > 65535)
        return refuse(name, "phoneme_id_map." + phoneme, shown(ids), "whole numbers up to 65535");
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

std::vector<std::int32_t> ids_of(const VoiceFile& voice, std::string_view phonemes) {
  std::vector<std::int32_t> all;
  const auto put = [&](const std::string& phoneme) {
    const auto known = voice.ids.find(phoneme);
    if (known == voice.ids.end()) return false;
    all.insert(all.end(), known->second.begin(), known->second.end());
    return true;
  };
  put("^");
  put("_");
  for (std::size_t i = 0, end; i < phonemes.size(); i = end) {
    for (end = i + 1;
         end < phonemes.size() && (static_cast<unsigned char>(phonemes[end]) & 0xc0u) == 0x80u;)
      ++end;
    if (put(std::string(phonemes.substr(i, end - i)))) put("_");
  }
  put("$");
  return all;
}

}  // namespace voice
