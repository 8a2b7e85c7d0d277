// Stages without processes: what the CPU computes, how tokens are chosen, and that a split or
// chunked computation gives the same.
#include <boost/test/unit_test.hpp>

#include "device_checks.hpp"
#include "stages/code2wav.hpp"
#include "stages/models/decoder.hpp"
#include "stages/models/sampler.hpp"
#include "stages/stage_factory.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {
StageConfig small_config() {
  StageConfig config;
  config.shape.layers = 2;
  return config;
}
std::vector<float> decode(const StageConfig& config, const std::vector<int>& pieces) {
  const auto cpu = make_cpu_device();
  DummyWeights weights(1);
  const Decoder decoder(config, weights, *cpu, nullptr);
  auto cache = decoder.make_cache();
  std::vector<float> out;
  int at = 0;
  for (const int n : pieces) {
    std::vector<float> rows;
    for (int i = 0; i < n; ++i)
      for (const float v : tests::random_values(static_cast<std::size_t>(config.shape.hidden),
                                                static_cast<unsigned>(100 + at + i)))
        rows.push_back(v);
    at += n;
    BOOST_REQUIRE(decoder.forward(rows, n, cache).ok());
    out.insert(out.end(), rows.begin(), rows.end());
  }
  return out;
}
struct Collected final : Output {
  std::vector<float> samples;
  Result<void> emit(Port,
                    const ipc::TensorSpec& tensor,
                    bool,
                    const std::function<void(std::span<std::byte>)>& write) override {
    const std::size_t old = samples.size();
    samples.resize(old + tensor.elements());
    write(std::as_writable_bytes(std::span(samples).subspan(old)));
    return {};
  }
};
}  // namespace

BOOST_AUTO_TEST_CASE(the_cpu_computes_what_the_formulas_say) {
  tests::check_device(*make_cpu_device());
}

BOOST_AUTO_TEST_CASE(a_prompt_in_pieces_gives_the_rows_of_the_whole) {
  const std::vector<float> whole = decode(small_config(), {6}),
                           pieces = decode(small_config(), {4, 1, 1});
  BOOST_TEST(tests::largest_difference(pieces, {whole.begin(), whole.end()}) < 1e-4);
}

BOOST_AUTO_TEST_CASE(bfloat16_weights_stay_near_float32) {
  StageConfig config = small_config();
  const std::vector<float> exact = decode(config, {6});
  config.dtype = ipc::DType::bfloat16;
  const std::vector<float> rounded = decode(config, {6});
  BOOST_TEST((rounded != exact));
  // Rows are normalised: their values are around 1, and a bfloat16 has 8 bits.
  BOOST_TEST(tests::largest_difference(rounded, {exact.begin(), exact.end()}) < 0.1);
}

BOOST_AUTO_TEST_CASE(a_sequence_beyond_max_model_len_is_refused_with_both_numbers) {
  StageConfig config = small_config();
  config.shape.max_model_len = 4;
  const auto cpu = make_cpu_device();
  DummyWeights weights(1);
  const Decoder decoder(config, weights, *cpu, nullptr);
  auto cache = decoder.make_cache();
  std::vector<float> rows(static_cast<std::size_t>(5 * config.shape.hidden));
  const auto refused = decoder.forward(rows, 5, cache);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().message == "a sequence of 5 tokens: max_model_len is 4");
}

BOOST_AUTO_TEST_CASE(how_codes_are_chunked_does_not_change_the_sound) {
  StageConfig config = small_config();
  config.model_stage = "code2wav";
  config.shape.upsampling = {2, 3};
  const auto cpu = make_cpu_device();
  const auto sound = [&](const std::vector<int>& chunks) {
    const auto made = make_stage(config, *cpu, nullptr);
    const auto& stage = *made;
    BOOST_REQUIRE(stage->begin({1, "r", "", {}}).ok());
    Collected out;
    int frame = 0;
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      std::vector<std::int32_t> codes;
      for (int i = 0; i < chunks[c]; ++i, ++frame)
        for (int book = 0; book < config.shape.codebooks; ++book)
          codes.push_back((frame * 7 + book * 3) % config.shape.codebook_size);
      const auto spec = ipc::TensorSpec::of(ipc::DType::int32,
                                            {static_cast<std::uint64_t>(chunks[c]),
                                             static_cast<std::uint64_t>(config.shape.codebooks)});
      BOOST_REQUIRE(
          stage->consume(1, spec, std::as_bytes(std::span(codes)), c + 1 == chunks.size()).ok());
      BOOST_REQUIRE(stage->step(1, out).ok());
    }
    return out.samples;
  };
  const std::vector<float> whole = sound({9}), pieces = sound({4, 1, 4});
  BOOST_TEST(whole.size() == 9u * 6u);
  BOOST_TEST(tests::largest_difference(pieces, {whole.begin(), whole.end()}) < 1e-4);
}

BOOST_AUTO_TEST_CASE(sampling_keeps_to_its_parameters) {
  const std::vector<float> logits{0.1f, 3.0f, 2.9f, -1.0f};
  const auto draw = [&](SamplingParams params, int count) {
    Sampler sampler(params);
    std::vector<int> tokens;
    for (int i = 0; i < count; ++i) {
      auto copy = logits;
      tokens.push_back(sampler.next(copy));
    }
    return tokens;
  };
  SamplingParams params;
  BOOST_TEST(draw(params, 3) == (std::vector<int>{1, 1, 1}),
             boost::test_tools::per_element());  // temperature 0: the largest
  params.repetition_penalty = 2;
  BOOST_TEST(draw(params, 2) == (std::vector<int>{1, 2}), boost::test_tools::per_element());
  params.repetition_penalty = 1;
  params.temperature = 1;
  params.top_k = 2;
  const auto tokens = draw(params, 200);
  BOOST_TEST(std::count(tokens.begin(), tokens.end(), 1) +
                 std::count(tokens.begin(), tokens.end(), 2) ==
             200);
  BOOST_TEST(std::count(tokens.begin(), tokens.end(), 2) > 50);
  BOOST_TEST((draw(params, 200) == tokens));  // the same seed
  params.seed = 1;
  BOOST_TEST((draw(params, 200) != tokens));
  params.top_p = 0.3f;
  BOOST_TEST(draw(params, 2) == (std::vector<int>{1, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(devices_are_chosen_by_their_names) {
  for (const char* good : {"cpu", "auto", "0", "0,1", "cuda:0", "cuda:0,cuda:1"})
    BOOST_TEST(is_device_wish(good), good);
  for (const char* bad : {"", "gpu", "cuda:", "cuda:x", "0,", "-1"})
    BOOST_TEST(!is_device_wish(bad), bad);
  std::string notice;
  BOOST_TEST((*make_device("cpu", 0, notice))->name() == "cpu");
  if (const auto gpu = make_cuda_device(0); !gpu) {
    BOOST_TEST((*make_device("0", 0, notice))->name() == "cpu");  // as vLLM-Omni's configs have it
    BOOST_TEST(notice.find("computes on the CPU") != std::string::npos);
    BOOST_TEST((make_device("cuda:0", 0, notice).error().code == ErrorCode::unavailable));
  }
}
