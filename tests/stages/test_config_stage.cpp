// The keys of a stage in a stage config.
#include <boost/test/unit_test.hpp>
#include <limelight/config.hpp>

#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(config_stage)

BOOST_AUTO_TEST_CASE(a_stage_says_which_steps_its_profiles_record) {
  const Folder folder;
  const std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml"), old = "  - stage_id: 0\n";
  const auto with = [&](const std::string& keys) {
    std::string changed = text;
    changed.insert(changed.find(old) + old.size(), "    profiler_config: {" + keys + "}\n");
    return stages::parse(write_file(folder.path / "changed.yaml", changed));
  };
  const auto config = with(
      "delay_iterations: 2, active_iterations: 3, repeat: 0, torch_profiler_with_memory: true, "
      "detail: block");
  if (!config) BOOST_FAIL(config.error().message);
  BOOST_TEST(config->find(0)->profiler.delay_iterations == 2u);
  BOOST_TEST(config->find(0)->profiler.active_iterations == 3u);
  BOOST_TEST(config->find(0)->profiler.repeat == 0u);
  BOOST_TEST(config->find(0)->profiler.with_memory);
  BOOST_TEST(config->find(0)->profiler.detail == "block");
  BOOST_TEST(config->find(1)->profiler.repeat == 1u);
  BOOST_TEST(!config->find(1)->profiler.with_memory);
  BOOST_TEST(with("wait_iterations: 1")->find(0)->profiler.active_iterations == 5u);
  for (const char* wrong :
       {"wait_iterations: -1", "repeat: 9999999999999", "wait: 1", "torch_profiler_with_stack: 3",
        "detail: layers", "active_iterations: 0, repeat: 2"})
    BOOST_TEST(!with(wrong).ok(), wrong);
}

BOOST_AUTO_TEST_CASE(default_sampling_params_have_the_ranges_of_a_request_s) {
  const Folder folder;
  const std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml"), old = "temperature: 0.4";
  const auto with = [&](const std::string& params) {
    std::string changed = text;
    changed.replace(changed.find(old), old.size(), params);
    return stages::parse(write_file(folder.path / "changed.yaml", changed));
  };
  const auto config = with("stop: [a, b], min_p: 0.1, logit_bias: {5: -1.5}, ignore_eos: true");
  if (!config) BOOST_FAIL(config.error().message);
  const stages::SamplingParams& p = config->stages.front().sampling;
  BOOST_TEST((p.stop == std::vector<std::string>{"a", "b"}));
  BOOST_TEST(p.min_p == 0.1f);
  BOOST_TEST(p.logit_bias.at(5) == -1.5f);
  BOOST_TEST(p.ignore_eos);
  BOOST_TEST(p.max_tokens.value() == 80);
  BOOST_TEST(with("temperature: -1")
                 .error()
                 .message.ends_with("key 'temperature': found '-1', expected 0 or more"));
  BOOST_TEST(with("presence_penalty: 3")
                 .error()
                 .message.ends_with("key 'presence_penalty': found '3', expected -2 to 2"));
}

BOOST_AUTO_TEST_CASE(a_rank_s_memory_is_for_its_weights_and_the_rest_for_its_cache) {
  const Folder folder;
  const std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml"), old = "weights_seed: 1";
  const auto with = [&](const std::string& keys) {
    std::string changed = text;
    changed.replace(changed.find(old), old.size(), "weights_seed: 1\n      " + keys);
    return stages::parse(write_file(folder.path / "changed.yaml", changed));
  };
  const auto cache = [&](const std::string& keys) {
    const auto config = with(keys);
    if (!config) BOOST_FAIL(config.error().message);
    return config->stages.front().cache.bytes;
  };
  const auto refusal = with("memory_bytes: 1000").error().message;
  const std::string expected = "changed.yaml:11: key 'memory_bytes': found 1000, expected ";
  const auto at = refusal.find(expected);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, refusal);
  const std::uint64_t least = std::stoull(refusal.substr(at + expected.size()));
  // For 2048 positions: 11 layers of keys and values of 4 heads of 32, and an output row of 640.
  const std::uint64_t longest = std::uint64_t{2048} * 4 * (11 * 2 * 4 * 32 + 640);
  BOOST_TEST(refusal.find(std::to_string(least - longest) + " for the weights of a rank and " +
                          std::to_string(longest) + " for the KV cache of one sequence") !=
                 std::string::npos,
             refusal);
  BOOST_TEST(cache("memory_bytes: " + std::to_string(least)) == longest);
  BOOST_TEST(cache("memory_bytes: " + std::to_string(least + 1000)) == longest + 1000);
  BOOST_TEST(cache("memory_bytes: 100000000000") == 0u);  // as much as without the key
  const std::string stated = "kv_cache_memory_bytes: 100000000\n      memory_bytes: ";
  BOOST_TEST(cache(stated + std::to_string(least - longest + 100'000'000)) == 100'000'000u);
  BOOST_TEST(with(stated + std::to_string(least - longest + 99'999'999))
                 .error()
                 .message.find("100000000 for the KV cache that the config asks for") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
