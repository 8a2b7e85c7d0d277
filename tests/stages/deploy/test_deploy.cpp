// Which pipeline a model's folder and a deploy config of vLLM-Omni make.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "stages/deploy/deploy.hpp"
#include "tests/stages/deploy/written.hpp"

using namespace limelight;
using namespace limelight::tests;
namespace fs = std::filesystem;

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
  for (const char* kind : {"moss_tts_nano", "voxtral_tts", "t5"}) {
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
  TEST_FINDS(with("voxtral_tts_high_concurrency.yaml", ""), "model voxtral_tts is not supported");
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

BOOST_AUTO_TEST_CASE(qwen3_omni_is_three_stages_or_a_thinker_alone) {
  const fs::path folder = fs::path(FIXTURES) / "qwen3_omni_moe";
  const Written written;
  const auto deploy = written.file("qwen3_omni_moe.yaml", R"(async_chunk: true
connectors:
  shared:
    name: SharedMemoryConnector
    extra: {initial_codec_chunk_frames: 4, codec_chunk_frames: 25, codec_left_context_frames: 20}
stages:
  - {stage_id: 1, input_connectors: {from_stage_0: shared}}
  - {stage_id: 2, input_connectors: {from_stage_1: shared}}
)");
  const auto config = pipeline_of({.model = folder.string(), .deploy_config = deploy});
  if (!config) BOOST_FAIL(config.error().message);
  BOOST_TEST(config->stages.size() == 3u);
  BOOST_TEST(config->find(1)->chunks.frames(0, 9) == 4);
  BOOST_TEST(config->find(1)->chunks.frames(1, 9) == 25);
  BOOST_TEST(config->find(1)->sampling.max_tokens.value_or(0) == 4096);
  BOOST_TEST(config->find(2)->chunks.codec_left_context_frames.value_or(-1) == 20);
  BOOST_TEST((config->find(2)->code2wav != nullptr));
  BOOST_TEST(config->find(2)->final_output_type == "audio");
  // Without a talker in the checkpoint.
  for (const auto& file : fs::directory_iterator(folder))
    fs::copy(file.path(), written.folder.path / file.path().filename());
  auto keys = nlohmann::json::parse(read_file(folder / "config.json"));
  keys["enable_audio_output"] = false;
  written.file("config.json", keys.dump());
  const auto silent = pipeline_of({.model = written.folder.path.string()});
  if (!silent) BOOST_FAIL(silent.error().message);
  BOOST_TEST(silent->stages.size() == 1u);
}

BOOST_AUTO_TEST_CASE(qwen2_5_omni_is_three_stages_with_two_edges_to_the_talker) {
  const fs::path folder = fs::path(FIXTURES) / "qwen2_5_omni";
  const Written written;
  const auto config =
      pipeline_of({.model = folder.string(),
                   .stage_overrides = R"({"1": {"speaker": "Ethan"}, "2": {"speaker": "Ethan"}})"});
  if (!config) BOOST_FAIL(config.error().message);
  BOOST_TEST(config->stages.size() == 3u);
  BOOST_TEST(config->edges.size() == 3u);
  BOOST_TEST(config->find(0)->sampling.max_tokens.value_or(0) == 2048);
  BOOST_TEST(config->find(1)->sampling.top_k == 40);
  BOOST_TEST(config->find(1)->speaker == "Ethan");
  BOOST_TEST((config->find(2)->token2wav != nullptr));
  BOOST_TEST(config->find(2)->final_output_type == "audio");
  // Without a talker.
  for (const auto& file : fs::directory_iterator(folder))
    fs::copy(file.path(), written.folder.path / file.path().filename());
  auto keys = nlohmann::json::parse(read_file(folder / "config.json"));
  keys["enable_audio_output"] = false;
  written.file("config.json", keys.dump());
  const auto silent = pipeline_of({.model = written.folder.path.string()});
  if (!silent) BOOST_FAIL(silent.error().message);
  BOOST_TEST(silent->stages.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
