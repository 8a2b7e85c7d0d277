// How far the peer of a TCP connection has read, as the kernel sees it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace limelight::http {

struct SocketProgress {
  std::uint64_t acknowledged = 0;  // bytes that the peer's machine has taken, since the beginning
  std::size_t left = 0;            // bytes that were written, and that it has not taken
};
// A descriptor that is none has no progress. Any thread.
SocketProgress progress_of(int descriptor) noexcept;

}  // namespace limelight::http
