#include "cli/media_files.hpp"

#include "base/try.hpp"
#include "stages/models/media_encoders.hpp"

namespace limelight::cli {

Result<std::vector<ContentPart>> read_media_files(const std::vector<MediaFile>& files) {
  std::vector<ContentPart> parts;
  for (const MediaFile& file : files) {
    auto part = ContentPart::from_file(file.kind, file.path);
    if (!part) return part.error();
    LIMELIGHT_TRY(stages::check_media(*part));
    parts.push_back(std::move(part).value());
  }
  return parts;
}

}  // namespace limelight::cli
