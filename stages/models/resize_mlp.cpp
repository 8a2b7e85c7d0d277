#include "stages/models/resize_mlp.hpp"

#include <vector>

namespace limelight::stages {

ResizeMlp::ResizeMlp(const std::string& name,
                     Widths widths,
                     Activation activation,
                     WeightLoader& weights,
                     Device& device)
    : device_(device),
      widths_(widths),
      activation_(activation),
      first_(weights.matrix(
          device, name + ".fc1", MatrixPart::whole(widths.middle, widths.in), ipc::DType::float32)),
      second_(weights.matrix(device,
                             name + ".fc2",
                             MatrixPart::whole(widths.out, widths.middle),
                             ipc::DType::float32)),
      first_bias_(
          load_vector(weights, device, name + ".fc1.bias", widths.middle, 0, widths.middle)),
      second_bias_(load_vector(weights, device, name + ".fc2.bias", widths.out, 0, widths.out)),
      ones_(device, static_cast<std::size_t>(widths.middle)) {
  device.upload(std::vector<float>(ones_.size(), 1.0f), ones_.span());
}

void ResizeMlp::operator()(std::span<const float> x, std::span<float> rows) const {
  const std::size_t n = rows.size() / static_cast<std::size_t>(widths_.out);
  if (n == 0) return;
  Array in(device_, x.size()), middle(device_, n * ones_.size()), ones(device_, middle.size()),
      out(device_, rows.size());
  device_.upload(x, in.span());
  device_.linear(in.span(), *first_, middle.span(), static_cast<int>(n));
  device_.add(middle.span(), first_bias_.span());
  device_.clear(ones.span());
  device_.add(ones.span(), ones_.span());
  device_.gate_mul(middle.span(), ones.span(), activation_);
  device_.linear(middle.span(), *second_, out.span(), static_cast<int>(n));
  device_.add(out.span(), second_bias_.span());
  device_.download(out.span(), rows);
}

}  // namespace limelight::stages
