#include "actors/http/sound_format.hpp"

#include <sndfile.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "actors/formats/wav.hpp"

namespace limelight::http {

namespace {

// A file of libsndfile in memory.
struct Memory {
  std::string bytes;
  std::size_t place = 0;
};
SF_VIRTUAL_IO in_memory() {
  return {.get_filelen = [](void* of) -> sf_count_t {
            return static_cast<sf_count_t>(static_cast<Memory*>(of)->bytes.size());
          },
          .seek = [](sf_count_t offset, int whence, void* of) -> sf_count_t {
            auto& memory = *static_cast<Memory*>(of);
            const auto from = whence == SEEK_SET   ? 0
                              : whence == SEEK_CUR ? memory.place
                                                   : memory.bytes.size();
            memory.place = static_cast<std::size_t>(static_cast<sf_count_t>(from) + offset);
            return static_cast<sf_count_t>(memory.place);
          },
          .read = [](void* to, sf_count_t count, void* of) -> sf_count_t {
            auto& memory = *static_cast<Memory*>(of);
            const std::size_t size =
                std::min(static_cast<std::size_t>(count),
                         memory.bytes.size() - std::min(memory.place, memory.bytes.size()));
            std::memcpy(to, memory.bytes.data() + memory.place, size);
            memory.place += size;
            return static_cast<sf_count_t>(size);
          },
          .write = [](const void* from, sf_count_t count, void* of) -> sf_count_t {
            auto& memory = *static_cast<Memory*>(of);
            const auto size = static_cast<std::size_t>(count);
            if (memory.bytes.size() < memory.place + size) memory.bytes.resize(memory.place + size);
            std::memcpy(memory.bytes.data() + memory.place, from, size);
            memory.place += size;
            return count;
          },
          .tell = [](void* of) -> sf_count_t {
            return static_cast<sf_count_t>(static_cast<Memory*>(of)->place);
          }};
}

Result<std::string> by_sndfile(std::span<const float> samples,
                               int sample_rate,
                               int file_format,
                               const char* name) {
  Memory memory;
  SF_VIRTUAL_IO io = in_memory();
  SF_INFO info{};
  info.samplerate = sample_rate;
  info.channels = 1;
  info.format = file_format;
  const auto failed = [&](SNDFILE* file) {
    return Error{ErrorCode::unavailable, std::string("cannot write ") + name + " of " +
                                             std::to_string(sample_rate) +
                                             " samples a second: " + ::sf_strerror(file)};
  };
  SNDFILE* file = ::sf_open_virtual(&io, SFM_WRITE, &info, &memory);
  if (file == nullptr) return failed(nullptr);
  const std::string pcm = formats::pcm16(samples);
  std::vector<short> levels(samples.size());
  std::memcpy(levels.data(), pcm.data(), pcm.size());  // both are little-endian
  const auto count = static_cast<sf_count_t>(levels.size());
  if (::sf_write_short(file, levels.data(), count) != count) {
    Error error = failed(file);
    ::sf_close(file);
    return error;
  }
  ::sf_close(file);
  return std::move(memory.bytes);
}

}  // namespace

std::optional<SoundFormat> sound_format(std::string_view name) {
  if (name == "wav") return SoundFormat::wav;
  if (name == "flac") return SoundFormat::flac;
  if (name == "mp3") return SoundFormat::mp3;
  if (name == "opus") return SoundFormat::opus;
  if (name == "pcm" || name == "pcm16") return SoundFormat::pcm;
  return std::nullopt;
}
const char* media_type(SoundFormat format) {
  return format == SoundFormat::wav    ? "audio/wav"
         : format == SoundFormat::flac ? "audio/flac"
         : format == SoundFormat::mp3  ? "audio/mpeg"
         : format == SoundFormat::opus ? "audio/ogg"
                                       : "audio/pcm";
}

Result<std::string> encode_sound(std::span<const float> samples,
                                 int sample_rate,
                                 SoundFormat format) {
  switch (format) {
    case SoundFormat::wav: return formats::wav(samples, sample_rate);
    case SoundFormat::pcm: return formats::pcm16(samples);
    case SoundFormat::flac:
      return by_sndfile(samples, sample_rate, SF_FORMAT_FLAC | SF_FORMAT_PCM_16, "FLAC");
    case SoundFormat::mp3:
      return by_sndfile(samples, sample_rate, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, "MP3");
    default: return by_sndfile(samples, sample_rate, SF_FORMAT_OGG | SF_FORMAT_OPUS, "Opus");
  }
}

std::string SoundStream::encode(std::span<const float> samples, int sample_rate) {
  const bool first = !std::exchange(begun_, true);
  const std::string head = first && format_ == SoundFormat::wav
                               ? formats::wav_head(formats::open_end, sample_rate)
                               : std::string();
  return head + formats::pcm16(samples);
}

}  // namespace limelight::http
