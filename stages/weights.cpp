#include "stages/weights.hpp"

#include <cmath>

namespace limelight::stages {

std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::vector<float> DummyWeights::load(const std::string& name, const MatrixPart& part) {
  std::uint64_t key = mix64(seed_);
  for (const char c : name) key = mix64(key ^ static_cast<unsigned char>(c));
  const float bound = std::sqrt(3.0f / static_cast<float>(part.full_cols));
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(part.rows) * static_cast<std::size_t>(part.cols));
  for (int r = part.row; r < part.row + part.rows; ++r)
    for (int c = part.col; c < part.col + part.cols; ++c) {
      const auto at = static_cast<std::uint64_t>(r) * static_cast<std::uint64_t>(part.full_cols) + static_cast<std::uint64_t>(c);
      out.push_back(bound * (static_cast<float>(mix64(key ^ at) >> 40) * 0x1p-23f - 1.0f));
    }
  return out;
}

}  // namespace limelight::stages
