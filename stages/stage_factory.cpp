#include "stages/stage_factory.hpp"

#include <algorithm>
#include <exception>
#include <new>

#include "base/memory.hpp"
#include "stages/code2wav.hpp"
#include "stages/models/kv_cache.hpp"
#include "stages/models/model_file.hpp"
#include "stages/talker.hpp"
#include "stages/thinker.hpp"

namespace limelight::stages {

namespace {

std::unique_ptr<Stage> construct(const StageConfig& config,
                                 std::unique_ptr<Tokenizer> tokenizer,
                                 Device& device,
                                 ipc::Collective* group) {
  if (config.model) {
    FileWeights weights(config.model);
    return std::make_unique<Thinker>(config, weights, std::move(tokenizer), device, group);
  }
  DummyWeights weights(config.weights_seed);
  if (config.model_stage == "thinker")
    return std::make_unique<Thinker>(config, weights, make_byte_tokenizer(), device, group);
  if (config.model_stage == "talker")
    return std::make_unique<Talker>(config, weights, device, group);
  return std::make_unique<Code2Wav>(config, weights, device, group);
}

}  // namespace

std::uint64_t dummy_weight_bytes(const StageConfig& config) {
  const ModelShape& s = config.shape;
  const auto number = [](int x) { return static_cast<double>(x); };
  const double attention =
      number(s.hidden) * number(s.head_dim) * (2 * number(s.heads) + 2 * number(s.kv_heads));
  // Matrices of products are kept in the stage's dtype; embeddings are kept as floats.
  double packed = number(s.layers) * (attention + 3 * number(s.hidden) * number(s.mlp));
  double floats = 0;
  if (config.model_stage == "thinker") {
    packed += number(s.vocab) * number(s.hidden);
    floats += number(s.vocab) * number(s.hidden);
  } else if (config.model_stage == "talker") {
    const double codes = number(s.codebooks) * number(s.codebook_size) * number(s.hidden);
    packed += number(s.input_hidden) * number(s.hidden) + codes;
    floats += codes;
  } else {
    packed = 0;
    floats = number(s.codebooks) * number(s.codebook_size) * number(s.channels);
  }
  // While a matrix is packed, it is there as floats too.
  floats += std::max(number(s.vocab), number(s.mlp)) * number(s.hidden);
  const double bytes = packed * static_cast<double>(ipc::size_of(config.dtype)) +
                       floats * static_cast<double>(sizeof(float));
  return static_cast<std::uint64_t>(std::min(bytes, 1e18));
}

Result<std::unique_ptr<Stage>> make_stage(const StageConfig& config,
                                          Device& device,
                                          ipc::Collective* group) {
  std::unique_ptr<Tokenizer> tokenizer;
  if (config.model) {
    auto made = make_bpe_tokenizer(config.model->tokenizer());
    if (!made)
      return Error{made.error().code, config.model->path().string() + ": " + made.error().message};
    tokenizer = std::move(made).value();
  }
  const auto too_much = [&](const std::string& what) {
    return Error{ErrorCode::unavailable, "stage " + std::to_string(config.stage_id) + " (" +
                                             config.model_stage + ") " + what + ", " +
                                             gibibytes(available_memory()) + " are there"};
  };
  const std::uint64_t ranks = group != nullptr ? static_cast<std::uint64_t>(group->size()) : 1;
  const std::uint64_t needed = config.model ? 0 : dummy_weight_bytes(config) / ranks;
  if (device.is_host() && needed > available_memory())
    return too_much("needs " + gibibytes(needed) + " of memory for its weights");
  if (const double fraction = config.cache.memory_fraction; fraction > 0 && device.is_host()) {
    const double budget = fraction * static_cast<double>(available_memory());
    const std::uint64_t least = longest_sequence_bytes(config);
    if (budget < static_cast<double>(least))
      return too_much("has gpu_memory_utilization " + std::to_string(fraction) +
                      ", which must give " + gibibytes(least) +
                      " for the KV cache of one sequence of max_model_len");
  }
  if (device.is_host() && config.cache.bytes > available_memory())
    return too_much("needs " + gibibytes(config.cache.bytes) + " for kv_cache_memory_bytes");
  try {
    return construct(config, std::move(tokenizer), device, group);
  } catch (const std::bad_alloc&) {
    return too_much("cannot have the memory that it needs");
  } catch (const std::exception& failed) {  // of the libraries that pack weights
    return Error{ErrorCode::unavailable, "stage " + std::to_string(config.stage_id) + " (" +
                                             config.model_stage +
                                             "): cannot be made: " + failed.what()};
  }
}

// The text of one step: a token's bytes, and what was held back of a character.
constexpr std::uint64_t most_text_bytes = 16 * 1024;

std::uint64_t max_output_bytes(const StageConfig& config, Port port) {
  const ModelShape& s = config.shape;
  const auto number = [](int x) { return static_cast<std::uint64_t>(x); };
  if (config.model_stage == "thinker" && port == Port::user) return most_text_bytes;
  if (config.model_stage == "thinker")
    return number(std::min(s.max_model_len, config.max_num_batched_tokens)) * number(s.hidden) *
           sizeof(float);
  if (config.model_stage == "talker")
    return number(std::max(s.chunk_frames, 1)) * number(s.codebooks) * sizeof(std::int32_t);
  // code2wav makes one chunk of samples from each chunk of codes. It does not see the config of the
  // talker, so its own chunk_frames must be at least the talker's; parse() checks that.
  return number(s.chunk_frames) * number(Code2Wav::samples_per_frame(s)) * sizeof(float);
}

}  // namespace limelight::stages
