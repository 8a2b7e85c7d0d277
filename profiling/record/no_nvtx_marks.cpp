// A build without CUDA's headers has no NVTX.
#include <limelight/span.hpp>

#include "profiling/record/nvtx_marks.hpp"

namespace limelight::profiling {

Result<void> start_nvtx(const std::string&) {
  return Error{ErrorCode::unavailable,
               "this build has no NVTX: install the CUDA toolkit (or its nvtx package) and "
               "configure it again"};
}
void stop_nvtx() noexcept {}
void detail::push_mark(NameId, std::uint64_t) noexcept {}
void detail::pop_mark() noexcept {}

}  // namespace limelight::profiling
