// The parts of a message's content, as OpenAI's chat API and vLLM write them:
//
//   {"type": "text", "text": "What is this?"}
//   {"type": "input_audio", "input_audio": {"data": "<base64>", "format": "wav"}}   or mp3, flac
//   {"type": "image_url", "image_url": {"url": "..."}}
//   {"type": "audio_url", "audio_url": {"url": "..."}}
//
// A url is data:<type>;base64,<data>, file://<path> or a path. Nothing is fetched from the network.
#pragma once

#include <filesystem>
#include <limelight/request.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "actors/formats/json_values.hpp"

namespace limelight::formats {

struct PartRules {
  const std::filesystem::path* folder = nullptr;  // where relative paths begin; null: no files
  UnknownKeys unknown = UnknownKeys::refused;
  // Whether the arguments of tools' calls are JSON in a text, as OpenAI's API has them: then they
  // become what the text says. Else they are taken as they are.
  bool arguments_in_text = false;
  // What the messages were read from, an object with the key `messages`: templates show the
  // arguments of a call in their order. Empty: the order of their names.
  std::string_view source = {};
};

// key: of the list, for messages. Throws a Refusal.
std::vector<ContentPart> read_parts(const nlohmann::json& list,
                                    const std::string& key,
                                    const PartRules& rules);

}  // namespace limelight::formats
