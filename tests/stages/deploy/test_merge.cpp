// What goes over what: bases, platforms, overrides, and YAML's own aliases.
#include <boost/test/unit_test.hpp>

#include "stages/deploy/merge.hpp"
#include "tests/stages/deploy/written.hpp"

using namespace limelight;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(deploy_merge)

BOOST_AUTO_TEST_CASE(an_overlay_goes_over_its_base_stage_by_stage) {
  const Written written;
  written.file("ground.yaml",
               "dtype: bfloat16\nenable_prefix_caching: false\nstages:\n"
               "  - {stage_id: 0, max_num_seqs: 2, max_model_len: 32, env: {A: 1}}\n");
  written.file("base.yaml",
               "base_config: ground.yaml\ndtype: float32\nstages:\n"
               "  - stage_id: 0\n    env: {B: 2}\n"
               "    default_sampling_params: {temperature: 0.5, seed: 1}\n");
  const auto config = written.with(
      "base_config: base.yaml\nstages:\n  - stage_id: 0\n"
      "    max_num_seqs: 3\n    max_model_len: null\n"
      "    default_sampling_params: {seed: 2}\n");
  const StageConfig stage = stage_of(config);
  BOOST_TEST(stage.max_batch_size == 3);
  BOOST_TEST(stage.shape.max_model_len ==
             stage_of(pipeline_of({.model = model})).shape.max_model_len);
  BOOST_TEST((stage.env == std::map<std::string, std::string>{{"B", "2"}}));  // replaced, as there
  BOOST_TEST((stage.cpu.activations == stages::Activations::float32));
  BOOST_TEST(!stage.cache.share_prefixes);
  BOOST_TEST(stage.sampling.temperature == 0.5f);
  BOOST_TEST(stage.sampling.seed.value() == 2u);
}

BOOST_AUTO_TEST_CASE(bases_that_cannot_be_read_are_errors) {
  const Written written;
  TEST_FINDS(refusal(written.with("\nbase_config: none.yaml\n")),
             "deploy.yaml:2: key 'base_config': found 'none.yaml', expected a file");
  written.file("a.yaml", "base_config: deploy.yaml\n");
  TEST_FINDS(refusal(written.with("base_config: a.yaml\n")),
             "expected a file that is not based on this one");
  written.file("b.yaml", "\n\nstages: [{stage_id: 0, max_num_seqs: x}]\n");
  TEST_FINDS(refusal(written.with("base_config: b.yaml\n")),
             "b.yaml:3: key 'max_num_seqs': found 'x'");
}

BOOST_AUTO_TEST_CASE(the_platform_is_that_of_the_stage_s_device) {
  const Written written;
  const std::string text = R"(
stages:
  - stage_id: 0
    devices: cpu
    max_num_seqs: 2
    max_model_len: 32
    env: {A: 1}
    default_sampling_params: {temperature: 0.5, seed: 1}
platforms:
  cpu:
    stages:
      - stage_id: 0
        max_num_seqs: 3
        env: {B: 2}
        default_sampling_params: {seed: 2}
  cuda:
    stages: [{stage_id: 0, max_num_seqs: 5}]
  npu:
    stages: [{stage_id: 0, max_num_seqs: 6, quantization: fp8}]
)";
  const StageConfig stage = stage_of(written.with(text));
  BOOST_TEST(stage.max_batch_size == 3);
  BOOST_TEST(stage.shape.max_model_len == 32);
  BOOST_TEST((stage.env == std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}}));
  BOOST_TEST(stage.sampling.temperature == 0.5f);
  BOOST_TEST(stage.sampling.seed.value() == 2u);
  // A GPU that must be there is one.
  BOOST_TEST(stage_of(written.with(text, R"({"0": {"devices": "cuda:0"}})")).max_batch_size == 5);
  TEST_FINDS(refusal(written.with("platforms: {abacus: {}}")),
             "deploy.yaml:1: key 'abacus': found an unknown platform");
}

