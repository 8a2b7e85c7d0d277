// A small Qwen3-Omni as a user runs it: thinker and talker from one folder, in processes of their
// own, alone and split over ranks.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/media_model.hpp"
#include "tests/omni_runs.hpp"

using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path model = fs::path(FIXTURES) / "qwen3_omni_moe";

// The last stage has dummy weights: it makes of equal codes equal sounds, of other codes others.
std::string config(int ranks, const std::string& more = "", const fs::path& folder = model) {
  const std::string engine =
      "model: " + folder.string() +
      ", activations: float32, tensor_parallel_size: " + std::to_string(ranks);
  return "stage_args:\n"
         "  - stage_id: 0\n"
         "    engine_args: {model_stage: thinker, " +
         engine +
         "}\n"
         "    final_output: true\n"
         "    final_output_type: text\n"
         "    default_sampling_params: {temperature: 0, max_tokens: 24}\n"
         "  - stage_id: 1\n"
         "    engine_args: {model_stage: talker, " +
         engine + more +
         "}\n"
         "    engine_input_source: [0]\n"
         "    default_sampling_params: {temperature: 0, max_tokens: 21}\n"
         "  - stage_id: 2\n"
         "    engine_args:\n"
         "      model_stage: code2wav\n"
         "      model_shape: {layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: "
         "32,\n"
         "                    codebooks: 4, codebook_size: 32, channels: 8, upsampling: [2, 2]}\n"
         "    engine_input_source: [1]\n"
         "    final_output: true\n"
         "    final_output_type: audio\n"
         "runtime:\n"
         "  edges: [{from: 0, to: 1}, {from: 1, to: 2}]\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(tokens_are_those_of_the_reference_and_the_sound_is_the_same_on_two_ranks) {
  check_on_one_rank_and_on_two(model, [](int ranks) { return config(ranks); });
}

BOOST_AUTO_TEST_CASE(a_folder_alone_gives_the_text_and_the_sound_of_the_reference) {
  const Folder folder;
  const json expected = expected_of(model);
  const json overrides = {{"0",
                           {{"dtype", "float32"},
                            {"default_sampling_params", {{"temperature", 0}, {"max_tokens", 24}}}}},
                          {"1",
                           {{"dtype", "float32"},
                            {"default_sampling_params", {{"temperature", 0}, {"max_tokens", 21}}}}},
                          {"2", {{"dtype", "float32"}}}};
  const std::string out = run_prompts(
      expected, "--model " + model.string() + " --stage-overrides '" + overrides.dump() + "'",
      folder.path / "out");
  check_answers(expected, out, [&](const json& output, const json& wanted) {
    // After a header of 44 bytes, 16 bits a sample.
    const std::string wav = read_file(out + "/" + output["request_id"].get<std::string>() + ".wav");
    BOOST_REQUIRE(wav.size() == 44 + 2 * wanted["wave"].size());
    for (std::size_t i = 0; i < wanted["wave"].size(); ++i) {
      std::int16_t level = 0;
      std::memcpy(&level, wav.data() + 44 + 2 * i, sizeof level);
      BOOST_TEST(std::abs(level - 32767 * wanted["wave"][i].get<float>()) < 1.5f);
    }
  });
}

BOOST_AUTO_TEST_CASE(files_of_the_command_line_are_read_in_their_order_on_one_rank_and_on_two) {
  const Folder folder;
  copy_media_model(model, folder.path / "model");
  const std::string media = (fs::path(FIXTURES) / "media/").string(),
                    picture = " --image " + media + "rgba.png",
                    sound = " --audio " + media + "mono_22050.flac";
  std::vector<std::string> answers;
  int number = 0;
  for (const auto& [ranks, files] : {std::pair{1, picture + sound}, std::pair{2, picture + sound},
                                     std::pair{1, sound + picture}}) {
    const std::string out = (folder.path / std::to_string(number++)).string();
    const auto file =
        write_file(folder.path / "media.yaml", config(ranks, "", folder.path / "model"));
    const Ran ran = limelight_command("run --prompt ka --logprobs 0 --config " + file.string() +
                                      files + " --output-dir " + out);
    BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
    std::string tokens;
    const json output = json::parse(read_file(out + "/outputs.jsonl"));
    for (const json& one : output["logprobs"])
      tokens += one["token_id"].dump() + " " + one["logprob"].dump().substr(0, 5) + "\n";
    answers.push_back(tokens + read_file(out + "/0.wav"));
  }
  BOOST_TEST((answers[0] == answers[1]));
  BOOST_TEST((answers[0] != answers[2]));
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_read_are_refused_before_anything_starts) {
  const Folder folder;
  const auto file = write_file(folder.path / "a.yaml", config(1));
  const auto cut = write_file(folder.path / "cut.png", "\x89PNG\r\n\x1a\n");
  const std::string flags[] = {"--image /no/such.png", "--audio " + cut.string(),
                               "--image " + cut.string()};
  for (const std::string& flag : flags) {
    const Ran ran = limelight_command("run --prompt ka --config " + file.string() + " " + flag);
    BOOST_TEST(ran.code == 2, ran.output);
    BOOST_TEST(ran.output.find(flag.substr(8)) != std::string::npos, ran.output);
    BOOST_TEST(ran.output.find("starting") == std::string::npos, ran.output);
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_together_is_refused_before_it_starts) {
  check_refused(config(1, ", speaker: nobody"),
                "key 'speaker': found 'nobody', expected one of chelsie, ethan");
  std::string other = config(1);
  const std::string of_talker = "talker, model: " + model.string();
  other.replace(other.find(of_talker), of_talker.size(),
                "talker, model: " + (fs::path(FIXTURES) / "qwen2").string());
  check_refused(other, "a text model has no talker");
}
