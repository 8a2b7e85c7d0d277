// Stands in for cupti_source.cpp in a build without CUDA.
#include "profiling/cupti/cupti_source.hpp"

namespace limelight::profiling {

Result<std::unique_ptr<ActivitySource>> make_cupti_source(CuptiOptions) {
  return Error{ErrorCode::unavailable,
               "GPU activity cannot be recorded: this build has no CUDA (configure with "
               "-DLIMELIGHT_CUDA=ON)"};
}

}  // namespace limelight::profiling
