// Sound files: what is read of them, and what is refused.
#include "stages/media/audio_file.hpp"
#include "stages/media/log_mel.hpp"
#include "tests/stages/media/media_fixtures.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;

namespace {

void refused(const std::string& bytes,
             const std::string& expected,
             const AudioLimits& limits = {}) {
  const auto read = read_audio(as_bytes(bytes), "some.wav", 16000, limits);
  BOOST_TEST_REQUIRE(!read.ok(), expected);
  BOOST_TEST(read.error().message.starts_with("some.wav: "), read.error().message);
  BOOST_TEST(read.error().message.find(expected) != std::string::npos, read.error().message);
}

}  // namespace

BOOST_AUTO_TEST_CASE(sounds_of_a_request_have_the_features_of_the_reference) {
  std::vector<ExpectedFeatures> expected;
  std::vector<std::vector<float>> sounds;
  for (auto& one : expected_features(3 * 2 * 8 * 8)) {
    if (one.rows != 128) continue;
    auto sound = read_audio(media_fixtures / one.file, 16000);
    BOOST_TEST_REQUIRE(sound.ok(), one.file);
    sounds.push_back(std::move(*sound));
    expected.push_back(std::move(one));
  }
  BOOST_TEST_REQUIRE(sounds.size() == 4);
  const auto computed = (*LogMel::make({})).compute(sounds);
  BOOST_TEST_REQUIRE(computed.ok());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST((*computed)[i].frames == expected[i].cols, expected[i].file);
    BOOST_TEST(largest_difference((*computed)[i].values, expected[i].values) < 1e-4,
               expected[i].file);
  }
}

BOOST_AUTO_TEST_CASE(a_sound_at_another_rate_keeps_its_length) {
  // 5000 frames at 44.1 kHz are 1814.06 at 16 kHz.
  BOOST_TEST(read_audio(media_fixtures / "stereo_44100.wav", 16000)->size() == 1815);
  BOOST_TEST(read_audio(media_fixtures / "stereo_44100.wav", 44100)->size() == 5000);
}

BOOST_AUTO_TEST_CASE(sound_files_that_are_cut_short_are_errors_with_their_name) {
  for (const char* name : {"stereo_44100.wav", "float_16000.wav", "mono_22050.flac"}) {
    const std::string whole = read_file(media_fixtures / name);
    for (std::size_t size = 0; size < whole.size(); size += whole.size() / 37 + 1) {
      const auto read = read_audio(as_bytes(whole.substr(0, size)), name, 16000);
      BOOST_TEST(!read.ok(), name << " with " << size << " bytes");
      if (!read.ok()) BOOST_TEST(read.error().message.starts_with(std::string(name) + ": "));
    }
  }
}

BOOST_AUTO_TEST_CASE(sound_files_beyond_the_limits_are_refused_with_the_limit) {
  const std::string wav = read_file(media_fixtures / "stereo_44100.wav");
  refused(wav, "found 44100 samples a second, expected 1000 to 22050", {.highest_rate = 22050});
  refused(wav, "found 2 channels, expected 1 to 1", {.channels = 1});
  refused(wav, "found 0 seconds, expected 0 to 0", {.seconds = 0.1});
  refused("", "expected WAV, FLAC or MP3");
  refused("OggS and more", "expected WAV, FLAC or MP3");
  std::string none = read_file(media_fixtures / "float_16000.wav");
  none.replace(none.size() - 4, 4, "\xff\xff\xff\x7f");
  refused(none, "a sample that is no number in frame 2344");
}
