// Sound as a file that players read.
#include <boost/test/unit_test.hpp>

#include "actors/formats/wav.hpp"
#include "tests/support.hpp"

using namespace limelight::tests;
using limelight::formats::write_wav;

namespace {
std::uint32_t number(const std::string& bytes, std::size_t at, int width) {
  std::uint32_t value = 0;
  for (int i = width; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}
int level(const std::string& bytes, std::size_t sample) {
  return static_cast<std::int16_t>(number(bytes, 44 + 2 * sample, 2));
}
}  // namespace

BOOST_AUTO_TEST_SUITE(wav)

BOOST_AUTO_TEST_CASE(samples_are_16_bits_behind_a_head_that_says_so) {
  const Folder folder;
  const auto path = folder.path / "a.wav";
  BOOST_REQUIRE(write_wav(path, std::vector<float>{0, 1, -1, 0.5f, 7, -7}, 16'000).ok());
  const std::string bytes = read_file(path);
  BOOST_REQUIRE(bytes.size() == 44u + 12u);
  BOOST_TEST(bytes.substr(0, 4) == "RIFF");
  BOOST_TEST(number(bytes, 4, 4) == bytes.size() - 8);
  BOOST_TEST(bytes.substr(8, 8) == "WAVEfmt ");
  BOOST_TEST(number(bytes, 20, 2) == 1u);       // PCM
  BOOST_TEST(number(bytes, 22, 2) == 1u);       // channels
  BOOST_TEST(number(bytes, 24, 4) == 16'000u);  // frames a second
  BOOST_TEST(number(bytes, 28, 4) == 32'000u);  // bytes a second
  BOOST_TEST(number(bytes, 34, 2) == 16u);
  BOOST_TEST(bytes.substr(36, 4) == "data");
  BOOST_TEST(number(bytes, 40, 4) == 12u);
  const int expected[] = {0, 32767, -32767, 16384, 32767, -32767};
  for (std::size_t i = 0; i < 6; ++i) BOOST_TEST(level(bytes, i) == expected[i]);
}

BOOST_AUTO_TEST_CASE(silence_of_no_length_is_a_file_and_a_place_that_is_none_an_error) {
  const Folder folder;
  BOOST_REQUIRE(write_wav(folder.path / "a.wav", {}, 24'000).ok());
  BOOST_TEST(std::filesystem::file_size(folder.path / "a.wav") == 44u);
  const auto failed = write_wav(folder.path / "none/a.wav", {}, 24'000);
  BOOST_REQUIRE(!failed.ok());
  BOOST_TEST((failed.error().code == limelight::ErrorCode::io));
  BOOST_TEST(failed.error().message.find("none/a.wav") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
