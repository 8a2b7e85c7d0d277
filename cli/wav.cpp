#include "cli/wav.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

namespace limelight::cli {

Result<void> write_wav(const std::filesystem::path& path,
                       const std::vector<float>& samples,
                       int sample_rate) {
  std::string bytes;
  const auto put = [&](std::uint32_t value, int width) {
    for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  };
  const auto size = static_cast<std::uint32_t>(samples.size() * 2);
  bytes += "RIFF";
  put(36 + size, 4);
  bytes += "WAVEfmt ";
  put(16, 4);
  put(1, 2);  // PCM
  put(1, 2);  // mono
  put(static_cast<std::uint32_t>(sample_rate), 4);
  put(static_cast<std::uint32_t>(sample_rate) * 2, 4);
  put(2, 2);
  put(16, 2);
  bytes += "data";
  put(size, 4);
  for (const float sample : samples) {
    const auto level =
        static_cast<std::int16_t>(std::lround(std::clamp(sample, -1.0f, 1.0f) * 32767.0f));
    put(static_cast<std::uint16_t>(level), 2);
  }
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
  if (!out) return Error{ErrorCode::io, path.string() + ": cannot write the WAV file"};
  return {};
}

}  // namespace limelight::cli
