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
#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// key: of the list, for messages. folder: where relative paths begin. Throws a Refusal.
std::vector<ContentPart> read_parts(const nlohmann::json& list,
                                    const std::string& key,
                                    const std::filesystem::path& folder);

// The files of the command line, which are read here, so that what is wrong with them is known
// before anything starts. Errors: those of ContentPart::from_file() and of the readers of
// stages/media, with the file's name.
struct MediaFile {
  ContentPart::Kind kind;
  std::filesystem::path path;
};
Result<std::vector<ContentPart>> read_media_files(const std::vector<MediaFile>& files);

}  // namespace limelight::cli
