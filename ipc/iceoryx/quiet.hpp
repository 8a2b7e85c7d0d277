// Keeps iceoryx from writing to std::cerr, which it does in two places whatever its log level is.
//
// Each process sends messages to the broker through a UNIX socket. Where the broker has died,
// iceoryx 2.0 returns an error and also writes several lines for each message. A process can do
// nothing about it: it sends a message every second, and some at its end. And a condition that
// iceoryx checks is written before its error handler is called.
//
// Both are functions in a shared library. This library defines three functions of the socket and
// the one that checks conditions, which take their place in every program that is linked with it
// (see robust_mutex.hpp). They do the same, but for the writing.
#pragma once

namespace limelight::ipc {

// Call it before iceoryx is used. It does nothing, but makes the linker include the functions.
void keep_iceoryx_quiet() noexcept;

}  // namespace limelight::ipc
