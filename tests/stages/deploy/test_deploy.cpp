// Deploy configs of vLLM-Omni over a model's folder: which pipeline they make, and how what is
// wrong with them is told.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limelight/config.hpp>

#include "stages/deploy/deploy.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;
using stages::PipelineConfig;
using stages::StageConfig;

namespace {

const std::string model = FIXTURES "/qwen2";

struct Written {
  Folder folder;
  std::filesystem::path file(const std::string& name, const std::string& text) const {
    return write_file(folder.path / name, text);
  }
  Result<PipelineConfig> with(const std::string& text, const std::string& overrides = "") const {
    return pipeline_of(
        {.model = model, .deploy_config = file("deploy.yaml", text), .stage_overrides = overrides});
  }
};

StageConfig stage_of(const Result<PipelineConfig>& config) {
  if (!config) BOOST_FAIL(config.error().message);
  return config->stages.front();
}
std::string refusal(const Result<PipelineConfig>& config) {
  return config ? "nothing was refused" : config.error().message;
}
std::string ignored_keys(const Result<PipelineConfig>& config) {
  std::string keys;
  if (!config) BOOST_FAIL(config.error().message);
  for (const auto& [key, why] : config->ignored) keys += (keys.empty() ? "" : " ") + key;
  return keys;
}
#define TEST_FINDS(text, part) \
  BOOST_TEST((text).find(part) != std::string::npos, (text) << "\nwithout: " << (part))

}  // namespace

BOOST_AUTO_TEST_SUITE(deploy)

BOOST_AUTO_TEST_CASE(a_model_s_folder_is_a_pipeline_of_one_stage) {
  const auto config = pipeline_of({.model = model});
  const StageConfig stage = stage_of(config);
  BOOST_TEST(config->stages.size() == 1u);
  BOOST_TEST(stage.model_stage == "thinker");
  BOOST_TEST(stage.final_output_type == "text");
  BOOST_TEST(stage.devices == "cpu");
  BOOST_TEST((stage.model != nullptr));
  BOOST_TEST(stage.sampling.max_tokens.value() == 2048);
  BOOST_TEST(config->ignored.empty());
  // What the ranks read makes the same pipeline.
  const Folder folder;
  const auto again = stages::parse(write_file(folder.path / "ranks.yaml", config->text));
  BOOST_TEST(stage_of(again).shape.hidden == stage.shape.hidden);
}

BOOST_AUTO_TEST_CASE(a_gguf_file_is_a_pipeline_too) {
  for (const char* path : {FIXTURES "/gguf/model.gguf", FIXTURES "/gguf"})
    BOOST_TEST(stage_of(pipeline_of({.model = path})).model_stage == "thinker");
}

BOOST_AUTO_TEST_CASE(other_models_are_refused_by_their_names) {
  const Written written;
  std::string gguf = read_file(FIXTURES "/gguf/model.gguf");
  gguf.replace(gguf.find("general.architecture") + 20 + 4 + 8, 5, "mamba");
  TEST_FINDS(refusal(pipeline_of({.model = written.file("m.gguf", gguf).string()})),
             "m.gguf: model mamba is not supported");
  std::filesystem::remove(written.folder.path / "m.gguf");
  for (const char* kind : {"qwen3_omni_moe", "qwen2_5_omni", "qwen3_tts", "t5"}) {
    written.file("config.json", std::string("{\"model_type\": \"") + kind + "\"}");
    const std::string text = refusal(pipeline_of({.model = written.folder.path.string()}));
    TEST_FINDS(text, std::string("config.json: model ") + kind + " is not supported; expected ");
    TEST_FINDS(text, "qwen2");
  }
  // A checkpoint of MiMo-Audio says that it is Qwen 2.
  written.file("config.json",
               "{\"model_type\": \"qwen2\", \"architectures\": [\"MiMoAudioModel\"]}");
  TEST_FINDS(refusal(pipeline_of({.model = written.folder.path.string()})),
             "model mimo_audio is not supported");
  std::filesystem::remove(written.folder.path / "config.json");
  written.file("model_index.json", "{\"_class_name\": \"WanPipeline\"}");
  TEST_FINDS(refusal(pipeline_of({.model = written.folder.path.string()})),
             "model WanPipeline is not supported");
}

BOOST_AUTO_TEST_CASE(what_is_no_model_is_named) {
  const Written written;
  const auto nothing = pipeline_of({.model = (written.folder.path / "none").string()});
  BOOST_TEST((nothing.error().code == ErrorCode::not_found));
  TEST_FINDS(refusal(nothing), "none: found nothing, expected a model");
  written.file("config.json", "{}");
  TEST_FINDS(refusal(pipeline_of({.model = written.folder.path.string()})),
             "key 'model_type': found nothing");
  written.file("config.json", "[");
  TEST_FINDS(refusal(pipeline_of({.model = written.folder.path.string()})), "a JSON object");
}

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
    profiler_config: {profiler: torch, torch_profiler_dir: /tmp/profiles}
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
      {"pipeline: qwen3_tts\n", "deploy.yaml:1: model qwen3_tts is not supported; expected "},
      {"pipeline: [1]\n", "key 'pipeline': found a list"},
  };
  for (const auto& [text, expected] : cases) TEST_FINDS(refusal(written.with(text)), expected);
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

