#include "actors/formats/request_parts.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/formats/base64.hpp"
#include "actors/formats/refusal.hpp"

namespace limelight::formats {

using nlohmann::json;
using Kind = ContentPart::Kind;

namespace {

// The member `name` of an object that has no others but those of `known`, if those are refused.
const json& member(const json& object,
                   const std::string& name,
                   const std::string& where,
                   const std::vector<std::string>& known,
                   const PartRules& rules) {
  if (!object.is_object()) refuse(where, show(object), "an object with the key " + name);
  for (const auto& [key, value] : object.items())
    if (rules.unknown == UnknownKeys::refused &&
        std::find(known.begin(), known.end(), key) == known.end()) {
      std::string all;
      for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
      refuse(where + "." + key, "an unknown key", "one of " + all);
    }
  if (!object.contains(name)) refuse(where, "no " + name, "an object with the key " + name);
  return object.at(name);
}

std::string decode(std::string_view text, const std::string& where) {
  if (text.size() / 4 * 3 > ContentPart::most_bytes)
    refuse(where, std::to_string(text.size()) + " characters of base64",
           "a file of at most " + std::to_string(ContentPart::most_bytes) + " bytes");
  auto bytes = from_base64(text);
  if (!bytes) refuse(where, bytes.error().message, "base64");
  if (bytes->empty()) refuse(where, "no data", "a file in base64");
  return std::move(bytes).value();
}

ContentPart of_data_url(Kind kind, const std::string& url, const std::string& where) {
  const char* expected = kind == Kind::image
                             ? "data:image/png;base64, or data:image/jpeg;base64,"
                             : "data:audio/wav;base64, or the same of audio/mp3, audio/mpeg or "
                               "audio/flac";
  const auto comma = url.find(',');
  const std::string head =
      url.substr(0, comma == std::string::npos ? 60 : std::min<std::size_t>(comma, 60));
  const auto is = [&](std::initializer_list<const char*> types) {
    return std::any_of(types.begin(), types.end(), [&](const char* type) {
      return head == std::string("data:").append(type).append(";base64");
    });
  };
  const bool known = kind == Kind::image
                         ? is({"image/png", "image/jpeg", "image/jpg"})
                         : is({"audio/wav", "audio/wave", "audio/x-wav", "audio/mp3", "audio/mpeg",
                               "audio/flac", "audio/x-flac"});
  if (comma == std::string::npos || !known) refuse(where, "'" + head + "'", expected);
  return {
      .kind = kind, .name = where, .data = decode(std::string_view(url).substr(comma + 1), where)};
}

ContentPart of_url(Kind kind,
                   const std::string& url,
                   const std::string& where,
                   const PartRules& rules) {
  if (url.starts_with("data:")) return of_data_url(kind, url, where);
  if (rules.folder == nullptr)
    refuse(where, "'" + url.substr(0, 100) + "'",
           "data:...;base64,...: nothing is fetched, and no file is read");
  const bool file = url.starts_with("file://");
  if (!file && url.find("://") != std::string::npos)
    refuse(where, "'" + url.substr(0, 100) + "'",
           "data:, file:// or a path: nothing is fetched from the network");
  const std::string path = file ? url.substr(7) : url;
  if (path.empty()) refuse(where, "an empty path", "a path");
  auto part = ContentPart::from_file(kind, *rules.folder / path);
  if (!part) throw Refusal{"key '" + where + "': " + part.error().message};
  return std::move(part).value();
}

ContentPart read_part(const json& item, const std::string& where, const PartRules& rules) {
  const std::string expected = "text, input_audio, audio_url or image_url";
  if (!item.is_object() || !item.contains("type"))
    refuse(where, item.is_object() ? "no type" : show(item), "an object with the type " + expected);
  const std::string type = text(item["type"], where + ".type");
  if (type == "text")
    return {.text = text(member(item, "text", where, {"type", "text"}, rules), where + ".text")};
  if (type == "input_audio") {
    const std::string at = where + ".input_audio";
    const json& sound = member(item, "input_audio", where, {"type", "input_audio"}, rules);
    const json& data = member(sound, "data", at, {"data", "format"}, rules);
    const std::string format =
        text(member(sound, "format", at, {"data", "format"}, rules), at + ".format");
    if (format != "wav" && format != "mp3" && format != "flac")
      refuse(at + ".format", "'" + format.substr(0, 60) + "'", "wav, mp3 or flac");
    return {.kind = Kind::audio,
            .name = at,
            .data = decode(text(data, at + ".data", "base64"), at + ".data")};
  }
  if (type == "image_url" || type == "audio_url") {
    const std::string at = where + "." + type;
    const json& object = member(item, type, where, {"type", type}, rules);
    const Kind kind = type == "image_url" ? Kind::image : Kind::audio;
    if (kind == Kind::audio)
      return of_url(kind, text(member(object, "url", at, {"url"}, rules), at + ".url"), at + ".url",
                    rules);
    const std::string url = text(member(object, "url", at, {"url", "detail"}, rules), at + ".url");
    if (object.contains("detail") && object["detail"] != "auto")
      refuse(at + ".detail", show(object["detail"]), "auto: the model's files say the size");
    return of_url(kind, url, at + ".url", rules);
  }
  if (type.find("video") != std::string::npos)
    refuse(where + ".type", "'" + type.substr(0, 60) + "'", expected + ": videos are not read");
  refuse(where + ".type", "'" + type.substr(0, 60) + "'", expected);
}

}  // namespace

std::vector<ContentPart> read_parts(const json& list,
                                    const std::string& key,
                                    const PartRules& rules) {
  if (list.empty()) refuse(key, "an empty list", "one part or more");
  std::vector<ContentPart> parts;
  std::uint64_t bytes = 0;
  for (const json& item : list) {
    parts.push_back(read_part(item, key + "[" + std::to_string(parts.size()) + "]", rules));
    bytes += parts.back().data.size();
  }
  if (bytes > ContentPart::most_bytes)
    refuse(key, "files of " + std::to_string(bytes) + " bytes",
           "at most " + std::to_string(ContentPart::most_bytes) + " together");
  return parts;
}

}  // namespace limelight::formats
