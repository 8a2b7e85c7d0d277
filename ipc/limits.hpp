// What iceoryx can hold: constants of its build. channel.cpp checks that they are still right. A
// config that asks for more is refused before anything is started.
#pragma once

#include <cstddef>

namespace limelight::ipc {

// Channels of all pipelines that share the broker, which itself publishes on six.
inline constexpr std::size_t most_publishers = 506;
// Processes that are attached to one broker: ranks, orchestrators, and some that only ask whether
// it is there.
inline constexpr std::size_t most_processes = 296;
// Channels that one thread reads together.
inline constexpr std::size_t most_channels_together = 32;
// Sizes of chunks.
inline constexpr std::size_t most_pools = 32;

}  // namespace limelight::ipc
