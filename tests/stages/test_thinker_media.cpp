// Sounds and pictures in the thinker: what they change, what shares the cache and what must not,
// and what is refused.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "stages/models/model_file.hpp"
#include "stages/stage_factory.hpp"
#include "stages/thinker.hpp"
#include "tests/media_model.hpp"
#include "tests/stages/collected.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using Kind = ContentPart::Kind;
namespace fs = std::filesystem;
namespace data = boost::unit_test::data;

namespace {

const fs::path media = fs::path(FIXTURES) / "media";
const char* const fixtures[] = {"qwen3_omni_moe", "qwen2_5_omni"};

ContentPart file(Kind kind, const char* name) {
  return {.kind = kind, .name = name, .data = read_file(media / name)};
}
ContentPart words(const char* text) { return {.text = text}; }

Request asking(std::uint64_t number, std::vector<ContentPart> parts) {
  Request request{.number = number, .id = "the-request", .prompt = {}};
  request.messages = {{.role = "user", .parts = std::move(parts)}};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = 8;
  request.sampling.ignore_eos = true;
  request.sampling.logprobs = 0;
  return request;
}

struct Model {
  Folder folder;
  StageConfig config;
  std::unique_ptr<Device> device = make_cpu_device({.activations = Activations::float32});
  explicit Model(const char* fixture = "qwen3_omni_moe") {
    copy_media_model(fs::path(FIXTURES) / fixture, folder.path / "model");
    config.model_stage = "thinker";
    auto opened = ModelFile::open(folder.path / "model", "thinker");
    if (!opened) BOOST_FAIL(opened.error().message);
    set_model(*opened, config);
    config.cache.block_size = 4;
    config.max_batch_size = 4;
  }
  std::unique_ptr<Stage> stage() {
    auto made = make_stage(config, *device, nullptr);
    if (!made) BOOST_FAIL(made.error().message);
    return std::move(made).value();
  }
  std::string error_of(std::vector<ContentPart> parts) {
    const auto begun = stage()->begin(asking(1, std::move(parts)));
    return begun ? "" : begun.error().message;
  }
};

// Steps of at most `tokens`, with a preemption before step `preempted`. The answer is the tokens
// with their log probabilities, so that nothing that differs stays unseen.
std::vector<float> answer(Stage& stage,
                          std::uint64_t number,
                          int tokens = 1 << 20,
                          int preempted = -1) {
  Collected out;
  for (int step = 0;; ++step) {
    if (step == preempted) stage.preempt(number);
    const int rows = std::min(stage.demand(number).tokens, tokens);
    BOOST_REQUIRE(stage.reserve(number, rows));
    Turn turn{.request = number, .tokens = rows, .output = &out};
    const auto done = stage.step({&turn, 1});
    if (!done) BOOST_FAIL(done.error().message);
    if (turn.error.code != ErrorCode::none) BOOST_FAIL(turn.error.message);
    if (turn.state == StepState::done) break;
  }
  std::vector<float> all;
  for (const PositionLogprobs& one : stage.answer(number).logprobs)
    all.insert(all.end(), {static_cast<float>(one.chosen.token_id), one.chosen.logprob});
  return all;
}

std::vector<float> answer_of(Model& model, std::vector<ContentPart> parts) {
  const auto stage = model.stage();
  const auto begun = stage->begin(asking(1, std::move(parts)));
  if (!begun) BOOST_FAIL(begun.error().message);
  return answer(*stage, 1);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(thinker_media)

BOOST_DATA_TEST_CASE(files_and_their_order_change_the_answer, data::make(fixtures), fixture) {
  Model model(fixture);
  const auto picture = file(Kind::image, "rgba.png"), other = file(Kind::image, "turned.jpg"),
             sound = file(Kind::audio, "stereo_44100.wav");
  const auto one = answer_of(model, {picture, words("ka")});
  BOOST_TEST((one != answer_of(model, {other, words("ka")})));
  BOOST_TEST((one != answer_of(model, {words("ka"), picture})));
  BOOST_TEST((one != answer_of(model, {picture, sound, words("ka")})));
  BOOST_TEST((answer_of(model, {sound, picture, words("ka")}) !=
              answer_of(model, {picture, sound, words("ka")})));
}

BOOST_DATA_TEST_CASE(slices_and_a_preemption_change_nothing, data::make(fixtures), fixture) {
  Model model(fixture);
  const auto parts = [] {
    return std::vector{words("ka"), file(Kind::image, "rgba.png"),
                       file(Kind::audio, "mono_22050.flac"), words("lo")};
  };
  const auto whole = answer_of(model, parts());
  for (const bool shares : {true, false}) {
    model.config.cache.share_prefixes = shares;
    for (const int tokens : {1, 3, 7}) {
      const auto stage = model.stage();
      BOOST_REQUIRE(stage->begin(asking(1, parts())).ok());
      BOOST_TEST(answer(*stage, 1, tokens, 6) == whole, boost::test_tools::per_element());
    }
  }
}

// Both are of 32 x 32 pixels, and so have the same tokens.
BOOST_AUTO_TEST_CASE(two_pictures_with_the_same_tokens_never_share_blocks) {
  Model model;
  const auto parts = [](const char* name) {
    return std::vector{file(Kind::image, name), words("ka")};
  };
  const auto a = answer_of(model, parts("square_a.png")),
             b = answer_of(model, parts("square_b.png"));
  BOOST_TEST((a != b));
  for (const bool open : {true, false}) {
    const auto stage = model.stage();
    std::uint64_t number = 0;
    std::uint64_t tokens = 0;
    for (const char* name : {"square_a.png", "square_b.png", "square_a.png", "square_b.png"}) {
      BOOST_REQUIRE(stage->begin(asking(++number, parts(name))).ok());
      BOOST_TEST((answer(*stage, number) == (name == std::string("square_a.png") ? a : b)), name);
      if (number > 1) BOOST_TEST(stage->answer(number).prompt_tokens == tokens);
      tokens = stage->answer(number).prompt_tokens;
      if (!open) stage->end(number);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_file_is_said_with_its_name) {
  Model model;
  const auto refused = [&](ContentPart part, const char* reason) {
    part.name = "the-file";
    const std::string said = model.error_of({std::move(part), words("ka")});
    BOOST_TEST(said.find("request 'the-request': ") == 0u, said);
    BOOST_TEST(said.find("the-file") != std::string::npos, said);
    BOOST_TEST(said.find(reason) != std::string::npos, said);
  };
  auto cut = file(Kind::image, "rgba.png");
  cut.data.resize(cut.data.size() / 2);
  refused(cut, "");
  refused({.kind = Kind::image, .data = "no picture"}, "");
  refused({.kind = Kind::audio, .data = "no sound"}, "");
  // A header of a picture of 16384 x 16384 pixels.
  auto huge = file(Kind::image, "rgba.png");
  for (const std::size_t at : {16, 20}) huge.data.replace(at, 4, std::string("\0\0\x40\0", 4));
  refused(huge, "");
  // A sound without frames: the header alone.
  std::string header(
      "RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data"
      "\0\0\0\0",
      44);
  refused({.kind = Kind::audio, .data = header}, "");
  // Ten minutes of silence are more than the model's 512 tokens.
  std::string longer = header + std::string(2 * 16000 * 600, '\0');
  const auto size = static_cast<std::uint32_t>(longer.size() - 44);
  for (std::size_t i = 0; i < 4; ++i) {
    longer[40 + i] = static_cast<char>(size >> (8 * i));
    longer[4 + i] = static_cast<char>((size + 36) >> (8 * i));
  }
  refused({.kind = Kind::audio, .data = longer}, "max_model_len");
}

BOOST_AUTO_TEST_CASE(a_placeholder_of_qwen2_5_omni_without_its_file_is_refused) {
  Model model("qwen2_5_omni");
  const OmniMedia& omni = *model.config.model->media();
  const auto stage = model.stage();
  const char* const what[] = {"a sound, without a sound", "a picture, without a picture",
                              "a video, expected none"};
  for (std::size_t i = 0; i < 3; ++i) {
    Request request = asking(1, {});
    request.messages = {};
    request.prompt_token_ids = {20, omni.placeholders[i], 21};
    const auto begun = stage->begin(request);
    BOOST_REQUIRE(!begun.ok());
    BOOST_TEST(begun.error().message.find(what[i]) != std::string::npos, begun.error().message);
  }
}

BOOST_AUTO_TEST_CASE(a_sound_that_is_longer_than_the_processor_takes_is_refused) {
  Model model("qwen2_5_omni");
  const fs::path file_of = model.folder.path / "model" / "preprocessor_config.json";
  std::string keys = read_file(file_of);
  keys.insert(1, R"("chunk_length": 1, )");
  write_file(file_of, keys);
  // 16 bits, 16 kHz.
  std::string sound(
      "RIFF\x24\x90\1\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10"
      "\0data\0\x90\1\0",
      44);
  sound += std::string(0x19000, '\0');
  const std::string said =
      model.error_of({ContentPart{.kind = Kind::audio, .name = "the-file", .data = sound}});
  BOOST_TEST(
      said.find("sound 'the-file': found 51200 samples at 16000 Hz, expected at most 16000") !=
          std::string::npos,
      said);
}

BOOST_AUTO_TEST_CASE(a_text_model_refuses_a_sound_by_name) {
  StageConfig config;
  config.model_stage = "thinker";
  const auto device = make_cpu_device();
  const auto stage = make_stage(config, *device, nullptr);
  auto sound = file(Kind::audio, "stereo_44100.wav");
  const auto begun = (*stage)->begin(asking(1, {sound, words("ka")}));
  BOOST_REQUIRE(!begun.ok());
  BOOST_TEST(begun.error().message.find("sound 'stereo_44100.wav': found the model with dummy "
                                        "weights, which reads texts alone, expected one with an "
                                        "audio encoder") != std::string::npos,
             begun.error().message);
}

BOOST_AUTO_TEST_SUITE_END()
