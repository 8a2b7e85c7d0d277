#include "stages/media/audio_file.hpp"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "base/mapped_file.hpp"
#include "base/try.hpp"
#include "stages/media/resampler.hpp"

namespace limelight::stages {

namespace {

// Bytes in memory, as libsndfile reads a file.
struct Reader {
  std::span<const std::byte> bytes;
  sf_count_t at = 0;
};

sf_count_t size_of_file(void* user) {
  return static_cast<sf_count_t>(static_cast<Reader*>(user)->bytes.size());
}
sf_count_t seek(sf_count_t offset, int whence, void* user) {
  auto& reader = *static_cast<Reader*>(user);
  const sf_count_t size = size_of_file(user);
  const sf_count_t base = whence == SEEK_CUR ? reader.at : whence == SEEK_END ? size : 0;
  sf_count_t to = 0;
  if (__builtin_add_overflow(base, offset, &to) || to < 0 || to > size) return -1;
  return reader.at = to;
}
sf_count_t read(void* to, sf_count_t count, void* user) {
  auto& reader = *static_cast<Reader*>(user);
  const sf_count_t got = std::clamp<sf_count_t>(size_of_file(user) - reader.at, 0, count);
  if (got == 0) return 0;
  std::memcpy(to, reader.bytes.data() + reader.at, static_cast<std::size_t>(got));
  reader.at += got;
  return got;
}
sf_count_t write(const void*, sf_count_t, void*) { return 0; }
sf_count_t tell(void* user) { return static_cast<Reader*>(user)->at; }

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

bool begins(std::span<const std::byte> bytes, std::size_t at, std::string_view word) {
  return bytes.size() >= at + word.size() &&
         std::memcmp(bytes.data() + at, word.data(), word.size()) == 0;
}

bool is_wav(std::span<const std::byte> bytes) {
  return (begins(bytes, 0, "RIFF") || begins(bytes, 0, "RF64")) && begins(bytes, 8, "WAVE");
}

// By the first bytes, so that the library's readers of other formats never see a file.
bool is_known(std::span<const std::byte> bytes) {
  const auto byte = [&](std::size_t at) { return std::to_integer<int>(bytes[at]); };
  if (is_wav(bytes) || begins(bytes, 0, "fLaC") || begins(bytes, 0, "ID3")) return true;
  return bytes.size() > 2 && byte(0) == 0xff && (byte(1) & 0xe0) == 0xe0;  // a frame of MPEG audio
}

std::uint32_t little_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

// The library reads what is there of a WAV file that was cut short. Writers into pipes state a size
// close to 2^31 or 2^32, or 0, as they do not know it.
std::optional<std::string> missing_in_wav(std::span<const std::byte> bytes) {
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::uint64_t size = little_endian(bytes, at + 4), room = bytes.size() - at - 8;
    if (begins(bytes, at, "data"))
      return size > room && size < 0x7fff'0000
                 ? std::optional("found " + std::to_string(room) + " bytes of samples, expected " +
                                 std::to_string(size) + ": the file is cut short")
                 : std::nullopt;
    if (size > room) break;
    at += 8 + size + size % 2;
  }
  return std::nullopt;
}

struct Decoder {
  const std::string& name;
  const AudioLimits& limits;
  Error wrong(const std::string& what, ErrorCode code = ErrorCode::corrupt) const {
    return {code, name + ": " + what};
  }

