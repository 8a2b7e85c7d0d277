#include "base/helper.hpp"

#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <vector>

namespace limelight {

namespace fs = std::filesystem;

namespace {
fs::path own_folder() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).parent_path();
}
}  // namespace

Result<fs::path> find_helper(const std::string& name) {
  const fs::path here = own_folder();
  std::vector<fs::path> tried{here / name, here.parent_path() / "libexec/limelight" / name};
  if (const char* path = std::getenv("PATH")) {
    std::istringstream folders(path);
    for (std::string folder; std::getline(folders, folder, ':');)
      if (fs::path(folder).is_absolute() &&
          ::access((fs::path(folder) / "limelight").c_str(), X_OK) == 0)
        tried.push_back(fs::path(folder).parent_path() / "libexec/limelight" / name);
  }
  tried.push_back(fs::path(LIMELIGHT_LIBEXEC_DIR) / name);
  for (const fs::path& path : tried)
    if (::access(path.c_str(), X_OK) == 0) return path;
  return Error{
      ErrorCode::not_found,
      "cannot find the executable " + name + ": it is neither beside " + here.string() +
          " nor in the libexec/limelight of an installation in $PATH or of " LIMELIGHT_LIBEXEC_DIR};
}

Result<fs::path> find_shared(const fs::path& name) {
  const fs::path here = own_folder();
  std::string tried;
  for (const fs::path& root : {here, here.parent_path(), here.parent_path().parent_path()}) {
    const fs::path path = root / "share/limelight" / name;
    std::error_code failed;
    if (fs::exists(path, failed)) return path;
    tried += (tried.empty() ? "" : ", ") + path.string();
  }
  return Error{ErrorCode::not_found, "cannot find " + name.string() + ": tried " + tried};
}

}  // namespace limelight
