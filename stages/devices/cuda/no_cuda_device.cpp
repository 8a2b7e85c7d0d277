// Replaces cuda_device.cpp in a build without CUDA.
#include "stages/devices/device.hpp"

namespace limelight::stages {

Result<std::unique_ptr<Device>> make_cuda_device(int) {
  return Error{
      ErrorCode::unavailable,
      "no CUDA device can be used: this build has no CUDA (configure with -DLIMELIGHT_CUDA=ON)"};
}

}  // namespace limelight::stages