BOOST_AUTO_TEST_CASE(replicas_get_the_gpus_that_vllm_omni_gives_them) {
  const Written written;
  const auto devices = [&](const std::string& keys) {
    return stage_of(written.with("stages: [{stage_id: 0, " + keys + "}]")).devices;
  };
  BOOST_TEST(devices("devices: \"0\", num_replicas: 3") == "0,1,2");
  BOOST_TEST(devices("devices: \"1,0\", tensor_parallel_size: 2, num_replicas: 2") == "1,0,3,2");
  BOOST_TEST(devices("devices: \"4,5\", num_replicas: 2") == "4,5");
  BOOST_TEST(devices("devices: 1") == "1");
  BOOST_TEST(devices("devices: \"0, 1\", tensor_parallel_size: 2") == "0,1");
  TEST_FINDS(refusal(written.with("stages: [{stage_id: 0, devices: \"1\", num_replicas: 2}]")),
             "key 'devices': found '1', expected 2 numbers of GPUs for 2 replicas");
}

BOOST_AUTO_TEST_CASE(overrides_go_over_everything) {
  const Written written;
  const std::string text =
      "stages: [{stage_id: 0, max_num_seqs: 2, max_model_len: 32,\n"
      "  default_sampling_params: {temperature: 0.5, seed: 1}}]";
  const auto with = [&](const std::string& json) { return written.with(text, json); };
  const StageConfig stage =
      stage_of(with("{\"0\": {\"max_num_seqs\": 4, \"max_model_len\": null, "
                    "\"default_sampling_params\": {\"seed\": 3}}}"));
  BOOST_TEST(stage.max_batch_size == 4);
  BOOST_TEST(stage.shape.max_model_len == 32);
  BOOST_TEST(stage.sampling.temperature == 0.5f);
  BOOST_TEST(stage.sampling.seed.value() == 3u);
  BOOST_TEST(
      stage_of(pipeline_of({.model = model, .stage_overrides = R"({"0": {"max_num_seqs": 9}})"}))
          .max_batch_size == 9);
  TEST_FINDS(refusal(with("{\"1\": {}}")), "--stage-overrides: key '1': found a stage that the");
  TEST_FINDS(refusal(with("{\"-1\": {}}")), "--stage-overrides: key '-1'");
  TEST_FINDS(refusal(with("{\"0\": 3}")), "--stage-overrides: key '0': found '3'");
  TEST_FINDS(refusal(with("{\"0\": {\"max_seqs\": 3}}")), "'max_seqs': found an unknown key");
  TEST_FINDS(refusal(with("{\"0\": {\"max_num_seqs\": -3}}")),
             "--stage-overrides: key 'max_num_seqs': found '-3'");
  TEST_FINDS(refusal(with("{\"0\": {\"devices\": \"gpu\"}}")), "key 'devices': found 'gpu'");
  TEST_FINDS(refusal(with("{\"0\": {}, \"0\": {}}")), "a second time");
  for (const char* text_of : {"[]", "{", "0: {}", "{'0': {}}"})
    TEST_FINDS(refusal(with(text_of)), "expected a JSON object");
}

BOOST_AUTO_TEST_CASE(no_small_file_makes_a_large_tree) {
  const Written written;
  std::string bomb = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*x" + std::to_string(i - 1);
    bomb += "x" + std::to_string(i) + ": &x" + std::to_string(i) + " [" + before;
    for (int k = 0; k < 9; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  TEST_FINDS(refusal(written.with(bomb)), "aliases counted as what they stand for");
  TEST_FINDS(refusal(written.with("stages: &a [*a]\n")), "deep, expected fewer levels");
  TEST_FINDS(refusal(written.with("a: " + std::string(40, '[') + std::string(40, ']'))),
             "deep, expected fewer levels");
  BOOST_TEST(refusal(written.with(std::string(100'000, '['))) != "nothing was refused");
  TEST_FINDS(refusal(written.with("a: " + std::string(2'000'000, 'x'))),
             "expected a deploy config");
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "{\"a\":";
  BOOST_TEST(refusal(written.with("{}", deep + "1" + std::string(2000, '}'))) !=
             "nothing was refused");
}

BOOST_AUTO_TEST_CASE(yaml_s_own_merge_key_is_understood) {
  const Written written;
  const StageConfig stage = stage_of(
      written.with("stages:\n  - <<: &x {max_num_seqs: 3, max_model_len: 32}\n    stage_id: 0\n"
                   "    max_num_seqs: 5\n"));
  BOOST_TEST(stage.max_batch_size == 5);
  BOOST_TEST(stage.shape.max_model_len == 32);
}

BOOST_AUTO_TEST_SUITE_END()
