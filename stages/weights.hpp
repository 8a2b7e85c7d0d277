// Where weights come from. A matrix is asked for by name with the part that this rank holds, so that a split model reads only its share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace limelight::stages {

// Rows [row, row + rows) and columns [col, col + cols) of a matrix of full_rows x full_cols, row-major.
struct MatrixPart {
  int full_rows, full_cols;
  int row, rows, col, cols;
  static MatrixPart whole(int rows, int cols) { return {rows, cols, 0, rows, 0, cols}; }
};

class WeightLoader {
 public:
  virtual ~WeightLoader() = default;
  virtual std::vector<float> load(const std::string& name, const MatrixPart& part) = 0;
};

// Uniform in +-sqrt(3 / columns), a pure function of seed, name and position: the same on every machine and however a matrix is split.
class DummyWeights final : public WeightLoader {
 public:
  explicit DummyWeights(std::uint64_t seed) : seed_(seed) {}
  std::vector<float> load(const std::string& name, const MatrixPart& part) override;

 private:
  std::uint64_t seed_;
};

std::uint64_t mix64(std::uint64_t x) noexcept;  // SplitMix64's finaliser (Steele, Lea, Flood 2014)

}  // namespace limelight::stages
