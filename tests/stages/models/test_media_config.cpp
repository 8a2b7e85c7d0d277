// What preprocessor_config.json says: each key is obeyed, refused, or known to change nothing.
#include <nlohmann/json.hpp>

#include "stages/models/media_config.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

Result<MediaConfig> read_with(const json& changes) {
  const Folder folder;
  json config = json::parse(read_file(fixtures / "media/preprocessor_config.json"));
  config.update(changes);
  write_file(folder.path / "preprocessor_config.json", config.dump());
  return read_media_config(folder.path);
}
void refused(const json& changes, const std::string& expected) {
  const auto read = read_with(changes);
  BOOST_TEST_REQUIRE(!read.ok(), changes.dump());
  BOOST_TEST(read.error().message.find(expected) != std::string::npos, read.error().message);
}

}  // namespace

BOOST_AUTO_TEST_CASE(keys_of_the_processor_are_obeyed) {
  const auto config = read_with({{"n_fft", 512},
                                 {"hop_length", 128},
                                 {"patch_size", 14},
                                 {"max_pixels", nullptr},
                                 {"do_rescale", false},
                                 {"size", {{"shortest_edge", 100}, {"longest_edge", 9000}}}});
  BOOST_TEST_REQUIRE(config.ok());
  BOOST_TEST(config->sound.n_fft == 512);
  BOOST_TEST(config->sound.hop == 128);
  BOOST_TEST(config->sound.mels == 128);
  BOOST_TEST(config->picture.patch == 14);
  BOOST_TEST(config->picture.min_pixels == 256);  // the outer key counts
  BOOST_TEST(config->picture.max_pixels == 9000);
  BOOST_TEST(config->picture.rescale == 0);
  BOOST_TEST(config->picture.mean[1] == 0.5);
}

BOOST_AUTO_TEST_CASE(null_is_false_for_a_flag_and_no_number) {
  const auto config =
      read_with({{"do_rescale", nullptr}, {"do_normalize", nullptr}, {"do_resize", nullptr}});
  BOOST_TEST_REQUIRE(config.ok());
  BOOST_TEST(config->picture.rescale == 0);
  BOOST_TEST(!config->picture.normalise);
  BOOST_TEST(!config->picture.resize);
  for (const char* key : {"feature_size", "sampling_rate", "image_std", "resample", "merge_size"})
    refused({{key, nullptr}},
            "key '" + std::string(key) + "': found null, expected a value, or no such key");
}

BOOST_AUTO_TEST_CASE(a_processor_that_fills_sounds_up_says_how_far) {
  const auto samples = [](const json& changes) {
    const Folder folder;
    json config = json::parse(read_file(fixtures / "media/preprocessor_config.json"));
    config.update(changes);
    write_file(folder.path / "preprocessor_config.json", config.dump());
    return read_media_config(folder.path, true)->sound.samples;
  };
  BOOST_TEST(samples({{"chunk_length", 300}}) == 4'800'000);
  BOOST_TEST(samples({{"chunk_length", nullptr}}) == 480'000);
  BOOST_TEST(read_with({{"chunk_length", 300}})->sound.samples == 0);
}

BOOST_AUTO_TEST_CASE(the_two_objects_of_a_later_file_are_read) {
  const Folder folder;
  write_file(folder.path / "processor_config.json",
             R"({"feature_extractor": {"feature_size": 64},
                 "image_processor": {"patch_size": 16, "image_std": [1, 2, 3]}})");
  const auto config = read_media_config(folder.path);
  BOOST_TEST_REQUIRE(config.ok());
  BOOST_TEST(config->sound.mels == 64);
  BOOST_TEST(config->picture.deviation[2] == 3);
  const Folder nothing;
  BOOST_TEST((read_media_config(nothing.path).error().code == ErrorCode::not_found));
}

BOOST_AUTO_TEST_CASE(keys_that_cannot_be_obeyed_are_refused_by_name) {
  refused({{"dither", 0.1}}, "key 'dither': found 0.1, expected 0");
  refused({{"resample", 2}}, "key 'resample': found 2, expected 3");
  refused({{"do_convert_rgb", false}}, "key 'do_convert_rgb'");
  refused({{"padding_side", "left"}}, "key 'padding_side'");
  refused({{"feature_extractor_type", "ClapFeatureExtractor"}}, "WhisperFeatureExtractor");
  refused({{"image_processor_type", "ViTImageProcessor"}}, "Qwen2VLImageProcessor");
  refused({{"do_center_crop", true}}, "key 'do_center_crop'");
  refused({{"hop_length", 0}}, "hop_length: found 0, expected 1 to 400");
  refused({{"patch_size", 100000}}, "patch_size: found 100000");
  refused({{"image_std", {0, 1, 1}}}, "image_std");
  refused({{"image_mean", {0, 1}}}, "a list of three numbers");
  refused({{"size", {{"height", 3}}}}, "key 'size.height'");
  refused({{"louder", true}}, "key 'louder': found true, expected no such key");
}
