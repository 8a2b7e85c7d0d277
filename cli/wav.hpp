// Writes sound to a file.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <vector>

namespace limelight::cli {

// Writes a WAV file: 16-bit PCM, mono. samples: from -1 to 1. Errors: io.
Result<void> write_wav(const std::filesystem::path& path,
                       const std::vector<float>& samples,
                       int sample_rate);

}  // namespace limelight::cli
