#include "actors/formats/wav.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

namespace limelight::formats {

std::string pcm16(std::span<const float> samples) {
  std::string bytes;
  bytes.reserve(samples.size() * 2);
  for (const float sample : samples) {
    const auto level = static_cast<std::uint16_t>(
        static_cast<std::int16_t>(std::lround(std::clamp(sample, -1.0f, 1.0f) * 32767.0f)));
    bytes += static_cast<char>(level & 0xff);
    bytes += static_cast<char>(level >> 8);
  }
  return bytes;
}

std::string wav_head(std::uint32_t pcm_bytes, int sample_rate) {
  std::string bytes;
  const auto put = [&](std::uint32_t value, int width) {
    for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  };
  bytes += "RIFF";
  put(pcm_bytes == open_end ? open_end : 36 + pcm_bytes, 4);
  bytes += "WAVEfmt ";
  put(16, 4);
  put(1, 2);  // PCM
  put(1, 2);  // mono
  put(static_cast<std::uint32_t>(sample_rate), 4);
  put(static_cast<std::uint32_t>(sample_rate) * 2, 4);
  put(2, 2);
  put(16, 2);
  bytes += "data";
  put(pcm_bytes, 4);
  return bytes;
}

std::string wav(std::span<const float> samples, int sample_rate) {
  return wav_head(static_cast<std::uint32_t>(samples.size() * 2), sample_rate) + pcm16(samples);
}

Result<void> write_wav(const std::filesystem::path& path,
                       std::span<const float> samples,
                       int sample_rate) {
  const std::string bytes = wav(samples, sample_rate);
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
  if (!out) return Error{ErrorCode::io, path.string() + ": cannot write the WAV file"};
  return {};
}

}  // namespace limelight::formats
