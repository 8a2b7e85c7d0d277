// Mono sound as 16 bits a sample, alone and in WAV, which players read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <span>
#include <string>

namespace limelight::formats {

// Little-endian. samples: -1 to 1; what is beyond is cut off.
std::string pcm16(std::span<const float> samples);
// The 44 bytes before the samples. open_end: of a stream whose length is not known yet, as players
// understand it.
inline constexpr std::uint32_t open_end = 0xffff'ffff;
std::string wav_head(std::uint32_t pcm_bytes, int sample_rate);
std::string wav(std::span<const float> samples, int sample_rate);
// Errors: io.
Result<void> write_wav(const std::filesystem::path& path,
                       std::span<const float> samples,
                       int sample_rate);

}  // namespace limelight::formats
