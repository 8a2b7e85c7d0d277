// Where weights come from. A matrix is asked for by name with the part that this rank holds, so
// that a split model reads only its share.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stages/devices/device.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::stages {

// Rows [row, row + rows) and columns [col, col + cols) of a matrix of full_rows x full_cols,
// row-major.
struct MatrixPart {
  int full_rows, full_cols;
  int row, rows, col, cols;
  static MatrixPart whole(int rows, int cols) { return {rows, cols, 0, rows, 0, cols}; }
};

class WeightLoader {
 public:
  virtual ~WeightLoader() = default;
  virtual bool has(const std::string& name) const = 0;
  virtual std::vector<float> load(const std::string& name, const MatrixPart& part) = 0;
  // The same for products on a device.
  virtual std::unique_ptr<Matrix> matrix(Device& device,
                                         const std::string& name,
                                         const MatrixPart& part,
                                         ipc::DType dtype) {
    return device.pack(load(name, part), part.rows, part.cols, dtype);
  }
  // A function that gives rows one by one, for embeddings. It may outlive the loader.
  virtual std::function<void(int row, std::span<float> to)> rows(const std::string& name,
                                                                 int count,
                                                                 int width);
};

// Uniform in +-sqrt(3 / columns), a pure function of seed, name and position: the same on every
// machine and however a matrix is split.
class DummyWeights final : public WeightLoader {
 public:
  explicit DummyWeights(std::uint64_t seed) : seed_(seed) {}
  // Matrices; norms and biases it has none.
  bool has(const std::string& name) const override {
    return !name.ends_with("norm") && !name.ends_with(".bias");
  }
  std::vector<float> load(const std::string& name, const MatrixPart& part) override;

 private:
  std::uint64_t seed_;
};

// A model's files. Weights in blocks stay where they are mapped; a part's columns are whole blocks.
class FileWeights final : public WeightLoader {
 public:
  explicit FileWeights(std::shared_ptr<const ModelFile> file) : file_(std::move(file)) {}
  bool has(const std::string& name) const override { return file_->find(name) != nullptr; }
  std::vector<float> load(const std::string& name, const MatrixPart& part) override;
  std::unique_ptr<Matrix> matrix(Device& device,
                                 const std::string& name,
                                 const MatrixPart& part,
                                 ipc::DType dtype) override;
  std::function<void(int row, std::span<float> to)> rows(const std::string& name,
                                                         int count,
                                                         int width) override;

 private:
  std::shared_ptr<const ModelFile> file_;
};

std::uint64_t mix64(std::uint64_t x) noexcept;  // SplitMix64's finaliser (Steele, Lea, Flood 2014)

}  // namespace limelight::stages
