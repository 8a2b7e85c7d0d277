// Sound in the formats that clients ask for.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "actors/formats/wav.hpp"
#include "actors/http/sound_format.hpp"

using namespace limelight;
using namespace limelight::http;

namespace {

std::vector<float> tone() {
  std::vector<float> samples(4800);
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = 0.5f * std::sin(0.05f * static_cast<float>(i));
  return samples;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sound_formats_of_clients)

BOOST_AUTO_TEST_CASE(names_are_openai_s) {
  BOOST_TEST((sound_format("pcm16") == SoundFormat::pcm));
  BOOST_TEST((sound_format("opus") == SoundFormat::opus));
  BOOST_TEST(!sound_format("aac"));
  BOOST_TEST(!sound_format("WAV"));
  BOOST_TEST(!sound_format(""));
}

BOOST_AUTO_TEST_CASE(each_format_begins_as_its_files_do) {
  const auto encoded = [](SoundFormat format) {
    auto bytes = encode_sound(tone(), 24'000, format);
    if (!bytes) BOOST_FAIL(bytes.error().message);
    return *bytes;
  };
  BOOST_TEST(encoded(SoundFormat::wav).starts_with("RIFF"));
  BOOST_TEST(encoded(SoundFormat::flac).starts_with("fLaC"));
  BOOST_TEST(encoded(SoundFormat::opus).starts_with("OggS"));
  const std::string mp3 = encoded(SoundFormat::mp3);
  BOOST_TEST((mp3.starts_with("ID3") || mp3.starts_with("\xff")));
  BOOST_TEST(encoded(SoundFormat::pcm) == formats::pcm16(tone()));
  // What loses something is smaller.
  BOOST_TEST(mp3.size() < encoded(SoundFormat::pcm).size());
}

BOOST_AUTO_TEST_CASE(a_rate_that_a_format_does_not_know_is_an_error_with_both) {
  const auto bytes = encode_sound(tone(), 12'345, SoundFormat::opus);
  BOOST_REQUIRE(!bytes);
  BOOST_TEST(bytes.error().message.starts_with("cannot write Opus of 12345 samples a second: "));
}

BOOST_AUTO_TEST_CASE(parts_are_one_sound) {
  const std::vector<float> samples = tone();
  const std::span<const float> all(samples);
  SoundStream wav(SoundFormat::wav), pcm(SoundFormat::pcm);
  std::string in_parts, plain;
  for (const auto& part : {all.first(1), all.subspan(1, 999), all.subspan(1000)}) {
    in_parts += wav.encode(part, 24'000);
    plain += pcm.encode(part, 24'000);
  }
  BOOST_TEST(plain == formats::pcm16(samples));
  BOOST_TEST(in_parts == formats::wav_head(formats::open_end, 24'000) + plain);
}

BOOST_AUTO_TEST_SUITE_END()
