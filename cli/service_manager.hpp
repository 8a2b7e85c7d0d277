// Tells systemd how far a service is (sd_notify(3)): a datagram to the socket in $NOTIFY_SOCKET.
// Without that variable nothing is told. Any thread may call these functions.
#pragma once

#include <chrono>
#include <string>

namespace limelight::cli {

// state: such as "READY=1" or "STOPPING=1".
void tell_service_manager(const std::string& state);

// How often "WATCHDOG=1" is expected, at half of the time that the manager waits; 0: never.
std::chrono::milliseconds watchdog_period();

}  // namespace limelight::cli
