// What both ends of a relay have: connections, which are served one after the other on a thread of
// the end, until it is stopped. For relay_sender.cpp and relay_receiver.cpp alone.
#pragma once

#include <atomic>
#include <limelight/result.hpp>
#include <limelight/span.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "ipc/network/relay_source.hpp"

namespace limelight::ipc {

struct RelayEnd {
  std::string name;
  std::shared_ptr<RelaySource> source;

  std::mutex mutex = {};  // guards the next two, and what an end adds to them
  Socket* current = nullptr;
  bool stopping = false;
  std::atomic<bool> broken = false;  // the connection that is served is of no more use
  std::thread thread = {};

  // On the thread of the end. serve(socket) returns when the connection has ended.
  template <class Serve>
  void run(const char* thread_name, Serve serve) {
    profiling::name_thread(thread_name);
    while (auto socket = source->next()) {
      {
        const std::lock_guard lock(mutex);
        if (stopping) return;
        current = &*socket;
      }
      broken = false;
      if (const Result<void> served = serve(*socket); !served)
        log(LogLevel::info, name + ": the connection has ended: " + served.error().message);
      const std::lock_guard lock(mutex);
      current = nullptr;
      if (stopping) return;
    }
  }

  // Ends what is under way. Whoever waits for something else is woken by the caller, who then joins
  // the thread.
  void stop() {
    source->stop();
    const std::lock_guard lock(mutex);
    stopping = true;
    if (current != nullptr) current->shutdown();
  }
};

}  // namespace limelight::ipc
