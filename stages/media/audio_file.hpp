// Reads a sound file: WAV, FLAC or MP3, by libsndfile, as mono at the rate that a model takes.
//
//   - Several channels become one by their mean.
//   - Another rate is converted by libsoxr in its quality HQ. That is what the reference does: the
//     processors of transformers, and librosa.load(), read by libsndfile, take the mean of the
//     channels, and then resample with "soxr_hq".
//   - The result has ceil(frames * rate / rate of the file) samples.
//   - Files are not trusted: what a header states is compared with the limits before memory is
//     taken for it, the file is decoded piece by piece, and only samples at the wanted rate are
//     kept. A file that ends early is an error, and so is a sample that is no number.
//
// Any thread may call these functions. The library's parsers keep no state between two files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limelight/result.hpp>
#include <span>
#include <string>
#include <vector>

namespace limelight::stages {

struct AudioLimits {
  double seconds = 3600;
  int channels = 64;
  int lowest_rate = 1000, highest_rate = 384'000;  // in Hz, of the file
};

// rate: of the result, in Hz. name: of the file, for messages. Errors: corrupt (no such file, or a
// damaged one; the message has the reason), too_large (a limit, which the message names).
Result<std::vector<float>> read_audio(std::span<const std::byte> bytes,
                                      const std::string& name,
                                      int rate,
                                      const AudioLimits& limits = {});
// Errors: beside those, the ones of MappedFile::open().
Result<std::vector<float>> read_audio(const std::filesystem::path& path,
                                      int rate,
                                      const AudioLimits& limits = {});

}  // namespace limelight::stages
