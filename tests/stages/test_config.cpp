// The stage config: what the shipped ones say, and what is wrong with others.
#include <boost/test/unit_test.hpp>
#include <limelight/config.hpp>

#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(ranks_count_up_over_the_stages_of_a_shipped_config) {
  const auto config = stages::parse(CONFIG_DIR "/omni_tiny_tp2.yaml");
  if (!config) BOOST_FAIL(config.error().message);
  BOOST_TEST(config->world_size() == 4);
  const int first[] = {0, 2, 3};
  for (const int stage : {0, 1, 2}) BOOST_TEST(config->first_rank(stage) == first[stage]);
  const int stage_of[] = {0, 0, 1, 2};
  for (const int rank : {0, 1, 2, 3})
    BOOST_TEST(config->stage_of(rank)->stage_id == stage_of[rank]);
  BOOST_TEST((config->stage_of(4) == nullptr));
  BOOST_TEST((config->stage_of(-1) == nullptr));
  BOOST_TEST((config->find(3) == nullptr));
  BOOST_TEST(config->find(1)->model_stage == "talker");
  BOOST_TEST(config->edges.size() == 2u);
  BOOST_TEST(config->find(0)->sampling.seed.value() == 42u);
}

BOOST_AUTO_TEST_CASE(stages_stand_in_the_order_of_the_flow_whatever_that_of_the_file) {
  const Folder folder;
  std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
  const auto first = text.find("  - stage_id: 0"), second = text.find("  - stage_id: 1"),
             third = text.find("  - stage_id: 2");
  BOOST_REQUIRE(third != std::string::npos);
  const std::string moved = text.substr(first, second - first);
  text.insert(third, moved).erase(first, second - first);
  const auto config = stages::parse(write_file(folder.path / "moved.yaml", text));
  if (!config) BOOST_FAIL(config.error().message);
  for (const int stage : {0, 1, 2})
    BOOST_TEST(config->stages[static_cast<std::size_t>(stage)].stage_id == stage);
}

BOOST_AUTO_TEST_CASE(whole_numbers_are_decimal_and_in_range) {
  const Folder folder;
  const std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml"), old = "weights_seed: 1";
  const auto with = [&](const std::string& value) {
    std::string changed = text;
    changed.replace(changed.find(old), old.size(), "weights_seed: " + value);
    return stages::parse(write_file(folder.path / "changed.yaml", changed));
  };
  BOOST_TEST(with("18446744073709551615").ok());
  for (const char* wrong : {"-1", "010", "0x10", "1e3", "1.0", "18446744073709551616", "' 1'"})
    BOOST_TEST(with(wrong).error().message.find("key 'weights_seed': found '") != std::string::npos,
               wrong);
}

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

BOOST_AUTO_TEST_CASE(what_is_no_config_is_refused_with_its_file) {
  const Folder folder;
  const auto none = stages::parse(folder.path / "none.yaml");
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::not_found));
  for (const char* text :
       {"", "- 1", "stage_args: 3", "stage_args: []", "a: [", "stage_args: [{}]", "other: 1"}) {
    const auto path = write_file(folder.path / "bad.yaml", text);
    const auto refused = stages::parse(path);
    BOOST_REQUIRE_MESSAGE(!refused.ok(), text);
    BOOST_TEST((refused.error().code == ErrorCode::invalid_argument), text);
    BOOST_TEST(refused.error().message.find(path.string()) != std::string::npos,
               refused.error().message);
  }
}

BOOST_AUTO_TEST_CASE(edges_find_their_ports_and_outputs_that_nobody_reads_are_known) {
  const auto config = stages::parse(CONFIG_DIR "/omni_tiny.yaml");
  if (!config) BOOST_FAIL(config.error().message);
  BOOST_TEST(config->edges[0].output == 1);  // hidden
  BOOST_TEST(config->edges[0].input == 0);
  BOOST_TEST(config->find(0)->user_output == 0);  // text
  BOOST_TEST(config->find(0)->reads(1));
  BOOST_TEST(config->find(1)->user_output == -1);
  const Folder folder;
  std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
  const auto first = text.find("    final_output: true");
  BOOST_REQUIRE(first != std::string::npos);
  text.replace(first, 22, "    final_output: false");
  const auto silent = stages::parse(write_file(folder.path / "silent.yaml", text));
  if (!silent) BOOST_FAIL(silent.error().message);
  BOOST_TEST(!silent->find(0)->reads(0));
}

