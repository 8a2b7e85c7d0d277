// The keys of deploy configs: obeyed, listed as ignored, or refused, with file and line.
#include <boost/test/unit_test.hpp>

#include "stages/deploy/keys.hpp"
#include "tests/stages/deploy/written.hpp"

using namespace limelight;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(deploy_keys)

BOOST_AUTO_TEST_CASE(keys_of_a_stage_are_obeyed) {
  const Written written;
  const auto config = written.with(R"(
async_chunk: true
stages:
  - stage_id: 0
    devices: "cpu"
    num_replicas: 2
    tensor_parallel_size: 2
    max_num_seqs: 8
    max_num_batched_tokens: 1_024
    max_model_len: 64
    kv_cache_memory_bytes: 16777216
    block_size: 32
    enable_prefix_caching: false
    dtype: float32
    env: {A: 1, B: "two words"}
    default_sampling_params: {temperature: 0.5, top_k: -1, seed: 7, max_tokens: 9, detokenize: true}
    profiler_config: {profiler: torch, torch_profiler_dir: /tmp/profiles, delay_iterations: 3,
      wait_iterations: 1, warmup_iterations: 2, repeat: 4, max_iterations: 50,
      torch_profiler_record_shapes: false, torch_profiler_with_flops: true,
      torch_profiler_with_stack: false}
)");
  const StageConfig stage = stage_of(config);
  BOOST_TEST(config->world_size() == 4);
  BOOST_TEST(stage.max_batch_size == 8);
  BOOST_TEST(stage.max_num_batched_tokens == 1024);
  BOOST_TEST(stage.shape.max_model_len == 64);
  BOOST_TEST(stage.cache.bytes == 16777216u);
  BOOST_TEST(stage.cache.block_size == 32);
  BOOST_TEST(!stage.cache.share_prefixes);
  BOOST_TEST((stage.cpu.activations == stages::Activations::float32));
  BOOST_TEST((stage.env == std::map<std::string, std::string>{{"A", "1"}, {"B", "two words"}}));
  BOOST_TEST(stage.sampling.temperature == 0.5f);
  BOOST_TEST(stage.sampling.top_k == -1);
  BOOST_TEST(stage.sampling.seed.value() == 7u);
  BOOST_TEST(stage.sampling.max_tokens.value() == 9);
  BOOST_TEST(config->max_inflight == 16);
  BOOST_TEST(config->profile_dir.string() == "/tmp/profiles");
  BOOST_TEST(stage.profiler.delay_iterations == 3u);
  BOOST_TEST(stage.profiler.max_iterations == 50u);
  BOOST_TEST(stage.profiler.wait_iterations == 1u);
  BOOST_TEST(stage.profiler.warmup_iterations == 2u);
  BOOST_TEST(stage.profiler.active_iterations == 5u);  // vLLM's own number
  BOOST_TEST(stage.profiler.repeat == 4u);
  BOOST_TEST(!stage.profiler.record_shapes);
  BOOST_TEST(stage.profiler.with_flops);
  BOOST_TEST(ignored_keys(config) == "profiler detokenize");
}

