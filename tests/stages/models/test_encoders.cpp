// The encoders of sounds and pictures, beside the reference, and what config.json says of them.
#include <boost/test/data/test_case.hpp>

#include "tests/encoder_checks.hpp"
#include "tests/stages/models/fixtures.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

const std::filesystem::path encoders = fixtures / "encoders", older = fixtures / "encoders-older";

Result<EncoderConfig> read_with(const char* part,
                                const json& changes,
                                const std::filesystem::path& from = encoders) {
  const Folder folder;
  json config = json::parse(read_file(from / "config.json"));
  config["thinker_config"][part].update(changes);
  return read_encoder_config(write_file(folder.path / "config.json", config.dump()));
}
void refused(const char* part,
             const json& changes,
             const std::string& expected,
             const std::filesystem::path& from = encoders) {
  const auto read = read_with(part, changes, from);
  BOOST_TEST_REQUIRE(!read.ok(), changes.dump());
  BOOST_TEST(read.error().message.find(expected) != std::string::npos, read.error().message);
}

}  // namespace

BOOST_AUTO_TEST_CASE(hidden_states_after_each_layer_are_those_of_the_reference) {
  for (const auto& folder : {encoders, older}) {
    const auto differences = compare_encoders(folder);
    BOOST_TEST(differences.size() == (folder == encoders ? 4u + 5 + 2 : 4u + 5));
    for (const auto& [name, difference] : differences) BOOST_TEST(difference < 1e-4, name);
  }
}

BOOST_DATA_TEST_CASE(the_tensors_of_the_encoders_are_those_of_the_file,
                     boost::unit_test::data::make({encoders.string(), older.string()}),
                     folder) {
  const auto config = read_encoder_config(folder + "/config.json");
  BOOST_TEST_REQUIRE(config.ok());
  const PlainTensors file(folder + "/model.safetensors", "thinker.");
  std::size_t seen = 0;
  const auto check = [&](const std::string& at, const std::vector<ExpectedTensor>& tensors) {
    for (const ExpectedTensor& tensor : tensors) {
      BOOST_TEST_REQUIRE(file.has(at + tensor.name), tensor.name);
      BOOST_TEST(file.all().at(at + tensor.name).size() ==
                     static_cast<std::size_t>(tensor.rows) * static_cast<std::size_t>(tensor.cols),
                 tensor.name);
      ++seen;
    }
  };
  check("audio_tower.", tensors_of(config->audio));
  check("visual.", tensors_of(config->vision));
  BOOST_TEST(seen == file.all().size());
}

BOOST_AUTO_TEST_CASE(pictures_of_a_request_do_not_change_each_other) {
  const auto config = *read_encoder_config(encoders / "config.json");
  PlainTensors weights(encoders / "model.safetensors", "thinker.");
  const auto device = make_cpu_device();
  const VisionEncoder encoder(config.vision, weights, *device);
  const auto picture = [&](int rows, int cols) {
    ImagePatches image{rows, cols, {}};
    for (int i = 0; i < rows * cols * config.vision.values(); ++i)
      image.values.push_back(static_cast<float>(std::sin(i)));
    return image;
  };
  const std::vector<ImagePatches> both{picture(2, 4), picture(4, 4)}, one{both[1]};
  BOOST_TEST((encoder.encode(both)->at(1).rows == encoder.encode(one)->at(0).rows));
  BOOST_TEST(!encoder.encode({{picture(1, 4)}}).ok());
}

BOOST_AUTO_TEST_CASE(the_number_of_tokens_of_a_sound_is_that_of_the_reference) {
  const AudioEncoderShape shape;
  // By _get_feat_extract_output_lengths() of transformers.
  for (const auto& [frames, tokens] :
       {std::pair(1, 1), std::pair(8, 1), std::pair(9, 2), std::pair(99, 13), std::pair(100, 13),
        std::pair(101, 14), std::pair(437, 57), std::pair(3000, 390)})
    BOOST_TEST(shape.tokens(frames) == tokens, frames);
  AudioEncoderShape pooled;
  pooled.pooled = true;
  for (const auto& [frames, tokens] :
       {std::pair(1, 0), std::pair(2, 0), std::pair(3, 1), std::pair(6, 1), std::pair(7, 2),
        std::pair(200, 50), std::pair(1001, 250)})
    BOOST_TEST(pooled.tokens(frames) == tokens, frames);
}

BOOST_AUTO_TEST_CASE(keys_of_the_encoders_that_cannot_be_obeyed_are_refused_by_name) {
  refused("audio_config", {{"n_window", 20}}, "key 'audio_config.n_window': found 20");
  refused("audio_config", {{"activation_function", "relu"}}, "expected gelu");
  refused("audio_config", {{"d_model", 17}}, "key 'audio_config.d_model': found 17");
  refused("audio_config", {{"louder", 1}}, "key 'audio_config.louder'");
  refused("vision_config", {{"hidden_act", "gelu"}}, "expected gelu_pytorch_tanh");
  refused("vision_config", {{"num_position_embeddings", 17}}, "expected a square");
  refused("vision_config", {{"deepstack_visual_indexes", {2, 1}}}, "in ascending order");
  refused("vision_config", {{"rope_parameters", {{"rope_type", "yarn"}}}}, "expected axial");
  refused("vision_config", {{"hidden_size", 34}}, "num_heads times a multiple of 4");
  BOOST_TEST(read_with("vision_config", {{"tokens_per_second", 2}}).ok());
  refused("audio_config", {{"n_window", 2000}}, "max_source_positions at most", older);
  refused("audio_config", {{"activation_function", "relu"}}, "expected gelu", older);
  refused("audio_config", {{"downsample_hidden_size", 4}}, "downsample_hidden_size", older);
  refused("vision_config", {{"hidden_act", "gelu"}}, "expected silu", older);
  refused("vision_config", {{"window_size", 7}}, "patch_size times spatial_merge_size", older);
  refused("vision_config", {{"fullatt_block_indexes", 1}}, "a list of layers", older);
  refused("vision_config", {{"deepstack_visual_indexes", {1}}}, "deepstack", older);
  // As the published config.json has it.
  BOOST_TEST(read_with("vision_config",
                       {{"embed_dim", 1280},
                        {"in_chans", 3},
                        {"spatial_patch_size", 14},
                        {"init_std", 0.02},
                        {"tokens_per_second", 25}},
                       older)
                 .ok());
}
