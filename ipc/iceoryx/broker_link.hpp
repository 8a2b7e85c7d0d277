// How this process is joined to the machine's broker of iceoryx.
//
// A process is attached once and for all: one whose broker has ended has to be started again, and
// every call says so. iceoryx itself waits for a minute for a broker that has died and then ends
// the process; here such calls run on threads of their own, which are left behind. Any thread may
// call any function.
#pragma once

#include <chrono>
#include <functional>
#include <limelight/result.hpp>
#include <string>

namespace limelight::ipc {

enum class BrokerComes {
  some_time,  // wait until one listens
  was_there   // one was there a moment ago: if it does not listen, it has ended
};
// Registers this process with the broker. It also sets iceoryx's log level and error handler for
// the whole process. name: unique on the machine, [A-Za-z0-9_-]; that of the first call counts.
// Errors: unavailable (no broker within the timeout, or one that ends meanwhile).
Result<void> attach(const std::string& name,
                    std::chrono::milliseconds timeout,
                    BrokerComes comes = BrokerComes::some_time);
// Runs a call of iceoryx that the broker has to answer, such as the making of a port, on a thread
// of its own. That thread is left behind where the broker does not answer. Errors: unavailable.
Result<void> ask_broker(std::function<void()> call, std::chrono::milliseconds timeout);
// Whether a process listens on the broker's socket, which one that was killed leaves behind.
bool broker_listens() noexcept;

}  // namespace limelight::ipc
