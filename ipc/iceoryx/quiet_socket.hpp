// Replaces the sending functions of iceoryx's sockets by ones that print nothing.
//
// Each process sends messages to the broker through a UNIX socket. Where the broker has died,
// iceoryx 2.0 returns an error and also writes several lines to std::cerr for each message,
// whatever its log level is. A process can do nothing about it: it sends a message every second,
// and some at its end. The socket is a class in a shared library. This library defines three of its
// functions, which take their place in every program that is linked with it (see robust_mutex.hpp).
// They send the same bytes and return the same errors.
#pragma once

namespace limelight::ipc {

// Call it before iceoryx is used. It does nothing, but makes the linker include the functions.
void use_quiet_sockets() noexcept;

}  // namespace limelight::ipc
