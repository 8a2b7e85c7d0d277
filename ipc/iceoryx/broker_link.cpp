#include "ipc/iceoryx/broker_link.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <iceoryx_hoofs/error_handling/error_handling.hpp>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <memory>
#include <mutex>
#include <thread>

#include "base/log.hpp"
#include "ipc/iceoryx/quiet.hpp"
#include "ipc/iceoryx/robust_mutex.hpp"

namespace limelight::ipc {

namespace {

using Clock = std::chrono::steady_clock;

// A call of iceoryx that the broker has to answer. iceoryx waits for a minute for one that has
// died, and then fails for good.
struct BrokerCall {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::string failure = {};  // empty: none
};
thread_local BrokerCall* current_call = nullptr;

[[noreturn]] void leave_behind(const char* failure) {
  {
    const std::lock_guard lock(current_call->mutex);
    current_call->failure = failure;
  }
  current_call->changed.notify_all();
  for (;;) ::pause();
}

// Its thread has its own share of the call, and never gives it back where it is left behind.
std::shared_ptr<BrokerCall> begin_call(std::function<void()> call) {
  auto begun = std::make_shared<BrokerCall>();
  std::thread([begun, call = std::move(call)] {
    current_call = begun.get();
    call();
    const std::lock_guard lock(begun->mutex);
    begun->done = true;
    begun->changed.notify_all();
  }).detach();
  return begun;
}

Result<void> wait_for(BrokerCall& call, Clock::time_point deadline) {
  const auto gone = [](const std::string& what) {
    return Error{ErrorCode::unavailable, "the iceoryx broker " + what + ": restart this process"};
  };
  std::unique_lock lock(call.mutex);
  while (!call.done) {
    if (!call.failure.empty()) return gone("is not to be had any more (" + call.failure + ")");
    if (!broker_listens()) return gone("has ended");
    if (Clock::now() >= deadline) return gone("does not answer");
    call.changed.wait_for(lock, std::chrono::milliseconds(10));
  }
  return {};
}

// Replaces iceoryx's error handler, which ends the process for every error, even for a loan that is
// too large. This one ends it only after fatal errors, after which iceoryx cannot continue; after
// any other error the call returns it.
void install_error_handler() {
  static auto restore = iox::ErrorHandler::setTemporaryErrorHandler(
      [](const iox::Error error, const std::function<void()>&, const iox::ErrorLevel level) {
        if (level != iox::ErrorLevel::FATAL) return;
        if (current_call != nullptr) leave_behind(iox::ErrorHandler::toString(error));
        log(LogLevel::error, broker_listens()
                                 ? std::string("iceoryx has failed, so this process ends: ") +
                                       iox::ErrorHandler::toString(error)
                                 : "the iceoryx broker has ended: restart this process");
        _exit(70);
      });
}

}  // namespace

Result<void> attach(const std::string& name, std::chrono::milliseconds timeout, BrokerComes comes) {
  iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
                                                           iox::log::LogLevelOutput::kHideLogLevel);
  install_error_handler();
  use_robust_mutexes();
  keep_iceoryx_quiet();
  const auto deadline = Clock::now() + timeout;
  static std::mutex mutex;
  static std::shared_ptr<BrokerCall> call;  // iceoryx attaches a process once
  const std::lock_guard lock(mutex);
  while (!call && !broker_listens()) {
    if (comes == BrokerComes::was_there)
      return Error{ErrorCode::unavailable, "the iceoryx broker has ended: restart this process"};
    if (Clock::now() >= deadline)
      return Error{ErrorCode::unavailable,
                   "no iceoryx broker came up within " + std::to_string(timeout.count()) + " ms"};
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (!call)
    call = begin_call([name] {
      iox::runtime::PoshRuntime::initRuntime(
          iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name.c_str()));
    });
  return wait_for(*call, deadline);
}

Result<void> ask_broker(std::function<void()> call, std::chrono::milliseconds timeout) {
  return wait_for(*begin_call(std::move(call)), Clock::now() + timeout);
}

bool broker_listens() noexcept {
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;  // unknown
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/tmp/roudi");
  const bool connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int why = errno;
  ::close(fd);
  return connected || (why != ECONNREFUSED && why != ENOENT);
}

}  // namespace limelight::ipc
