// Steps of an ordinary differential equation, against its solution.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "stages/models/runge_kutta.hpp"

using namespace limelight::stages;
namespace tt = boost::test_tools;

BOOST_AUTO_TEST_SUITE(runge_kutta)

BOOST_AUTO_TEST_CASE(times_begin_at_0_end_at_1_and_sway_makes_the_first_steps_small) {
  const std::vector<float> even = sway_times(5, 0), swayed = sway_times(5, -1);
  for (std::size_t i = 0; i < 5; ++i)
    BOOST_TEST(even[i] == 0.25f * static_cast<float>(i), tt::tolerance(1e-6f));
  BOOST_TEST(swayed.front() == 0);
  BOOST_TEST(swayed.back() == 1, tt::tolerance(1e-6f));
  // t - (cos(pi / 2 * t) - 1 + t) = 1 - cos(pi / 2 * t)
  BOOST_TEST(swayed[2] == 1 - std::sqrt(0.5f), tt::tolerance(1e-6f));
  BOOST_TEST(swayed[1] < even[1]);
}

// dx/dt = a x has the solution exp(a t); one step of order 4 leaves an error of the order (a t)^5.
BOOST_AUTO_TEST_CASE(a_step_follows_the_solution_to_the_fourth_order) {
  const auto one_step = [](float a, float to) {
    std::vector<float> state{1, -2};
    int asked = 0;
    const Slope slope = [&](float, std::span<const float> x) {
      ++asked;
      return std::vector<float>{a * x[0], a * x[1]};
    };
    runge_kutta_step(slope, 0, to, state);
    BOOST_TEST(asked == 4);
    BOOST_TEST(state[1] == -2 * state[0], tt::tolerance(1e-6f));
    return state[0];
  };
  BOOST_TEST(one_step(-1, 0.1f) == std::exp(-0.1f), tt::tolerance(1e-6f));
  // The series of exp to the fourth power, which is what the method gives for such an equation.
  BOOST_TEST(one_step(1, 1) == 1 + 1 + 1 / 2.f + 1 / 6.f + 1 / 24.f, tt::tolerance(1e-6f));
}

// A cubic of the time is integrated without an error, if each slope is asked for at its own time.
BOOST_AUTO_TEST_CASE(slopes_are_asked_for_at_thirds_of_the_step) {
  std::vector<float> state{0}, times;
  runge_kutta_step(
      [&](float t, std::span<const float>) {
        times.push_back(t);
        return std::vector<float>{4 * t * t * t};
      },
      1, 4, state);
  BOOST_TEST(times == (std::vector<float>{1, 2, 3, 4}), tt::per_element());
  BOOST_TEST(state[0] == 255, tt::tolerance(1e-6f));  // 4^4 - 1^4
}

BOOST_AUTO_TEST_SUITE_END()
