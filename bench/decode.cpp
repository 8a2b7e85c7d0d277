#include "bench/decode.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limelight/config.hpp>
#include <map>
#include <thread>

#include "bench/peer.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/text_model.hpp"
#include "stages/models/tokenizer.hpp"

namespace limelight::bench {

using Clock = std::chrono::steady_clock;

namespace {

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<int> synthetic_prompt(int tokens, int which) {
  std::vector<int> prompt;
  for (int i = 0; i < tokens; ++i) prompt.push_back(100 + (i * 37 + which * 1009) % 5000);
  return prompt;
}

// A model without a pipeline.
struct Model {
  stages::StageConfig config;
  std::unique_ptr<stages::Device> device;
  std::unique_ptr<stages::TextModel> network;

  Model(std::shared_ptr<const stages::ModelFile> file, const stages::CpuOptions& cpu)
      : device(stages::make_cpu_device(cpu)) {
    stages::set_model(file, config);
    stages::FileWeights weights(file);
    network = std::make_unique<stages::TextModel>(config, weights, *device, nullptr);
  }
  // Feeds tokens to the decoder and returns the most likely next token.
  int feed(const std::vector<int>& tokens,
           stages::KvCache& cache,
           stages::KvCache::Sequence& sequence) {
    const auto h = static_cast<std::size_t>(config.shape.hidden);
    std::vector<float> rows(tokens.size() * h),
        logits(static_cast<std::size_t>(config.shape.vocab));
    for (std::size_t i = 0; i < tokens.size(); ++i)
      network->embed(tokens[i], std::span(rows).subspan(i * h, h));
    const stages::Decoder::Part part{&sequence, static_cast<int>(tokens.size()), {}};
    (void)network->decoder().forward(rows, {&part, 1}, cache);
    network->logits(std::span(rows).last(h), logits);
    return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
};

// Tokens per second of `count` sequences that decode together, after prompts that differ.
double decode_together(Model& model, int count, int prompt_tokens, int answer_tokens) {
  const auto h = static_cast<std::size_t>(model.config.shape.hidden),
             vocab = static_cast<std::size_t>(model.config.shape.vocab),
             requests = static_cast<std::size_t>(count);
  stages::KvCache cache = model.network->decoder().make_cache(count);
  std::vector<stages::KvCache::Sequence> sequences(requests);
  std::vector<int> newest;
  for (int r = 0; r < count; ++r)
    newest.push_back(model.feed(synthetic_prompt(prompt_tokens, r), cache,
                                sequences[static_cast<std::size_t>(r)]));
  std::vector<stages::Decoder::Part> parts;
  for (auto& sequence : sequences) parts.push_back({&sequence, 1, {}});
  std::vector<float> rows(requests * h), logits(requests * vocab);
  const auto start = Clock::now();
  for (int i = 0; i < answer_tokens; ++i) {
    for (std::size_t r = 0; r < requests; ++r)
      model.network->embed(newest[r], std::span(rows).subspan(r * h, h));
    (void)model.network->decoder().forward(rows, parts, cache);
    model.network->logits(rows, logits);
    for (std::size_t r = 0; r < requests; ++r) {
      const auto mine = std::span(logits).subspan(r * vocab, vocab);
      newest[r] = static_cast<int>(std::max_element(mine.begin(), mine.end()) - mine.begin());
    }
  }
  return static_cast<double>(answer_tokens) * count / seconds_since(start);
}

Result<std::vector<Measurement>> bench_together(
    const DecodeOptions& options,
    const std::filesystem::path& path,
    const std::shared_ptr<const stages::ModelFile>& file) {
  const int prompt_tokens = options.quick ? 32 : 64, answer_tokens = options.quick ? 32 : 128,
            rounds = options.quick ? 2 : 3;
  Model model(file, {.threads = options.threads});
  (void)decode_together(model, 1, prompt_tokens, answer_tokens);  // reads the file from disk
  std::string list;
  for (const int count : options.concurrency)
    list += (list.empty() ? "" : ",") + std::to_string(count);
  std::map<int, std::vector<double>> rates;
  // Before and after the peer, so that a slow minute of the machine affects both.
  const auto measure = [&] {
    for (int round = 0; round < rounds; ++round)
      for (const int count : options.concurrency)
        rates[count].push_back(decode_together(model, count, prompt_tokens, answer_tokens));
  };
  measure();
  const auto peer =
      run_peer("llama_parallel.py",
               {path.string(), std::to_string(options.threads), std::to_string(prompt_tokens),
                std::to_string(answer_tokens), std::to_string(rounds), list});
  measure();
  std::vector<Measurement> results;
  const double alone = rates.contains(1) ? quantile(rates[1], 0.5) : 0;
  for (const int count : options.concurrency) {
    const std::vector<std::pair<std::string, std::string>> params{
        {"threads", std::to_string(options.threads)}, {"concurrency", std::to_string(count)}};
    const double rate = quantile(rates[count], 0.5);
    const std::string key = std::to_string(count);
    const bool known = peer && peer->contains("decode") && (*peer)["decode"].contains(key);
    results.push_back({"decode", params, rate, "tokens/s", known ? "llama.cpp" : "",
                       known ? std::optional((*peer)["decode"][key].get<double>()) : std::nullopt});
    if (alone > 0) results.push_back({"gain", params, rate / alone, "x", "", std::nullopt});
  }
  return results;
}

// The bytes of weights that the decoder reads for one token: all matrices of the file, the
// embedding once.
double bytes_of(const stages::ModelFile& file) {
  double bytes = 0;
  const auto add = [&](const std::string& name) {
    if (const stages::FileTensor* t = file.find(name))
      bytes += static_cast<double>(t->rows) * static_cast<double>(t->row_bytes());
  };
  add(file.find("lm_head") != nullptr ? "lm_head" : "embed_tokens");
  for (int l = 0; l < file.shape().layers; ++l)
    for (const char* part :
         {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
      add("layers." + std::to_string(l) + "." + part);
  return bytes;
}

// The rate in GB/s at which this many threads copy memory. Only the bytes read are counted.
double copy_rate(int threads) {
  constexpr std::size_t bytes = std::size_t{128} << 20;
  std::vector<std::vector<char>> from(static_cast<std::size_t>(threads),
                                      std::vector<char>(bytes, 1)),
      to = from;
  double best = 0;
  for (int tries = 0; tries < 3; ++tries) {
    const auto start = Clock::now();
    std::vector<std::thread> workers;
    for (std::size_t t = 0; t < from.size(); ++t)
      workers.emplace_back([&, t] { std::copy(from[t].begin(), from[t].end(), to[t].begin()); });
    for (auto& worker : workers) worker.join();
    best = std::max(best, static_cast<double>(bytes) * threads / seconds_since(start) / 1e9);
  }
  return best;
}

}  // namespace

Result<std::vector<Measurement>> bench_decode(const DecodeOptions& options) {
  const auto path = stages::find_model(options.model, ".");
  auto start = Clock::now();
  auto file = stages::ModelFile::open(path);
  if (!file) return file.error();
  auto tokenizer = stages::make_tokenizer((*file)->tokenizer());
  if (!tokenizer) return tokenizer.error();
  if (!options.concurrency.empty()) return bench_together(options, path, *file);
  { const Model ready(*file, {}); }
  std::vector<Measurement> results;
  results.push_back({"open", {}, 1000 * seconds_since(start), "ms", "", std::nullopt});

  const int prompt_tokens = options.quick ? 128 : 512, answer_tokens = options.quick ? 32 : 128,
            rounds = options.quick ? 2 : 5;
  const std::vector<int> prompt = synthetic_prompt(prompt_tokens, 0);
  for (const int threads : {1, 2}) {
    std::fprintf(stderr, "%d threads\n", threads);
    Model model(*file, {.threads = threads});
    std::vector<double> prefill, decode;
    const auto measure = [&](Model& one, int times) {
      for (int round = 0; round < times; ++round) {
        stages::KvCache cache = one.network->decoder().make_cache(1);
        stages::KvCache::Sequence sequence;
        start = Clock::now();
        int token = one.feed(prompt, cache, sequence);
        prefill.push_back(prompt_tokens / seconds_since(start));
        start = Clock::now();
        for (int i = 0; i < answer_tokens; ++i) token = one.feed({token}, cache, sequence);
        decode.push_back(answer_tokens / seconds_since(start));
      }
    };
    measure(model, 1);  // the first round reads the file from disk
    prefill.clear();
    decode.clear();
    // Measured before and after the peer, so that a slow minute of the machine affects both.
    measure(model, rounds);
    const auto peer = run_peer(
        "llama_decode.py", {path.string(), std::to_string(threads), std::to_string(prompt_tokens),
                            std::to_string(answer_tokens), std::to_string(rounds)});
    measure(model, rounds);
    const std::vector<std::pair<std::string, std::string>> params{
        {"threads", std::to_string(threads)}};
    const std::string name = peer ? "llama.cpp" : "";
    const double rate = quantile(decode, 0.5);
    results.push_back({"prefill", params, quantile(prefill, 0.5), "tokens/s", name,
                       peer ? std::optional(peer->value("prefill", 0.0)) : std::nullopt});
    results.push_back({"decode", params, rate, "tokens/s", name,
                       peer ? std::optional(peer->value("decode", 0.0)) : std::nullopt});
    prefill.clear();
    decode.clear();
    const stages::FileTensor* first = (*file)->find("layers.0.q_proj");
    const bool bf16 = first != nullptr && first->type == stages::WeightType::bf16;
    Model other(*file, {.threads = threads,
                        .activations =
                            bf16 ? stages::Activations::bfloat16 : stages::Activations::float32});
    measure(other, rounds);
    const std::string activations = bf16 ? "_bfloat16" : "_float32";
    results.push_back(
        {"prefill" + activations, params, quantile(prefill, 0.5), "tokens/s", "", std::nullopt});
    results.push_back(
        {"decode" + activations, params, quantile(decode, 0.5), "tokens/s", "", std::nullopt});
    results.push_back({"bandwidth", params, rate * bytes_of(**file) / 1e9, "GB/s", "copy loop",
                       copy_rate(threads)});
  }
  return results;
}

}  // namespace limelight::bench
