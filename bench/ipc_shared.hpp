// The transports that transports() lists; see ipc_transport.hpp.
#pragma once

#include "bench/ipc_transport.hpp"

namespace limelight::bench {

Transport limelight_transport();
Transport iceoryx_transport();
Transport socket_transport();

}  // namespace limelight::bench
