// An internal exception of the readers of model files: nested parsers throw it to abort, and
// open_gguf() and open_safetensors() catch it.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>

namespace limelight::stages {

struct ModelRefusal {
  Error error;
};
[[noreturn]] inline void refuse(const std::filesystem::path& file,
                                const std::string& what,
                                ErrorCode code = ErrorCode::corrupt) {
  throw ModelRefusal{{code, file.string() + ": " + what}};
}

}  // namespace limelight::stages
