// Delivers Ctrl-C (SIGINT), SIGTERM and SIGUSR2, or others, as calls on a thread of this object.
//
// A handler writes each signal to a pipe, which the thread reads. (Blocking the signals and waiting
// for them would not work: libraries start threads before main, and those would still get them.)
// Signals that arrive before watch() are delivered by it. Only one object may exist at a time.
#pragma once

#include <signal.h>

#include <functional>
#include <thread>
#include <vector>

namespace limelight::cli {

class EndSignals {
 public:
  explicit EndSignals(std::vector<int> signals = {SIGINT, SIGTERM, SIGUSR2});
  ~EndSignals();  // calls stop() and restores the default actions
  EndSignals(const EndSignals&) = delete;

  // Calls on_signal(its number) for each signal, on the thread of this object.
  void watch(std::function<void(int)> on_signal);
  // After it returns, on_signal is not running and is never called again.
  void stop();

 private:
  std::vector<int> signals_;
  std::thread thread_;
};

}  // namespace limelight::cli
