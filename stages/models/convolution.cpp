#include "stages/models/convolution.hpp"

#include <algorithm>
#include <utility>

namespace limelight::stages {

namespace {
std::size_t product(int a, int b) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}
}  // namespace

int extend(Device& device,
           int n,
           int width,
           int before,
           const std::function<void(std::span<float>)>& fill,
           Past& past,
           Array& rows) {
  const int count = past.count + n, kept = std::min(before, count);
  const std::size_t old = product(past.count, width), keep = product(kept, width);
  rows.resize(product(count, width));
  if (old > 0) device.copy(past.rows.span(), rows.span().first(old));
  if (n > 0) fill(rows.span().subspan(old));
  past.rows.resize(keep);
  if (keep > 0) device.copy(rows.span().last(keep), past.rows.span());
  past.count = kept;
  return count;
}

Convolution::Convolution(Device& device,
                         std::unique_ptr<Matrix> weights,
                         Array bias,
                         int taps,
                         int dilation,
                         int factor,
                         Array& scratch)
    : device_(&device),
      weights_(std::move(weights)),
      bias_(std::move(bias)),
      taps_(taps),
      dilation_(dilation),
      factor_(factor),
      scratch_(&scratch) {}

Past Convolution::begin(bool zeros) const {
  Past past{Array(*device_), 0};
  if (!zeros || taps_ == 1) return past;
  past.count = (taps_ - 1) * dilation_;
  past.rows.resize(product(past.count, in()));
  device_->clear(past.rows.span());
  return past;
}

int Convolution::run(int n,
                     const std::function<void(std::span<float>)>& fill,
                     Past& past,
                     Array& out) const {
  const int before = (taps_ - 1) * dilation_,
            rows = std::max(0, extend(*device_, n, in(), before, fill, past, *scratch_) - before);
  out.resize(0);
  out.resize(product(rows, weights_->out));
  if (rows > 0)
    device_->convolve(scratch_->span(), *weights_, bias_.span(), out.span(), rows, taps_,
                      dilation_);
  return rows * factor_;
}

}  // namespace limelight::stages
