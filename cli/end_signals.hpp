// Delivers Ctrl-C (SIGINT), SIGTERM, SIGHUP, SIGQUIT and SIGUSR2, or others, as calls on a thread
// of this object. A SIGHUP that is ignored, as nohup has it, stays ignored.
//
// A handler writes each signal to a pipe, which the thread reads. (Blocking the signals and waiting
// for them would not work: libraries start threads before main, and those would still get them.)
// Signals that arrive before watch() are delivered by it. Only one object may exist at a time.
#pragma once

#include <signal.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace limelight::cli {

// As a message says it, such as "Ctrl-C".
std::string name_signal(int signal);

class EndSignals {
 public:
  explicit EndSignals(std::vector<int> signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR2});
  ~EndSignals();  // calls stop() and restores the actions that were set before
  EndSignals(const EndSignals&) = delete;

  // Calls on_signal(its number) for each of these signals, on the thread of this object.
  void watch(std::function<void(int)> on_signal);
  // After it returns, on_signal is not running and is never called again.
  void stop();

 private:
  std::vector<int> signals_;
  std::vector<struct sigaction> before_;  // of each of them
  std::thread thread_;
};

}  // namespace limelight::cli
