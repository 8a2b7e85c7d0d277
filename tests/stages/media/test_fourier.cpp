// The transform beside its definition.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "stages/media/fourier.hpp"

using limelight::stages::Fourier;
using Numbers = std::vector<std::complex<double>>;

BOOST_AUTO_TEST_SUITE(fourier)

BOOST_AUTO_TEST_CASE(any_length_gives_the_sums_of_the_definition) {
  for (const int size : {1, 2, 3, 8, 12, 17, 30, 49, 400}) {  // a prime, squares, mixed factors
    Numbers in, out(static_cast<std::size_t>(size));
    for (int n = 0; n < size; ++n) in.emplace_back(std::sin(n * n), std::cos(3.0 * n));
    const Fourier transform(size);
    BOOST_TEST(transform.size() == size);
    transform.transform(in, out);
    double furthest = 0;
    for (int k = 0; k < size; ++k) {
      std::complex<double> sum = 0;
      for (int n = 0; n < size; ++n)
        sum += in[static_cast<std::size_t>(n)] *
               std::polar(1.0, -2 * std::numbers::pi * (n * k % size) / size);
      furthest = std::max(furthest, std::abs(out[static_cast<std::size_t>(k)] - sum));
    }
    BOOST_TEST(furthest < 1e-11, "size " << size << ": " << furthest);
  }
}

BOOST_AUTO_TEST_SUITE_END()
