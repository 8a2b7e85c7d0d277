// The sounds and pictures that the command line names.
#pragma once

#include <filesystem>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <vector>

namespace limelight::cli {

// The files of the command line, which are read here, so that what is wrong with them is known
// before anything starts. Errors: those of ContentPart::from_file() and of the readers of
// stages/media, with the file's name.
struct MediaFile {
  ContentPart::Kind kind;
  std::filesystem::path path;
};
Result<std::vector<ContentPart>> read_media_files(const std::vector<MediaFile>& files);

}  // namespace limelight::cli
