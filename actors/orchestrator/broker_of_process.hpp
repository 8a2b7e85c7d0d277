// This process and the broker: iceoryx attaches a process to one broker for life, so the broker is
// used for as long.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/channel.hpp"

namespace limelight::actors {

// Finds or starts the broker, and attaches on the first call. Returns its process id; 0: another
// program's. Errors: as Broker::use and attach.
Result<int> use_broker(const std::vector<ipc::Pool>& pools, const std::vector<ShmNeed>& beside);

// A broker that died or is stuck answers nobody, and iceoryx waits for it without end; this waits
// for some seconds, and leaves the thread behind that does. Errors: unavailable.
Result<std::unique_ptr<ipc::Subscriber>> make_subscriber(const std::string& topic,
                                                         std::size_t window,
                                                         bool relayed = false);
Result<std::unique_ptr<ipc::Publisher>> make_publisher(const std::string& topic,
                                                       std::uint64_t max_bytes,
                                                       std::size_t window);

}  // namespace limelight::actors
