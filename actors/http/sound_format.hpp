// Sound in the formats that clients ask for. Any thread may call these functions.
#pragma once

#include <limelight/result.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace limelight::http {

enum class SoundFormat { wav, pcm, flac, mp3, opus };

// The names of OpenAI; pcm and pcm16 are the same here. Empty: another one.
std::optional<SoundFormat> sound_format(std::string_view name);
inline constexpr const char* sound_formats = "wav, flac, mp3, opus, pcm or pcm16";
// What can be sent before its end is known.
inline bool comes_in_parts(SoundFormat format) {
  return format == SoundFormat::wav || format == SoundFormat::pcm;
}
const char* media_type(SoundFormat format);

// Mono; 16 bits a sample where they are counted. Errors: unavailable (the library does not write it
// at this rate).
Result<std::string> encode_sound(std::span<const float> samples,
                                 int sample_rate,
                                 SoundFormat format);

// A sound in parts: what they are one after the other is a sound of that format, which comes in
// parts.
class SoundStream {
 public:
  explicit SoundStream(SoundFormat format) : format_(format) {}
  std::string encode(std::span<const float> samples, int sample_rate);

 private:
  SoundFormat format_;
  bool begun_ = false;
};

}  // namespace limelight::http