  Result<void> check(const SF_INFO& info) const {
    const auto outside = [&](const char* what, double found, double least, double most) {
      const auto text = [](double number) {
        return std::to_string(static_cast<long long>(std::min(number, 9e15)));
      };
      return wrong(
          "found " + text(found) + " " + what + ", expected " + text(least) + " to " + text(most),
          found > most ? ErrorCode::too_large : ErrorCode::corrupt);
    };
    const int format = info.format & SF_FORMAT_TYPEMASK;
    if (format != SF_FORMAT_WAV && format != SF_FORMAT_WAVEX && format != SF_FORMAT_RF64 &&
        format != SF_FORMAT_FLAC && format != SF_FORMAT_MPEG)
      return wrong("found another kind of sound file, expected WAV, FLAC or MP3");
    if (info.samplerate < limits.lowest_rate || info.samplerate > limits.highest_rate)
      return outside("samples a second", info.samplerate, limits.lowest_rate, limits.highest_rate);
    if (info.channels < 1 || info.channels > limits.channels)
      return outside("channels", info.channels, 1, limits.channels);
    if (info.frames < 1) return wrong("found no samples, expected at least one");
    if (too_long(info.frames, info))
      return outside("seconds", static_cast<double>(info.frames) / info.samplerate, 0,
                     limits.seconds);
    return {};
  }
  bool too_long(sf_count_t frames, const SF_INFO& info) const {
    return static_cast<double>(frames) > limits.seconds * info.samplerate;
  }

  // Puts the mean of the channels of `frames` frames at the beginning of `samples`.
  Result<void> mix(std::span<float> samples, sf_count_t frames, int channels, sf_count_t at) const {
    const auto width = static_cast<std::size_t>(channels);
    for (std::size_t f = 0; f < static_cast<std::size_t>(frames); ++f) {
      float sum = 0;
      for (std::size_t c = 0; c < width; ++c) sum += samples[f * width + c];
      if (!std::isfinite(sum))
        return wrong("found a sample that is no number in frame " +
                     std::to_string(at + static_cast<sf_count_t>(f)) + ", expected numbers alone");
      samples[f] = sum / static_cast<float>(channels);
    }
    return {};
  }

  Result<std::vector<float>> decode(SNDFILE* file, const SF_INFO& info, int rate) const {
    std::vector<float> out, piece(static_cast<std::size_t>(4096 * info.channels));
    std::optional<Resampler> resampler;
    if (info.samplerate != rate) {
      auto made = Resampler::make(info.samplerate, rate);
      if (!made) return wrong(made.error().message, made.error().code);
      resampler = std::move(*made);
    }
    sf_count_t total = 0;
    while (const sf_count_t got = sf_readf_float(file, piece.data(), 4096)) {
      if (got < 0 || too_long(total + got, info)) return wrong("found more samples than stated");
      LIMELIGHT_TRY(mix(piece, got, info.channels, total));
      const auto mono = std::span<const float>(piece).first(static_cast<std::size_t>(got));
      if (resampler) LIMELIGHT_TRY(resampler->push(mono, out));
      else out.insert(out.end(), mono.begin(), mono.end());
      total += got;
    }
    if (sf_error(file) != SF_ERR_NO_ERROR)
      return wrong(std::string("after ") + std::to_string(total) + " frames: " + sf_strerror(file));
    if (total < info.frames)
      return wrong("found " + std::to_string(total) + " frames, expected " +
                   std::to_string(info.frames) + ": the file is cut short or damaged");
    if (resampler) LIMELIGHT_TRY(resampler->finish(out));
    return out;
  }
};

}  // namespace

Result<std::vector<float>> read_audio(std::span<const std::byte> bytes,
                                      const std::string& name,
                                      int rate,
                                      const AudioLimits& limits) {
  const Decoder decoder{name, limits};
  if (!is_known(bytes)) return decoder.wrong("found no sound file, expected WAV, FLAC or MP3");
  if (is_wav(bytes))
    if (const auto missing = missing_in_wav(bytes)) return decoder.wrong(*missing);
  Reader reader{bytes};
  SF_VIRTUAL_IO io{size_of_file, seek, read, write, tell};
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, Close> file(sf_open_virtual(&io, SFM_READ, &info, &reader));
  if (!file) return decoder.wrong(std::string("cannot be decoded: ").append(sf_strerror(nullptr)));
  LIMELIGHT_TRY(decoder.check(info));
  return decoder.decode(file.get(), info, rate);
}

Result<std::vector<float>> read_audio(const std::filesystem::path& path,
                                      int rate,
                                      const AudioLimits& limits) {
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  return read_audio((*file)->bytes(), path.string(), rate, limits);
}

}  // namespace limelight::stages
