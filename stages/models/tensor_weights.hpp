// The weights of networks in a TensorFiles, by their names there: the matrix "a.b" is the tensor
// a.b.weight, and a bias "a.b.bias" is the tensor of that name. Used on one thread, while a stage
// is made; the files outlive the loader. Only whole tensors are loaded, and all are float32 then.
#pragma once

#include "stages/models/tensor_files.hpp"
#include "stages/models/weights.hpp"

namespace limelight::stages {

class TensorWeights final : public WeightLoader {
 public:
  explicit TensorWeights(const TensorFiles& files) : files_(files) {}
  bool has(const std::string& name) const override { return files_.find(stored(name)) != nullptr; }
  // A tensor with more dimensions has those after the first one as columns.
  std::vector<float> load(const std::string& name, const MatrixPart&) override {
    return files_.find(stored(name))->floats();
  }

 private:
  static std::string stored(const std::string& name) {
    return name.ends_with(".bias") ? name : name + ".weight";
  }
  const TensorFiles& files_;
};

}  // namespace limelight::stages