BOOST_AUTO_TEST_CASE(an_empty_config_is_the_usual_one) {
  const Written written;
  for (const char* text : {"", "# nothing\n", "stages:\nplatforms: {}\n"})
    BOOST_TEST(stage_of(written.with(text)).max_batch_size == 4);
  TEST_FINDS(refusal(written.with("stages: []\n---\nstages: []\n")), "found a second document");
}

BOOST_AUTO_TEST_CASE(a_file_of_vllm_omni_says_by_its_name_which_model_it_is_for) {
  const Written written;
  const auto with = [&](const char* name, const std::string& of) {
    return refusal(pipeline_of({.model = of, .deploy_config = written.file(name, "stages: []\n")}));
  };
  TEST_FINDS(with("qwen3_tts_high_concurrency.yaml", ""), "model qwen3_tts is not supported");
  TEST_FINDS(with("minicpmo_4_5_turn.yaml", model), "model minicpmo_4_5 is not supported");
  TEST_FINDS(with("mine.yaml", ""), "mine.yaml: found no model, expected one: pass --model");
  BOOST_TEST(with("mine.yaml", model) == "nothing was refused");
}

BOOST_AUTO_TEST_CASE(arguments_that_contradict_each_other_are_refused) {
  const Written written;
  const auto deploy = written.file("d.yaml", "stages: [{stage_id: 0, max_num_seqs: 3}]\n");
  const std::string shipped = CONFIG_DIR "/omni_tiny.yaml";
  BOOST_TEST(stage_of(pipeline_of({.config = deploy, .model = model})).max_batch_size == 3);
  TEST_FINDS(refusal(pipeline_of({.config = shipped, .model = model})),
             "found a stage config beside --model");
  TEST_FINDS(refusal(pipeline_of({.config = shipped, .model = model, .deploy_config = deploy})),
             "--config: found it beside --deploy-config");
  TEST_FINDS(refusal(pipeline_of({.config = deploy})), "found a deploy config of vLLM-Omni");
  TEST_FINDS(refusal(pipeline_of({.model = model, .deploy_config = shipped})),
             "key 'stage_args': found a stage config of Limelight");
  TEST_FINDS(refusal(pipeline_of({.config = shipped, .stage_overrides = "{}"})),
             "--stage-overrides: found no --model");
  const auto missing = pipeline_of({.model = model, .deploy_config = "/none/there.yaml"});
  BOOST_TEST((missing.error().code == ErrorCode::not_found));
  TEST_FINDS(refusal(missing), "/none/there.yaml: cannot read the deploy config");
}

BOOST_AUTO_TEST_CASE(several_stages_get_their_edges_and_the_chunks_of_their_connectors) {
  namespace d = stages::deploy;
  const d::Topology topology{"three",
                             {{.stage = "thinker", .output_type = "text", .max_tokens = 2048},
                              {.stage = "talker",
                               .sources = {0},
                               .loads_model = false,
                               .sampling = R"({"temperature": 0.9, "top_k": 50})",
                               .reads_chunks = true},
                              {.stage = "code2wav",
                               .sources = {1},
                               .output_type = "audio",
                               .loads_model = false,
                               .reads_chunks = true}}};
  const Written written;
  const auto resolved = [&](const std::string& connectors, const std::string& wiring) {
    return d::resolve(
        {.model = model,
         .config = written.file("three.yaml",
                                "async_chunk: false\nedges: [{from: 0, to: 1, window_size: "
                                "-1}]\nconnectors: {shm: {name: S, extra: {" +
                                    connectors +
                                    "}}}\nstages:\n"
                                    "  - {stage_id: 1, max_num_seqs: 8,\n"
                                    "     default_sampling_params: {temperature: 0.7}}\n"
                                    "  - {stage_id: 2, " +
                                    wiring + "}\n")},
        &topology);
  };
  const auto three = resolved(
      "codec_chunk_frames: 25, initial_codec_chunk_frames: 4, "
      "codec_chunk_ramp: \"1,2\", connector_get_sleep_s: 0.01",
      "input_connectors: {from_stage_1: shm}");
  if (!three) BOOST_FAIL(three.error().message);
  const std::string chunks =
      "      codec_chunk_frames: 25\n      initial_codec_chunk_frames: 4\n"
      "      codec_chunk_ramp: [1,2]\n";
  for (const std::string& part : {std::string("      model_stage: thinker\n      model: "),
                                  "      model_stage: talker\n      max_num_seqs: 8\n" + chunks +
                                      "    engine_input_source: [0]\n    default_sampling_params:\n"
                                      "      temperature: 0.7\n      top_k: 50\n",
                                  "      model_stage: code2wav\n      max_num_seqs: 4\n" + chunks +
                                      "    engine_input_source: [1]\n    final_output: true\n",
                                  std::string("  defaults: {max_inflight: 8}\n"),
                                  std::string("    - {from: 0, to: 1}\n    - {from: 1, to: 2}\n")})
    TEST_FINDS(three->text, part);
  std::string ignored;
  for (const auto& one : three->ignored.all) ignored += one.key + " ";
  BOOST_TEST(ignored == "async_chunk: false window_size connector_get_sleep_s ");
  BOOST_TEST(std::count(three->text.begin(), three->text.end(), '\n') ==
             static_cast<std::ptrdiff_t>(three->places.size()));
  const auto unnamed = resolved("", "input_connectors: {from_stage_1: other}");
  TEST_FINDS(
      (unnamed ? std::string("nothing") : unnamed.error().message),
      "three.yaml:7: key 'input_connectors': found 'other', expected a name of `connectors`");
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