BOOST_AUTO_TEST_CASE(the_other_form_of_a_stage_is_read_as_well) {
  const Written written;
  const StageConfig stage = stage_of(written.with(R"(
stages:
  - stage_id: 0
    max_num_seqs: 2
    max_model_len: 32
    default_sampling_params: {temperature: 0.5, seed: 1}
    engine_args: {max_num_seqs: 3, default_sampling_params: {seed: 2}}
    engine_extras: {max_model_len: 48}
    runtime: {num_replicas: 2, devices: cpu}
)"));
  BOOST_TEST(stage.max_batch_size == 3);
  BOOST_TEST(stage.shape.max_model_len == 48);
  BOOST_TEST(stage.num_replicas == 2);
  BOOST_TEST(stage.sampling.temperature == 0.5f);
  BOOST_TEST(stage.sampling.seed.value() == 2u);
}

BOOST_AUTO_TEST_CASE(keys_that_mean_nothing_are_listed_once) {
  const Written written;
  const auto config = written.with(R"(
trust_remote_code: true
model_runner: v2
connectors: {shm: {name: SharedMemoryConnector, extra: {codec_chunk_frames: 25}}}
stages:
  - stage_id: 0
    moe_backend: triton
    compilation_config: {cudagraph_mode: PIECEWISE}
    trust_remote_code: true
    enforce_eager: false
    max_num_seqs: 1000
    data_parallel_size: 1
    quantization: null
    hf_overrides: {quantization_config: null}
  - stage_id: 1
    max_num_seqs: 64
)");
  BOOST_TEST(stage_of(config).max_batch_size == 256);
  BOOST_TEST(ignored_keys(config) ==
             "trust_remote_code model_runner connectors stages[1] moe_backend compilation_config "
             "enforce_eager max_num_seqs above 256");
}

BOOST_AUTO_TEST_CASE(keys_that_would_change_results_are_refused) {
  const Written written;
  for (const char* line :
       {"quantization: fp8", "dtype: float16", "data_parallel_size: 2", "pipeline_parallel_size: 2",
        "hf_overrides: {rope_theta: 5}", "load_format: dummy", "kv_cache_dtype: fp8",
        "tokenizer: gpt2", "model: other", "seed: 5", "skip_tokenizer_init: true",
        "distributed_executor_backend: ray", "speculative_config: {model: x}",
        "default_sampling_params: {structured_outputs: {json: x}}",
        "default_sampling_params: {skip_special_tokens: false}", "ulysses_degree: 2",
        "logits_processors: [a:B]", "sequence_parallel_size: 4"}) {
    const std::string text =
        refusal(written.with("stages:\n  - stage_id: 0\n    " + std::string(line) + "\n"));
    const std::string all = line;
    const std::string first = all.starts_with("default") ? "default_sampling_params: {" : "";
    const std::string key = all.substr(first.size(), all.find(':', first.size()) - first.size());
    TEST_FINDS(text, "deploy.yaml:3: key '" + key + "': found");
  }
  TEST_FINDS(refusal(written.with("custom_voice_dir: voices\n")),
             "deploy.yaml:1: key 'custom_voice_dir': found 'voices', expected no such key");
  TEST_FINDS(refusal(written.with("\nquantization: fp8\n")), "deploy.yaml:2: key 'quantization'");
}

BOOST_AUTO_TEST_CASE(errors_name_file_line_and_key) {
  const Written written;
  const std::pair<const char*, const char*> cases[] = {
      {"stages:\n  - stage_id: 0\n    max_num_sequences: 3\n",
       "deploy.yaml:3: key 'max_num_sequences': found an unknown key in a stage"},
      {"stage: []\n", "deploy.yaml:1: key 'stage': found an unknown key in a deploy config"},
      {"stages: 3\n", "deploy.yaml:1: key 'stages': found '3', expected a list"},
      {"stages: [3]\n", "key 'stages': found '3', expected a map"},
      {"stages: [{devices: cpu}]\n", "key 'stage_id': found no such key"},
      {"stages: [{stage_id: -1}]\n", "key 'stage_id': found '-1'"},
      {"stages: [{stage_id: 99999999999999999999}]\n",
       "key 'stage_id': found '99999999999999999999'"},
      {"stages: [{stage_id: 0}, {stage_id: 0}]\n", "key 'stage_id': found '0' a second time"},
      {"stages: [{stage_id: 0, max_num_seqs: 0}]\n", "key 'max_num_seqs': found '0'"},
      {"stages: [{stage_id: 0, max_num_seqs: 1.5}]\n", "key 'max_num_seqs': found '1.5'"},
      {"stages: [{stage_id: 0, max_num_seqs: 010}]\n", "key 'max_num_seqs': found '010'"},
      {"stages: [{stage_id: 0, num_replicas: 65}]\n", "key 'num_replicas': found '65'"},
      {"stages: [{stage_id: 0, max_num_seqs: 2, max_num_seqs: 3}]\n",
       "key 'max_num_seqs': found it a second time"},
      {"stages:\n  - stage_id: 0\n    gpu_memory_utilization: 1.5\n",
       "deploy.yaml:3: key 'gpu_memory_utilization': found '1.5', expected a number above 0"},
      {"stages: [{stage_id: 0, gpu_memory_utilization: .nan}]\n",
       "found '.nan', expected a number"},
      {"stages:\n  - stage_id: 0\n    default_sampling_params:\n      temperature: -1\n",
       "deploy.yaml:4: key 'temperature': found '-1', expected 0 or more"},
      {"stages: [{stage_id: 0, enforce_eager: 7}]\n",
       "key 'enforce_eager': found '7', expected true or false"},
      {"stages: [{stage_id: 0, tensor_parallel_size: 16}]\n", "key 'tensor_parallel_size'"},
      {"stages: [{stage_id: 0, env: {\"A=B\": 1}}]\n", "key 'env': found the name 'A=B'"},
      {"stages: [{stage_id: 0, env: [1]}]\n", "key 'env': found a list"},
      {"stages: [{stage_id: 0, input_connectors: {from_0: a}}]\n", "found 'from_0'"},
      {"stages: [{stage_id: 0, engine_args: {stage_id: 1}}]\n", "found it in engine_args"},
      {"connectors: {a: {extra: {codec_chunk_frames: 0}}}\n", "'codec_chunk_frames': found '0'"},
      {"connectors: {a: {extra: {codec_chunk_ramp: [1, -2]}}}\n", "'codec_chunk_ramp': found '-2'"},
      {"connectors: {a: {extra: {chunk: 0}}}\n", "key 'chunk': found an unknown key in extra"},
      {"dtype: ${oc.env:X}\n", "interpolations of OmegaConf are not resolved"},
      {"a: [\n", "not YAML"},
      {"[]\n", "found a list, expected a map"},
      {"stage_args: []\n", "found a stage config of Limelight"},
      {"pipeline: voxtral_tts\n", "deploy.yaml:1: model voxtral_tts is not supported; expected "},
      {"pipeline: [1]\n", "key 'pipeline': found a list"},
  };
  for (const auto& [text, expected] : cases) TEST_FINDS(refusal(written.with(text)), expected);
}

BOOST_AUTO_TEST_CASE(no_key_is_in_a_table_twice_and_those_not_obeyed_say_why) {
  namespace d = stages::deploy;
  for (const d::KeyTable* table :
       {&d::top_keys, &d::stage_keys, &d::runtime_keys, &d::connector_keys, &d::chunk_keys,
        &d::edge_keys, &d::duplex_keys, &d::platform_keys, &d::sampling_keys, &d::profiler_keys})
    for (const d::Key& key : table->keys) {
      BOOST_TEST(table->find(key.name) == &key, key.name);
      if (key.effect != d::Effect::obeyed) BOOST_TEST(*key.why != '\0', key.name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
