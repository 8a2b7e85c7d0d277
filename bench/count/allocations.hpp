// How often the calling thread has asked for memory: malloc and its like, and operator new by them.
// limelight-count replaces them to count. glibc alone.
#pragma once

#include <cstdint>

namespace limelight::bench {

std::uint64_t allocations() noexcept;

}  // namespace limelight::bench
