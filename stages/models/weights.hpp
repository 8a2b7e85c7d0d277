// Loads weights. A caller asks for a matrix by name, together with the part that its rank holds, so
// that a rank reads only its share of a split model. Used on one thread, while a stage is made.
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
  // Loads a part and packs it for products on a device.
  virtual std::unique_ptr<Matrix> matrix(Device& device,
                                         const std::string& name,
                                         const MatrixPart& part,
                                         ipc::DType dtype) {
    return device.pack(load(name, part), part.rows, part.cols, dtype);
  }
  // Returns a function that copies one row, for embeddings. The function may outlive the loader.
  virtual std::function<void(int row, std::span<float> to)> rows(const std::string& name,
                                                                 int count,
                                                                 int width);
};

// Random weights, uniform in +-sqrt(3 / columns). A weight depends only on seed, name and position,
// so it is the same on every machine and for every split of the matrix.
class DummyWeights final : public WeightLoader {
 public:
  explicit DummyWeights(std::uint64_t seed) : seed_(seed) {}
  // Every matrix exists; norms and biases do not.
  bool has(const std::string& name) const override {
    return !name.ends_with("norm") && !name.ends_with(".bias");
  }
  std::vector<float> load(const std::string& name, const MatrixPart& part) override;

 private:
  std::uint64_t seed_;
};

// The weights of a model in files. Weights in blocks are used where they are mapped; the columns of
// a part must be whole blocks.
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

// The weights of one network among several: their names begin with `at` in the loader beneath.
class NamedWeights final : public WeightLoader {
 public:
  NamedWeights(WeightLoader& from, std::string at) : from_(from), at_(std::move(at)) {}
  bool has(const std::string& name) const override { return from_.has(at_ + name); }
  std::vector<float> load(const std::string& name, const MatrixPart& part) override {
    return from_.load(at_ + name, part);
  }
  std::unique_ptr<Matrix> matrix(Device& device,
                                 const std::string& name,
                                 const MatrixPart& part,
                                 ipc::DType dtype) override {
    return from_.matrix(device, at_ + name, part, dtype);
  }
  std::function<void(int, std::span<float>)> rows(const std::string& name,
                                                  int count,
                                                  int width) override {
    return from_.rows(at_ + name, count, width);
  }

 private:
  WeightLoader& from_;
  std::string at_;
};

std::uint64_t mix64(std::uint64_t x) noexcept;  // SplitMix64's finaliser (Steele, Lea, Flood 2014)

// For the memory of dummies: numbers of parameters, in double, as they may exceed 64 bits.
inline double decoder_parameter(int rows, int cols) {
  return static_cast<double>(rows) * static_cast<double>(cols);
}
double decoder_parameters(const DecoderShape& shape);  // of all layers
// The bytes of `packed` parameters in the stage's dtype and `floats` in float32, and of what
// packing the largest matrix takes.
std::uint64_t dummy_bytes(const StageConfig& config, double packed, double floats);

}  // namespace limelight::stages
