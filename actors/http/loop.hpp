// The one thread that runs everything of the HTTP front: sockets, timers and the coroutines of
// requests. So nothing there needs a lock. Functions are called on that thread, but for those that
// say otherwise.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace limelight::http {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  // Runs what there is, and waits for more, until stop(). The calling thread is the loop's.
  void run();
  void stop();                              // from any thread
  void post(std::function<void()> action);  // from any thread; runs in order

  struct Inside;  // loop_inside.hpp, for what waits for sockets
  Inside& inside() { return *inside_; }

 private:
  std::unique_ptr<Inside> inside_;
};

// Calls an action once, after some time, unless it is set anew, cancelled or destroyed before.
class Timer {
 public:
  explicit Timer(Loop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  void set(std::chrono::milliseconds after, std::function<void()> action);
  void cancel();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace limelight::http
