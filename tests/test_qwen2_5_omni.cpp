// A small Qwen2.5-Omni as a user runs it: thinker and talker from one folder, in processes of their
// own, alone and split over ranks.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "tests/omni_runs.hpp"

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
  check_on_one_rank_and_on_two(model, [](int ranks) { return config(ranks); });
}

BOOST_AUTO_TEST_CASE(what_cannot_be_spoken_is_refused_before_it_starts) {
  check_refused(config(1, ", speaker: nobody"),
                "key 'speaker': found 'nobody', expected one of Chelsie, Ethan");
  std::string sounding = config(1);
  sounding.replace(sounding.find("code2wav"), 8, "code2wav\n      model: " + model.string());
  check_refused(sounding, "key 'model_type': found \"qwen2_5_omni\", expected qwen3_omni_moe");
  const Ran ran = limelight_command("run --prompt x --model " + model.string());
  BOOST_TEST(ran.code == 2);
  BOOST_TEST(ran.output.find("model qwen2_5_omni is not supported") != std::string::npos,
             ran.output);
}
