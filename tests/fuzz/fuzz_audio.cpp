// Reads any bytes as a sound file: refused with its name, or mono samples within the limits.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "stages/media/audio_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace limelight::stages;
  const auto read = read_audio(std::as_bytes(std::span(data, size)), "a", 16000, {.seconds = 20});
  if (!read) {
    if (!read.error().message.starts_with("a: ")) std::abort();
    return 0;
  }
  if (read->empty() || read->size() > 20 * 16000 + 1) std::abort();
  for (const float sample : *read)
    if (!std::isfinite(sample)) std::abort();
  return 0;
}
