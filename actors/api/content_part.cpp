#include <limelight/request.hpp>

#include "base/mapped_file.hpp"

namespace limelight {

Result<ContentPart> ContentPart::from_file(Kind kind, const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  const auto bytes = (*file)->bytes();
  if (bytes.size() > most_bytes)
    return Error{ErrorCode::too_large, path.string() + ": found " + std::to_string(bytes.size()) +
                                           " bytes, expected at most " +
                                           std::to_string(most_bytes)};
  ContentPart part{.kind = kind, .name = path.string()};
  const auto* first = reinterpret_cast<const char*>(bytes.data());
  part.data.assign(first, first + bytes.size());
  return part;
}

}  // namespace limelight
