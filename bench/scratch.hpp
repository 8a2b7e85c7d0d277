// A folder of a benchmark's own, which goes with it.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limelight/result.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace limelight::bench {

struct Scratch {
  std::filesystem::path path;

  // Errors: io.
  static Result<Scratch> make(const std::filesystem::path& in) {
    std::string name = in / "limelight-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr)
      return Error{ErrorCode::io, name + ": cannot make a folder: " + std::strerror(errno) +
                                      " (TMPDIR names another place)"};
    return Scratch(name);
  }
  std::filesystem::path write(const char* name, std::string_view text) const {
    std::ofstream(path / name) << text;
    return path / name;
  }

  Scratch(Scratch&& other) noexcept : path(std::exchange(other.path, {})) {}
  ~Scratch() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }

 private:
  explicit Scratch(std::filesystem::path made) : path(std::move(made)) {}
};

}  // namespace limelight::bench
