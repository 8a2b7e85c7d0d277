#include "base/scratch.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace limelight {

namespace fs = std::filesystem;

Result<Scratch> Scratch::make(std::string_view purpose, const fs::path& in) {
  std::error_code failed;
  std::string name = in.empty() ? fs::temp_directory_path(failed) : in;
  if (failed)
    return Error{ErrorCode::io, "found no folder for temporary files: " + failed.message() +
                                    " (TMPDIR names another place)"};
  name.append("/limelight-").append(purpose).append("-XXXXXX");
  if (::mkdtemp(name.data()) == nullptr)
    return Error{ErrorCode::io, name + ": cannot make a folder: " + std::strerror(errno) +
                                    " (TMPDIR names another place)"};
  return Scratch(name);
}

fs::path Scratch::write(const char* name, std::string_view text) const {
  std::ofstream(path / name) << text;
  return path / name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  if (!path.empty()) fs::remove_all(path, ignored);
}

}  // namespace limelight
