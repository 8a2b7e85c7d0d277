// Numbers of a normal distribution, beside torch's of the same seed.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "stages/models/normal_noise.hpp"

using namespace limelight::stages;
namespace tt = boost::test_tools;

BOOST_AUTO_TEST_SUITE(normal_noise_of_a_seed)

// torch.manual_seed(0); torch.randn(16), as torch prints it.
BOOST_AUTO_TEST_CASE(sixteen_numbers_are_torch_s) {
  const std::vector<float> torch{-1.1258f, -1.1524f, -0.2506f, -0.4339f, 0.8487f, 0.6920f,
                                 -0.3160f, -2.1152f, 0.3223f,  -1.2633f, 0.3500f, 0.3081f,
                                 0.1198f,  1.2377f,  1.1168f,  -0.2473f};
  const std::vector<float> ours = normal_noise(0, 16);
  for (std::size_t i = 0; i < torch.size(); ++i) BOOST_TEST(std::abs(ours[i] - torch[i]) < 1e-4f);
}
// torch.manual_seed(0); torch.randn(3)
BOOST_AUTO_TEST_CASE(few_numbers_are_torch_s) {
  const std::vector<float> ours = normal_noise(0, 3), torch{1.5410f, -0.2934f, -2.1788f};
  for (std::size_t i = 0; i < torch.size(); ++i) BOOST_TEST(std::abs(ours[i] - torch[i]) < 1e-4f);
}

BOOST_AUTO_TEST_CASE(a_length_that_is_no_multiple_of_16_changes_the_last_16_alone) {
  const std::vector<float> even = normal_noise(7, 48), odd = normal_noise(7, 41);
  BOOST_TEST(std::equal(odd.begin(), odd.begin() + 25, even.begin()));
  BOOST_TEST(odd[30] != even[30]);
}

BOOST_AUTO_TEST_CASE(only_the_lower_half_of_a_seed_counts_and_seeds_differ) {
  BOOST_TEST(normal_noise(5, 20) == normal_noise((std::uint64_t{3} << 32) | 5, 20));
  BOOST_TEST(normal_noise(5, 20) != normal_noise(6, 20));
  BOOST_TEST(normal_noise(5, 0).empty());
}

BOOST_AUTO_TEST_CASE(many_numbers_have_the_mean_0_and_the_variance_1) {
  double sum = 0, squares = 0;
  const std::vector<float> noise = normal_noise(1, 100'000);
  for (const float one : noise) sum += one, squares += one * one;
  BOOST_TEST(std::abs(sum / 1e5) < 0.02);  // six deviations of such a mean
  BOOST_TEST(squares / 1e5 == 1, tt::tolerance(0.03));
}

BOOST_AUTO_TEST_SUITE_END()
