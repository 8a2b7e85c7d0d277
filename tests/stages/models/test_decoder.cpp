// The network of a model: whole, in pieces and split, beside an independent implementation.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limelight/config.hpp>
#include <nlohmann/json.hpp>

#include "ipc/shared_group.hpp"
#include "stages/models/text_model.hpp"
#include "tests/device_checks.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

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
  KvCache cache = decoder.make_cache(1);
  KvCache::Sequence sequence;
  std::vector<float> out;
  int at = 0;
  for (const int n : pieces) {
    std::vector<float> rows;
    for (int i = 0; i < n; ++i)
      for (const float v : random_values(static_cast<std::size_t>(config.shape.hidden),
                                         static_cast<unsigned>(100 + at + i)))
        rows.push_back(v);
    at += n;
    const Decoder::Part part{&sequence, n, {}};
    BOOST_REQUIRE(decoder.forward(rows, {&part, 1}, cache).ok());
    out.insert(out.end(), rows.begin(), rows.end());
  }
  return out;
}

struct Network {
  StageConfig config;
  std::unique_ptr<Device> device;
  std::unique_ptr<TextModel> model;

  explicit Network(const std::shared_ptr<const ModelFile>& file,
                   limelight::ipc::Collective* group = nullptr,
                   const CpuOptions& cpu = {})
      : device(make_cpu_device(cpu)) {
    set_model(file, config);
    FileWeights weights(file);
    model = std::make_unique<TextModel>(config, weights, *device, group);
  }
  std::vector<float> feed(const std::vector<int>& tokens,
                          KvCache& cache,
                          KvCache::Sequence& sequence) {
    const auto h = static_cast<std::size_t>(config.shape.hidden);
    std::vector<float> rows(tokens.size() * h),
        logits(static_cast<std::size_t>(config.shape.vocab));
    for (std::size_t i = 0; i < tokens.size(); ++i)
      model->embed(tokens[i], std::span(rows).subspan(i * h, h));
    const Decoder::Part part{&sequence, static_cast<int>(tokens.size()), {}};
    BOOST_REQUIRE(model->decoder().forward(rows, {&part, 1}, cache).ok());
    model->logits(std::span(rows).last(h), logits);
    return logits;
  }
  std::vector<int> greedy(std::vector<int> tokens, std::size_t count) {
    KvCache cache = model->decoder().make_cache(1);
    KvCache::Sequence sequence;
    std::vector<int> answer;
    while (answer.size() < count) {
      const auto logits = feed(tokens, cache, sequence);
      tokens.assign(
          1, static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      answer.push_back(tokens[0]);
    }
    return answer;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(logits_and_greedy_answers_are_those_of_an_independent_implementation) {
  for (const Case& c : all_cases()) {
    Network network(open_model(fixtures / c.folder / c.file));
    const json expected = json::parse(read_file(fixtures / c.folder / "expected.json"));
    double most = 0, square = 0, norm = 0;
    for (const json& prompt : expected["prompts"]) {
      KvCache cache = network.model->decoder().make_cache(1);
      KvCache::Sequence sequence;
      const auto logits = network.feed(prompt["ids"].get<std::vector<int>>(), cache, sequence);
      BOOST_REQUIRE(logits.size() == prompt["logits"].size());
      for (std::size_t i = 0; i < logits.size(); ++i) {
        const double wanted = prompt["logits"][i], difference = logits[i] - wanted;
        most = std::max(most, std::abs(difference));
        square += difference * difference;
        norm += wanted * wanted;
      }
    }
    BOOST_TEST_MESSAGE(c.folder << ": largest difference of a logit " << most << ", relative "
                                << std::sqrt(square / norm));
    BOOST_TEST(most < c.tolerance, c.folder << ": " << most);
    BOOST_TEST(std::sqrt(square / norm) < 0.02, c.folder);
    const auto wanted = expected["greedy"]["answer"].get<std::vector<int>>();
    if (c.tolerance < 0.01)
      BOOST_TEST(network.greedy(expected["greedy"]["ids"], wanted.size()) == wanted,
                 boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(two_ranks_and_two_threads_give_the_tokens_of_one) {
  for (const Case& c : all_cases()) {
    const fs::path path = fixtures / c.folder / c.file;
    const auto ids = json::parse(read_file(fixtures / c.folder / "expected.json"))["greedy"]["ids"]
                         .get<std::vector<int>>();
    const auto alone = Network(open_model(path)).greedy(ids, 48);
    BOOST_TEST(Network(open_model(path), nullptr, {.threads = 2}).greedy(ids, 48) == alone,
               boost::test_tools::per_element());
    const std::string name = "limelight-models-test-" + std::to_string(getpid()) + "-" +
                             fs::path(c.folder).filename().string();
    std::vector<pid_t> ranks;
    for (const int rank : {0, 1}) {
      ranks.push_back(fork());
      if (ranks.back() != 0) continue;
      int code = 1;
      if (auto group = limelight::ipc::SharedGroup::join(
              name, rank, 2, 1 << 16,
              std::chrono::seconds(10)))  // given back before the process ends
        code = Network(open_model(path), &*group).greedy(ids, 48) == alone ? 0 : 2;
      _exit(code);
    }
    for (const pid_t pid : ranks) {
      int status = 0;
      waitpid(pid, &status, 0);
      BOOST_TEST(WEXITSTATUS(status) == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_prompt_in_pieces_gives_the_rows_of_the_whole) {
  const std::vector<float> whole = decode(small_config(), {6}),
                           pieces = decode(small_config(), {4, 1, 1});
  BOOST_TEST(tests::largest_difference(pieces, {whole.begin(), whole.end()}) < 1e-4);
}

BOOST_AUTO_TEST_CASE(a_sequence_has_the_same_bits_alone_and_beside_others) {
  for (const Case& c : all_cases()) {
    Network network(open_model(fixtures / c.folder / c.file));
    const auto h = static_cast<std::size_t>(network.config.shape.hidden);
    const auto rows_of = [&](int from, int count) {
      std::vector<float> rows(static_cast<std::size_t>(count) * h);
      for (int i = 0; i < count; ++i)
        network.model->embed((from + 7 * i) % network.config.shape.vocab,
                             std::span(rows).subspan(static_cast<std::size_t>(i) * h, h));
      return rows;
    };
    const std::vector<int> lengths{1, 17, 3, 33, 2, 8, 5};
    std::vector<float> together, alone;
    KvCache cache = network.model->decoder().make_cache(8);
    std::vector<KvCache::Sequence> sequences(lengths.size());
    std::vector<Decoder::Part> parts;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const auto rows = rows_of(static_cast<int>(i), lengths[i]);
      together.insert(together.end(), rows.begin(), rows.end());
      parts.push_back({&sequences[i], lengths[i], {}});
    }
    BOOST_REQUIRE(network.model->decoder().forward(together, parts, cache).ok());
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      KvCache own = network.model->decoder().make_cache(1);
      KvCache::Sequence sequence;
      const auto rows = rows_of(static_cast<int>(i), lengths[i]);
      for (int at = 0; at < lengths[i]; ++at) {  // one row at a time, as decoding does
        std::vector<float> row(rows.begin() + static_cast<std::ptrdiff_t>(h) * at,
                               rows.begin() + static_cast<std::ptrdiff_t>(h) * (at + 1));
        const Decoder::Part part{&sequence, 1, {}};
        BOOST_REQUIRE(network.model->decoder().forward(row, {&part, 1}, own).ok());
        alone.insert(alone.end(), row.begin(), row.end());
      }
    }
    BOOST_TEST((together == alone), c.folder);
  }
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
  KvCache cache = decoder.make_cache(1);
  KvCache::Sequence sequence;
  std::vector<float> rows(static_cast<std::size_t>(5 * config.shape.hidden));
  const Decoder::Part part{&sequence, 5, {}};
  const auto refused = decoder.forward(rows, {&part, 1}, cache);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().message == "a sequence of 5 tokens: max_model_len is 4");
}
