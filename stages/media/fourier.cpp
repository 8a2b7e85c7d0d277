#include "stages/media/fourier.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace limelight::stages {

namespace {
using Complex = std::complex<double>;
// The operator of std::complex asks for infinities as well, which takes several times as long.
Complex product(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
}  // namespace

Fourier::Fourier(int size) {
  roots_.resize(static_cast<std::size_t>(size));
  for (std::size_t n = 0; n < roots_.size(); ++n)
    roots_[n] = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(n) / size);
  std::size_t rest = roots_.size();
  for (std::size_t prime = 2; rest > 1; ++prime)
    for (; rest % prime == 0; rest /= prime) factors_.push_back(prime);
}

void Fourier::transform(std::span<const Complex> in, std::span<Complex> out) const {
  part(in.data(), 1, out.data(), roots_.size(), 0);
}

// Transforms the `size` numbers in[0], in[stride], in[2 * stride] and so on.
void Fourier::part(const Complex* in,
                   std::size_t stride,
                   Complex* out,
                   std::size_t size,
                   std::size_t factor) const {
  if (size == 1) {
    *out = *in;
    return;
  }
  const std::size_t parts = factors_[factor], width = size / parts;
  for (std::size_t p = 0; p < parts; ++p)
    part(in + p * stride, stride * parts, out + p * width, width, factor + 1);
  std::vector<Complex> large;
  Complex few[8];
  Complex* terms = few;
  if (parts > std::size(few)) {
    large.resize(parts);
    terms = large.data();
  }
  const std::size_t all = roots_.size();
  for (std::size_t k = 0; k < width; ++k) {
    for (std::size_t p = 0; p < parts; ++p)
      terms[p] = product(out[p * width + k], roots_[p * k * stride]);
    if (parts == 2) {
      out[k] = terms[0] + terms[1];
      out[k + width] = terms[0] - terms[1];
      continue;
    }
    for (std::size_t q = 0; q < parts; ++q) {
      Complex sum = terms[0];
      for (std::size_t p = 1; p < parts; ++p)
        sum += product(terms[p], roots_[p * q * (all / parts) % all]);
      out[k + q * width] = sum;
    }
  }
}

}  // namespace limelight::stages