BOOST_AUTO_TEST_CASE(a_graph_that_cannot_be_is_refused_by_its_ports) {
  const Folder folder;
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
    const auto at = text.find(from);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, from);
    text.replace(at, from.size(), to);
    const auto path = write_file(folder.path / "bad.yaml", text);
    const auto config = stages::parse(path);
    BOOST_REQUIRE_MESSAGE(!config.ok(), to);
    BOOST_TEST(config.error().message.starts_with(path.string() + ":"), config.error().message);
    return config.error().message;
  };
  const auto says = [&](const std::string& message, const std::string& what) {
    BOOST_TEST(message.find(what) != std::string::npos, message);
  };
  says(refused("{from: 0, to: 1", "{from: 0, to: 2"),
       "0 ways to join stage 0 (thinker: text, hidden with hidden_states, tokens) to stage 2 "
       "(code2wav: "
       "codes), expected an output and an input that carry the same");
  says(refused("{from: 0, to: 1", "{from_port: text, from: 0, to: 1"), "0 ways to join");
  says(refused("{from: 0, to: 1", "{to_port: nothing, from: 0, to: 1"), "0 ways to join");
  says(refused("final_output_type: text", "final_output_type: audio"),
       "key 'final_output_type': found 'audio' for a thinker (text, hidden with hidden_states, "
       "tokens)");
  says(refused("model_stage: talker", "model_stage: singer"),
       "key 'model_stage': found 'singer', expected one of code2wav, talker, thinker");
  says(refused("input_hidden: 640", "input_hidden: 64"),
       "key 'input_hidden': found 64, expected 640");
  says(refused("max_inflight: 4", "max_inflight: 4}\n  supervision: {max_retries: -1"),
       "key 'max_retries': found '-1', expected 0 to 100");
  says(refused("  - stage_id: 1\n", "  - stage_id: 1\n    num_replicas: 65\n"),
       "key 'num_replicas': found '65', expected a whole number from 1 to 64");
}

BOOST_AUTO_TEST_CASE(what_iceoryx_cannot_hold_is_refused_with_the_limit) {
  const Folder folder;
  const auto with = [&](const std::vector<std::pair<std::string, std::string>>& changes) {
    std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
    for (const auto& [from, to] : changes) text.replace(text.find(from), from.size(), to);
    return stages::parse(write_file(folder.path / "large.yaml", text));
  };
  const auto replicas = [](int stage, int count) {
    const std::string at = "  - stage_id: " + std::to_string(stage) + "\n";
    return std::pair(at, at + "    num_replicas: " + std::to_string(count) + "\n");
  };
  const auto says = [](const auto& config, const std::string& what) {
    BOOST_REQUIRE(!config.ok());
    BOOST_TEST(config.error().message.find(what) != std::string::npos, config.error().message);
  };
  // As many as there may be: 32 channels into a stage.
  const auto largest = with({replicas(0, 1), replicas(1, 32)});
  if (!largest) BOOST_FAIL(largest.error().message);
  BOOST_TEST(largest->world_size() == 34);
  BOOST_TEST(largest->replicas().back().first_rank == 33);
  BOOST_TEST(largest->replica_of(32)->index == 31);
  says(with({replicas(1, 33)}),
       "found 33 channels into stage 2, one for each edge and replica of "
       "its source, and each attachment, expected at most 32");
  says(with({replicas(0, 16), replicas(1, 32)}),
       "found 561 channels, one for each edge between two replicas, attachment and final output, "
       "expected at most 506: iceoryx has no more publishers");
  says(with({replicas(0, 19),
             {"model_stage: thinker", "model_stage: thinker\n      tensor_parallel_size: 16"}}),
       "kv_heads");  // the shape has four
  says(with({replicas(0, 64),
             {"model_stage: thinker", "model_stage: thinker\n      tensor_parallel_size: 4"},
             replicas(1, 64)}),
       "found 321 ranks (stages, num_replicas, tensor_parallel_size), expected at most 295: "
       "iceoryx attaches no more processes to its broker");
}

BOOST_AUTO_TEST_SUITE_END()
