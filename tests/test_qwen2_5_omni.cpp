// A small Qwen2.5-Omni as a user runs it: thinker and talker from one folder, in processes of their
// own, alone and split over ranks.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/run_command.hpp"
#include "tests/support.hpp"

using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path model = fs::path(FIXTURES) / "qwen2_5_omni";

// The last stage has dummy weights: it makes of equal codes equal sounds, of other codes others.
std::string config(int ranks, const std::string& more = ", speaker: Ethan") {
  const std::string engine =
      "model: " + model.string() +
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
         "    default_sampling_params: {temperature: 0, max_tokens: 20}\n"
         "  - stage_id: 2\n"
         "    engine_args:\n"
         "      model_stage: code2wav\n"
         "      model_shape: {layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: "
         "32,\n"
         "                    codebooks: 1, codebook_size: 48, channels: 8, upsampling: [2, 2]}\n"
         "    engine_input_source: [1]\n"
         "    final_output: true\n"
         "    final_output_type: audio\n"
         "runtime:\n"
         "  edges:\n"
         "    - {from: 0, to: 1, from_port: tokens, to_port: tokens}\n"
         "    - {from: 0, to: 1, from_port: hidden, to_port: hidden}\n"
         "    - {from: 1, to: 2}\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(tokens_are_those_of_the_reference_and_the_sound_is_the_same_on_two_ranks) {
  const Folder folder;
  const json expected = json::parse(read_file(model / "expected.json"));
  {
    std::ofstream prompts(folder.path / "prompts.jsonl");
    for (const json& prompt : expected)
      prompts << json{{"prompt_token_ids", prompt["ids"]}, {"logprobs", 0}} << "\n";
  }
  std::vector<std::string> outs;
  for (const int ranks : {1, 2}) {
    const std::string number = std::to_string(ranks);
    const auto file = write_file(folder.path / (number + ".yaml"), config(ranks));
    outs.push_back((folder.path / ("out" + number)).string());
    const Ran ran = limelight_command("run --config " + file.string() + " --prompts " +
                                      (folder.path / "prompts.jsonl").string() + " --output-dir " +
                                      outs.back());
    BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  }
  std::ifstream lines(outs[0] + "/outputs.jsonl");
  std::size_t seen = 0;
  for (std::string line; std::getline(lines, line); ++seen) {
    const json output = json::parse(line);
    const json& wanted = expected[std::stoul(output["request_id"].get<std::string>())];
    std::vector<int> answer;
    for (const json& one : output["logprobs"]) answer.push_back(one["token_id"]);
    BOOST_TEST(answer == wanted["answer"].get<std::vector<int>>(),
               boost::test_tools::per_element());
    for (const json& stage : output["stages"])  // in the order in which they ended
      if (stage["stage_id"] == 1) BOOST_TEST(stage["num_tokens_out"] == wanted["codes"].size());
  }
  BOOST_TEST(seen == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    for (const char* kind : {".txt", ".wav"}) {
      const std::string name = "/" + std::to_string(i) + kind;
      BOOST_TEST(!read_file(outs[0] + name).empty());
      BOOST_TEST((read_file(outs[0] + name) == read_file(outs[1] + name)), name);
    }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_spoken_is_refused_before_it_starts) {
  const Folder folder;
  const auto refused = [&](const std::string& text, const std::string& expected) {
    const auto file = write_file(folder.path / "bad.yaml", text);
    const Ran ran = limelight_command("run --prompt x --config " + file.string());
    BOOST_TEST(ran.code == 2);
    BOOST_TEST(ran.output.find(expected) != std::string::npos, ran.output);
  };
  refused(config(1, ", speaker: nobody"),
          "key 'speaker': found 'nobody', expected one of Chelsie, Ethan");
  std::string sounding = config(1);
  sounding.replace(sounding.find("code2wav"), 8, "code2wav\n      model: " + model.string());
  refused(sounding, "key 'model_type': found \"qwen2_5_omni\", expected qwen3_omni_moe");
  const Ran ran = limelight_command("run --prompt x --model " + model.string());
  BOOST_TEST(ran.code == 2);
  BOOST_TEST(ran.output.find("model qwen2_5_omni is not supported") != std::string::npos,
             ran.output);
}
