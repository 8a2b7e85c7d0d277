// A hundred requests of all kinds, once one after the other and once together: a request's output
// is the same to the last bit, whoever is beside it in a step, and however little memory there is.
#include <boost/test/unit_test.hpp>
#include <limelight/omni.hpp>
#include <map>

#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;

namespace {

struct Setting {
  int inflight = 1, batch = 1;
  std::string engine = {};    // more of the first stage's engine_args
  std::string replicas = {};  // lines of the second stage
};

std::string pipeline(const Setting& s) {
  const std::string batch =
      "    runtime: {max_batch_size: " + std::to_string(s.batch) + "}\n    engine_args: ";
  return "stage_args:\n"
         "  - stage_id: 0\n" +
         batch +
         "{model_stage: thinker, load_format: dummy, weights_seed: 1,\n"
         "        model_shape: {layers: 2, hidden: 128, heads: 4, kv_heads: 2, head_dim: 32,\n"
         "          mlp: 256, vocab: 512, max_model_len: 256}" +
         s.engine +
         "}\n"
         "    final_output: true\n"
         "    final_output_type: text\n"
         "  - stage_id: 1\n" +
         s.replicas + batch +
         "{model_stage: talker, load_format: dummy, weights_seed: 2,\n"
         "        model_shape: {layers: 2, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32,\n"
         "          mlp: 128, input_hidden: 128, codebooks: 2, codebook_size: 64,\n"
         "          chunk_frames: 5, max_model_len: 256}}\n"
         "    engine_input_source: [0]\n"
         "    default_sampling_params: {max_tokens: 40, temperature: 0.9}\n"
         "  - stage_id: 2\n" +
         batch +
         "{model_stage: code2wav, load_format: dummy, weights_seed: 3,\n"
         "        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32,\n"
         "          mlp: 64, codebooks: 2, codebook_size: 64, channels: 16,\n"
         "          upsampling: [2, 4]}}\n"
         "    engine_input_source: [1]\n"
         "    final_output: true\n"
         "    final_output_type: audio\n"
         "runtime:\n"
         "  defaults: {max_inflight: " +
         std::to_string(s.inflight) +
         "}\n"
         "  edges: [{from: 0, to: 1, window_size: 4}, {from: 1, to: 2, window_size: 4}]\n";
}

GenerateRequest mixed(int i) {
  GenerateRequest request{.request_id = std::to_string(i)};
  std::string words;
  for (int word = 0; word <= i * 7 % 23; ++word) words += " w" + std::to_string(word * (i % 5));
  switch (i % 4) {
    case 0: request.prompt = words; break;
    case 1: request.messages = {{"system", "short"}, {"user", words}}; break;
    case 2: request.prompt = "the same beginning of many prompts, which they share:" + words; break;
    default:
      for (int token = 0; token <= i * 13 % 150; ++token)
        request.prompt_token_ids.push_back(97 + token * i % 26);
  }
  stages::SamplingParams p;
  p.seed = static_cast<std::uint64_t>(i);
  p.max_tokens = 1 + i * 11 % 60;
  p.temperature = i % 3 == 0 ? 0.0f : 0.5f + 0.1f * static_cast<float>(i % 8);
  if (i % 5 == 1) p.top_k = 20;
  if (i % 5 == 2) p.top_p = 0.8f;
  if (i % 5 == 3) p.min_p = 0.05f;
  if (i % 7 == 0) p.repetition_penalty = 1.3f;
  if (i % 7 == 1) p.presence_penalty = 0.8f, p.frequency_penalty = -0.4f;
  if (i % 7 == 2) p.logit_bias = {{101, 4.0f}, {102, -3.0f}};
  if (i % 7 == 3) p.stop = {"a", "e"};
  if (i % 7 == 4) p.stop_token_ids = {120, 121}, p.min_tokens = std::min(3, *p.max_tokens);
  if (i % 7 == 5) p.ignore_eos = true;
  if (i % 9 == 0) p.logprobs = 3;
  if (i % 25 == 24) p.max_tokens = 250;  // too many beside the prompt: an error of this one
  request.sampling_params = p;
  if (i % 6 == 1) request.modalities = {"text"};
  if (i % 6 == 2) request.modalities = {"audio"};
  return request;
}

std::map<int, RequestOutput> answers(const Setting& setting) {
  const Folder folder;
  auto omni = Omni::from_engine_args(
      {.config = write_file(folder.path / "batching.yaml", pipeline(setting))});
  if (!omni) BOOST_FAIL(omni.error().message);
  std::map<int, RequestOutput> outputs;
  int next = 0;
  (*omni)->generate_each(
      [&]() -> std::optional<GenerateRequest> {
        if (next == 100) return std::nullopt;
        return mixed(next++);
      },
      [&](RequestOutput output) {
        const int i = std::stoi(output.request_id);
        outputs.emplace(i, std::move(output));
      });
  return outputs;
}

void same(const TokenLogprob& one, const TokenLogprob& other) {
  BOOST_TEST(one.token_id == other.token_id);
  BOOST_TEST(one.logprob == other.logprob);
  BOOST_TEST(one.rank == other.rank);
}

// Returns how many requests a step of the first stage had, over all of them.
double compare(const Setting& crowd) {
  Setting alone = crowd;
  alone.inflight = alone.batch = 1;
  const auto expected = answers(alone), found = answers(crowd);
  BOOST_TEST(expected.size() == 100u);
  BOOST_TEST(found.size() == 100u);
  std::size_t good = 0;
  double together = 0;
  for (const auto& [i, one] : expected) {
    const RequestOutput& other = found.at(i);
    BOOST_TEST_CONTEXT("request " << i) {
      BOOST_TEST(one.error.message == other.error.message);
      BOOST_TEST(one.text == other.text);
      BOOST_TEST((one.audio == other.audio));
      BOOST_TEST(one.answer.finish_reason == other.answer.finish_reason);
      BOOST_TEST(one.answer.stop_string == other.answer.stop_string);
      BOOST_TEST(one.answer.stop_token_id == other.answer.stop_token_id);
      BOOST_TEST(one.answer.prompt_tokens == other.answer.prompt_tokens);
      BOOST_TEST(one.answer.output_tokens == other.answer.output_tokens);
      BOOST_REQUIRE(one.answer.logprobs.size() == other.answer.logprobs.size());
      for (std::size_t at = 0; at < one.answer.logprobs.size(); ++at) {
        same(one.answer.logprobs[at].chosen, other.answer.logprobs[at].chosen);
        for (std::size_t k = 0; k < one.answer.logprobs[at].top.size(); ++k)
          same(one.answer.logprobs[at].top[k], other.answer.logprobs[at].top.at(k));
      }
      if (one.error.code != ErrorCode::none) continue;
      ++good;
      together += other.stages.front().mean_batch_size;
    }
  }
  BOOST_TEST(good == 96u);
  return together / static_cast<double>(good);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_hundred_mixed_requests_give_what_each_gives_alone) {
  BOOST_TEST(compare({.inflight = 32, .batch = 32}) > 4);
}

BOOST_AUTO_TEST_CASE(they_do_with_memory_for_one_long_sequence_and_prompts_in_slices) {
  BOOST_TEST(compare({.inflight = 32,
                      .batch = 16,
                      .engine = ", num_gpu_blocks_override: 18, max_num_batched_tokens: 24"}) >
             1.3);
}

BOOST_AUTO_TEST_CASE(they_do_over_two_ranks_and_replicas) {
  BOOST_TEST(compare({.inflight = 16,
                      .batch = 8,
                      .engine = ", tensor_parallel_size: 2, enable_prefix_caching: false",
                      .replicas = "    num_replicas: 2\n"}) > 2);
}
