// Ctrl-C, SIGTERM and SIGUSR2 as calls on a thread of ours. A handler and a pipe, not a signal
// mask: libraries start threads before main, and a mask would not reach them. What arrives before
// watch() is kept for it. One object at a time in a process.
#pragma once

#include <functional>
#include <thread>

namespace limelight::cli {

class EndSignals {
 public:
  EndSignals();
  ~EndSignals();  // stops, and gives the signals their default action back
  EndSignals(const EndSignals&) = delete;

  // on_signal(SIGINT, SIGTERM or SIGUSR2) is called for each that arrives, on a thread of this
  // object.
  void watch(std::function<void(int)> on_signal);
  // After this nothing is called any more.
  void stop();

 private:
  std::thread thread_;
};

}  // namespace limelight::cli
