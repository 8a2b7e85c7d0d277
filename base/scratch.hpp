// A folder of one's own among those for temporary files, which is removed at the end of the scope.
// Only its user can look into it. One thread uses it.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string_view>
#include <utility>

namespace limelight {

struct Scratch {
  std::filesystem::path path;  // empty: it stays where it is

  // purpose: the folder is called limelight-<purpose>-XXXXXX. in: where; the system's folder for
  // temporary files, if it is not said. Errors: io.
  static Result<Scratch> make(std::string_view purpose, const std::filesystem::path& in = {});
  // Writes a file in it, and returns its path.
  std::filesystem::path write(const char* name, std::string_view text) const;

  Scratch(Scratch&& other) noexcept : path(std::exchange(other.path, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

 private:
  explicit Scratch(std::filesystem::path made) : path(std::move(made)) {}
};

}  // namespace limelight
