// A stage config of a benchmark's own, in a folder that goes with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace limelight::bench {

struct OwnConfig {
  std::filesystem::path folder, file;

  // Throws std::runtime_error where no folder can be made.
  explicit OwnConfig(std::string_view text) {
    std::string name = std::filesystem::temp_directory_path() / "limelight-bench-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    folder = name;
    file = folder / "bench.yaml";
    std::ofstream(file) << text;
  }
  ~OwnConfig() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  OwnConfig(const OwnConfig&) = delete;
};

}  // namespace limelight::bench
