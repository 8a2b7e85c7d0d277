// The window of a channel: how many chunks may wait in it unread. A producer that is a window ahead
// of its consumer waits.
#pragma once

#include <cstddef>

namespace limelight::ipc {

// iceoryx's queues hold 256 chunks, and iceoryx itself needs a few of them.
inline constexpr std::size_t most_window = 250;

}  // namespace limelight::ipc
