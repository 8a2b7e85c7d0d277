// A small Qwen2.5-Omni as a user runs it: thinker, talker and token2wav from one folder, in
// processes of their own, alone and split over ranks.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/omni_runs.hpp"

using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path model = fs::path(FIXTURES) / "qwen2_5_omni";

std::string config(int ranks, const std::string& more = ", speaker: Ethan") {
  const std::string engine = "model: " + model.string() + ", activations: float32",
                    split = ", tensor_parallel_size: " + std::to_string(ranks);
  return "stage_args:\n"
         "  - stage_id: 0\n"
         "    engine_args: {model_stage: thinker, " +
         engine + split +
         "}\n"
         "    final_output: true\n"
         "    final_output_type: text\n"
         "    default_sampling_params: {temperature: 0, max_tokens: 24}\n"
         "  - stage_id: 1\n"
         "    engine_args: {model_stage: talker, " +
         engine + split + more +
         "}\n"
         "    engine_input_source: [0]\n"
         "    default_sampling_params: {temperature: 0, max_tokens: 20}\n"
         "  - stage_id: 2\n"
         "    engine_args: {model_stage: code2wav, codec_chunk_frames: 7, " +
         engine + more +
         "}\n"
         "    engine_input_source: [1]\n"
         "    final_output: true\n"
         "    final_output_type: audio\n"
         "    default_sampling_params: {seed: 42}\n"
         "runtime:\n"
         "  edges:\n"
         "    - {from: 0, to: 1, from_port: tokens, to_port: tokens}\n"
         "    - {from: 0, to: 1, from_port: hidden, to_port: hidden}\n"
         "    - {from: 1, to: 2}\n";
}

// As vLLM-Omni 0.30 brings it, with what the reference did in place of its sampling.
constexpr const char* deploy = R"(async_chunk: false
stages:
  - stage_id: 0
    max_num_batched_tokens: 32768
    max_num_seqs: 1
    gpu_memory_utilization: 0.8
    enforce_eager: true
    trust_remote_code: true
    enable_prefix_caching: false
    mm_processor_cache_gb: 0
    devices: "0"
    dtype: float32
    default_sampling_params: {temperature: 0.0, max_tokens: 24, seed: 42}
  - stage_id: 1
    max_num_batched_tokens: 32768
    max_num_seqs: 1
    enforce_eager: true
    devices: "1"
    dtype: float32
    speaker: Ethan
    default_sampling_params: {temperature: 0.0, max_tokens: 20, seed: 42}
  - stage_id: 2
    max_num_seqs: 1
    gpu_memory_utilization: 0.15
    enable_flashinfer_autotune: false
    async_scheduling: false
    devices: "0"
    speaker: Ethan
    default_sampling_params: {temperature: 0.0, top_k: -1, max_tokens: 2048, seed: 42}
)";

// After a header of 44 bytes, 16 bits a sample.
void check_waves(const std::string& out, const json& expected) {
  check_answers(expected, out, [&](const json& output, const json& wanted) {
    const std::string wav = read_file(out + "/" + output["request_id"].get<std::string>() + ".wav");
    BOOST_REQUIRE(wav.size() == 44 + 2 * wanted["wave"].size());
    float apart = 0;
    for (std::size_t i = 0; i < wanted["wave"].size(); ++i) {
      std::int16_t level = 0;
      std::memcpy(&level, wav.data() + 44 + 2 * i, sizeof level);
      apart = std::max(apart, std::abs(level - 32767 * wanted["wave"][i].get<float>()));
    }
    BOOST_TEST(apart < 3);  // 1e-4 of the loudest
  });
}

}  // namespace

BOOST_AUTO_TEST_CASE(tokens_are_those_of_the_reference_and_the_sound_is_the_same_on_two_ranks) {
  check_on_one_rank_and_on_two(model, [](int ranks) { return config(ranks); });
}

BOOST_AUTO_TEST_CASE(a_folder_and_a_deploy_config_give_the_text_and_the_sound_of_the_reference) {
  const Folder folder;
  const json expected = expected_of(model);
  const auto file = write_file(folder.path / "qwen2_5_omni.yaml", deploy);
  check_waves(
      run_prompts(expected, "--model " + model.string() + " --deploy-config " + file.string(),
                  folder.path / "deployed"),
      expected);
  // In chunks, from a stage config.
  const auto stages = write_file(folder.path / "stages.yaml", config(1));
  check_waves(run_prompts(expected, "--config " + stages.string(), folder.path / "chunks"),
              expected);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_spoken_is_refused_before_it_starts) {
  check_refused(config(1, ", speaker: nobody"),
                "key 'speaker': found 'nobody', expected one of Chelsie, Ethan");
  std::string other = config(1);
  const std::string ethan = "speaker: Ethan";
  other.replace(other.rfind(ethan), ethan.size(), "speaker: Chelsie");
  check_refused(other, "'speaker': found Chelsie, expected Ethan, as stage 1 has");
  const Folder copy;
  for (const auto& file : fs::directory_iterator(model))
    if (file.path().filename() != "speakers.safetensors")
      fs::copy(file.path(), copy.path / file.path().filename());
  const Ran ran = limelight_command("run --prompt x --model " + copy.path.string());
  BOOST_TEST(ran.code == 2);
  BOOST_TEST(ran.output.find("convert_speakers.py makes it of spk_dict.pt") != std::string::npos,
             ran.output);
}
