// The discrete Fourier transform of a fixed length, in double. One object may be used by several
// threads at once.
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace limelight::stages {

class Fourier {
 public:
  explicit Fourier(int size);  // 1 or more
  int size() const noexcept { return static_cast<int>(roots_.size()); }
  // out[k] = sum of in[n] * exp(-2 pi i n k / size). in, out: of `size` numbers, not the same
  // memory. Cooley and Tukey, 1965, for any factors of the size.
  void transform(std::span<const std::complex<double>> in,
                 std::span<std::complex<double>> out) const;

 private:
  void part(const std::complex<double>* in,
            std::size_t stride,
            std::complex<double>* out,
            std::size_t size,
            std::size_t factor) const;

  std::vector<std::complex<double>> roots_;  // exp(-2 pi i n / size)
  std::vector<std::size_t> factors_;         // primes; their product is the size
};

}  // namespace limelight::stages
