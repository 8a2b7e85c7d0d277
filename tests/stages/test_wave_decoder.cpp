// A code2wav of a model from files, beside the reference.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <numeric>

#include "stages/stage_factory.hpp"
#include "stages/wave_decoder.hpp"
#include "tests/stages/collected.hpp"
#include "tests/stages/models/code2wav_fixture.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using limelight::tests::Code2WavCase;
using limelight::tests::Collected;
using limelight::tests::relative_difference;

namespace {

CodecChunks context(int before, std::optional<int> size = {}) {
  return {.codec_chunk_frames = size, .codec_left_context_frames = before};
}

const Code2WavCase& fixture() {
  static const Code2WavCase one("code2wav");
  return one;
}

StageConfig config(const CodecChunks& chunks = {}) {
  StageConfig config;
  config.model_stage = "code2wav";
  BOOST_REQUIRE(set_code2wav_model(std::filesystem::path(FIXTURES) / "code2wav", config).ok());
  config.chunks = chunks;
  return config;
}

Result<void> send(Stage& stage, std::uint64_t request, int from, int frames, bool last) {
  const auto spec = ipc::TensorSpec::of(ipc::DType::int32, {static_cast<std::uint64_t>(frames), 4});
  return stage.consume(request, 0, spec, std::as_bytes(fixture().frames(from, frames)), last);
}

// Sends the frames in such chunks, and takes the steps that there are after each.
Collected sound(const StageConfig& config, const std::vector<int>& chunks) {
  const auto cpu = make_cpu_device();
  const auto made = make_stage(config, *cpu, nullptr);
  BOOST_REQUIRE(made.ok());
  Stage& stage = **made;
  BOOST_REQUIRE(stage.begin({1, "r", "", {}}).ok());
  Collected out;
  int frame = 0;
  for (std::size_t c = 0; c < chunks.size(); frame += chunks[c++]) {
    BOOST_REQUIRE(send(stage, 1, frame, chunks[c], c + 1 == chunks.size()).ok());
    while (stage.demand(1).tokens > 0) {
      const auto done = step_one(stage, 1, out);
      BOOST_REQUIRE(done.ok());
      if (*done == StepState::done) break;
    }
  }
  stage.end(1);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stream_of_codes_sounds_as_the_reference_does_with_all_of_them) {
  const std::vector<float> expected = fixture().wave("waveform"),
                           whole = sound(config(), {31}).samples();
  BOOST_TEST(relative_difference(whole, expected) < 1e-4);
  for (const std::vector<int>& chunks :
       {std::vector{4, 25, 2}, {1, 1, 1, 1, 1, 26}, {0, 31, 0}, {30, 1}}) {
    const Collected out = sound(config(), chunks);
    BOOST_TEST((out.samples() == whole));
    BOOST_TEST(out.of(0).size() == chunks.size());  // one chunk for each
    BOOST_TEST(out.of(0).back().last);
  }
}

BOOST_AUTO_TEST_CASE(chunks_with_frames_before_them_sound_as_in_the_reference) {
  // As they come:
  BOOST_TEST(relative_difference(sound(config(context(25)), {4, 4, 4, 4, 4, 4, 4, 3}).samples(),
                                 fixture().wave("chunked.4.25")) < 1e-4);
  BOOST_TEST(relative_difference(sound(config(context(25)), {31}).samples(),
                                 fixture().wave("chunked.31.25")) < 1e-4);
  // And of a size of their own:
  for (const std::vector<int>& chunks : {std::vector{31}, {4, 25, 2}, {9, 1, 21, 0}, {20, 10, 1}})
    for (const auto& [size, before] : {std::pair{10, 4}, {4, 25}}) {
      const Collected out = sound(config(context(before, size)), chunks);
      const std::string name = std::to_string(size) + "." + std::to_string(before);
      BOOST_TEST(relative_difference(out.samples(), fixture().wave("chunked." + name)) < 1e-4);
      BOOST_TEST(out.of(0).back().last);
    }
}

BOOST_AUTO_TEST_CASE(chunks_have_the_sizes_that_the_config_states) {
  const auto sizes = [](const CodecChunks& chunks, const std::vector<int>& sent) {
    std::vector<std::size_t> frames;
    const Collected out = sound(config(chunks), sent);
    BOOST_TEST(out.of(0).back().last);
    // The first chunk lacks the samples that the frame after it gives; they come with the next one.
    for (const auto& chunk : out.of(0)) frames.push_back((chunk.tensor.shape[0] + 23) / 24);
    return frames;
  };
  using Sizes = std::vector<std::size_t>;
  const CodecChunks small_first{.codec_chunk_frames = 10, .initial_codec_chunk_frames = 4};
  BOOST_TEST(sizes(small_first, {31}) == (Sizes{4, 10, 10, 7}));
  BOOST_TEST(sizes(small_first, {3, 3, 25}) == (Sizes{4, 10, 10, 7}));
  BOOST_TEST(sizes({.initial_codec_chunk_frames = 4}, {1, 10, 20}) == (Sizes{4, 7, 20}));
  BOOST_TEST(sizes({.codec_chunk_frames = 8, .codec_chunk_ramp = {1, 2, 4}}, {31}) ==
             (Sizes{1, 2, 4, 8, 8, 8}));
  BOOST_TEST(sizes({.codec_chunk_frames = 31}, {30, 1}) == (Sizes{31}));
}

BOOST_AUTO_TEST_CASE(a_stream_that_gave_its_memory_back_goes_on_as_if_it_had_not) {
  const std::vector<float> whole = sound(config(), {31}).samples();
  const auto cpu = make_cpu_device();
  StageConfig one = config();
  one.max_batch_size = 1;
  const auto made = make_stage(one, *cpu, nullptr);
  Stage& stage = **made;
  Collected out[2];
  for (const std::uint64_t request : {0u, 1u})
    BOOST_REQUIRE(stage.begin({request, "r", "", {}}).ok());
  for (int frame = 0; frame < 31; frame += 4)
    for (const std::uint64_t request : {0u, 1u}) {
      stage.preempt(1 - request);
      const int frames = std::min(4, 31 - frame);
      BOOST_REQUIRE(send(stage, request, frame, frames, frame + 4 >= 31).ok());
      BOOST_TEST(stage.reserve(request, 1));
      BOOST_TEST(!stage.reserve(1 - request, 1));
      for (StepState state = StepState::more;
           state == StepState::more && stage.demand(request).tokens > 0;) {
        // A few frames at a time.
        const Demand demand = stage.demand(request);
        Turn turn{.request = request,
                  .tokens = demand.divisible ? std::min(demand.tokens, 5) : demand.tokens,
                  .output = &out[request]};
        BOOST_REQUIRE(stage.step({&turn, 1}).ok());
        state = turn.state;
      }
    }
  BOOST_TEST((out[0].samples() == whole));
  BOOST_TEST((out[1].samples() == whole));
}

BOOST_AUTO_TEST_CASE(a_code_that_no_codebook_has_is_refused_with_its_place) {
  const auto cpu = make_cpu_device();
  const auto made = make_stage(config(), *cpu, nullptr);
  BOOST_REQUIRE((*made)->begin({1, "r", "", {}}).ok());
  BOOST_REQUIRE(send(**made, 1, 0, 2, false).ok());
  const auto refused = [&](std::int32_t code) {
    const std::int32_t codes[8]{0, 1, 2, 3, 4, 5, code, 7};
    return (*made)
        ->consume(1, 0, ipc::TensorSpec::of(ipc::DType::int32, {2, 4}),
                  std::as_bytes(std::span(codes)), false)
        .error()
        .message;
  };
  BOOST_TEST(refused(16) == "code2wav: frame 3, codebook 2: found code 16, expected 0 to 15");
  BOOST_TEST(refused(-1).find("found code -1") != std::string::npos);
  const float floats[4]{};
  BOOST_TEST((*made)
                 ->consume(1, 0, ipc::TensorSpec::of(ipc::DType::float32, {1, 4}),
                           std::as_bytes(std::span(floats)), false)
                 .error()
                 .message.find("expected int32 [frames, 4]") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_config_names_the_model_and_how_its_chunks_are_computed) {
  const tests::Folder folder;
  const auto parsed = [&](const std::string& keys) {
    std::ofstream(folder.path / "a.yaml") << R"(stage_args:
  - stage_id: 0
    engine_args: {model_stage: thinker, load_format: dummy}
  - stage_id: 1
    engine_args:
      model_stage: talker
      load_format: dummy
      model_shape: {input_hidden: 128, codebooks: 4, codebook_size: 16}
    engine_input_source: [0]
  - stage_id: 2
    engine_args: {model_stage: code2wav, )"
                                          << keys << R"(}
    engine_input_source: [1]
    final_output: true
runtime:
  edges: [{from: 0, to: 1}, {from: 1, to: 2}]
)";
    return parse(folder.path / "a.yaml");
  };
  const std::string model = std::string("model: ") + FIXTURES + "/code2wav";
  const auto good = parsed(model + ", codec_left_context_frames: 25, codec_chunk_frames: 300");
  if (!good) BOOST_FAIL(good.error().message);
  const StageConfig& stage = *good->find(2);
  BOOST_TEST(stage.chunks.codec_left_context_frames.value_or(-1) == 25);
  BOOST_TEST(max_output_bytes(stage, 0) == 300u * 24u * 4u);
  BOOST_TEST(stage.shape.max_model_len == 8000);
  const auto refused = [&](const std::string& keys) {
    const auto found = parsed(keys);
    return found ? std::string("accepted") : found.error().message;
  };
  BOOST_TEST(refused(model + ", codec_left_context_frames: -1").find("from 0 to") !=
             std::string::npos);
  BOOST_TEST(refused(model + ", codec_chunk_adaptive: true").find("expected false") !=
             std::string::npos);
  BOOST_TEST(refused(model + ", model_shape: {chunk_frames: 24}").find("expected 25 or more") !=
             std::string::npos);
  BOOST_TEST(refused("load_format: dummy, codec_left_context_frames: 25").find("dummy weights") !=
             std::string::npos);
  BOOST_TEST(refused("model: ./nothing").find("a model that can be read") != std::string::npos);
}
