// The feed-forward networks of a layer, beside their formulas in double.
#include "stages/models/feed_forward.hpp"
#include "tests/device_checks.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;

namespace {

StageConfig config_of(int shared, bool normalised) {
  StageConfig config;
  config.shape.hidden = 6;
  config.shape.mlp = 10;
  config.shape.experts = {
      .count = 5, .used = 2, .mlp = 8, .shared_mlp = shared, .normalised = normalised};
  return config;
}

std::vector<double> times(WeightLoader& weights,
                          const std::string& name,
                          int rows,
                          const std::vector<double>& x) {
  const int cols = static_cast<int>(x.size());
  const auto w = weights.load(name, MatrixPart::whole(rows, cols));
  std::vector<double> y(static_cast<std::size_t>(rows));
  for (std::size_t r = 0; r < y.size(); ++r)
    for (std::size_t c = 0; c < x.size(); ++c)
      y[r] += static_cast<double>(w[r * x.size() + c]) * x[c];
  return y;
}
std::vector<double> network(WeightLoader& weights,
                            const std::string& at,
                            int width,
                            const std::vector<double>& x) {
  auto gate = times(weights, at + "gate_proj", width, x);
  const auto up = times(weights, at + "up_proj", width, x);
  for (std::size_t i = 0; i < gate.size(); ++i)
    gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
  return times(weights, at + "down_proj", static_cast<int>(x.size()), gate);
}

// One row through the experts.
std::vector<double> expected_of(const StageConfig& config, const std::vector<double>& x) {
  DummyWeights weights(1);
  const ExpertsShape& shape = config.shape.experts;
  const auto logits = times(weights, "l.router", shape.count, x);
  double sum = 0, chosen = 0;
  for (const double logit : logits) sum += std::exp(logit);
  std::vector<int> order{0, 1, 2, 3, 4};
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  order.resize(2);
  for (const int e : order) chosen += std::exp(logits[static_cast<std::size_t>(e)]) / sum;
  std::vector<double> out(x.size());
  const auto add = [&](const std::vector<double>& y, double weight) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += weight * y[i];
  };
  for (const int e : order)
    add(network(weights, "l.experts." + std::to_string(e) + ".", shape.mlp, x),
        std::exp(logits[static_cast<std::size_t>(e)]) / sum / (shape.normalised ? chosen : 1));
  if (shape.shared_mlp > 0)
    add(network(weights, "l.shared_expert.", shape.shared_mlp, x),
        1 / (1 + std::exp(-times(weights, "l.shared_expert_gate", 1, x)[0])));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(feed_forward)

BOOST_AUTO_TEST_CASE(each_row_goes_through_the_experts_that_it_prefers) {
  const auto device = make_cpu_device();
  for (const int shared : {0, 7})
    for (const bool normalised : {true, false}) {
      const StageConfig config = config_of(shared, normalised);
      DummyWeights weights(1);
      const Experts experts(config, "l.", 0, 1, weights, *device);
      const std::vector<float> x = random_values(3 * 6, 4);
      std::vector<double> expected;
      for (std::size_t r = 0; r < 3; ++r)
        for (const double value :
             expected_of(config, {x.begin() + static_cast<std::ptrdiff_t>(6 * r),
                                  x.begin() + static_cast<std::ptrdiff_t>(6 * r + 6)}))
          expected.push_back(value);
      std::vector<float> out(x.size(), 99.0f);
      experts.forward(x, out, 3, Activation::silu);
      BOOST_TEST(largest_difference(out, expected) < 1e-5);
    }
}

BOOST_AUTO_TEST_CASE(the_shares_of_two_ranks_sum_up_to_the_whole) {
  const auto device = make_cpu_device();
  const StageConfig config = config_of(6, true);
  const std::vector<float> x = random_values(4 * 6, 5);
  std::vector<float> whole(x.size());
  std::vector<double> sum(x.size());
  DummyWeights weights(1);
  Experts(config, "l.", 0, 1, weights, *device).forward(x, whole, 4, Activation::gelu);
  for (const int rank : {0, 1}) {
    std::vector<float> part(x.size());
    Experts(config, "l.", rank, 2, weights, *device).forward(x, part, 4, Activation::gelu);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(part[i]);
  }
  BOOST_TEST(largest_difference(whole, sum) < 1e-5);
}

BOOST_AUTO_TEST_SUITE_END()
