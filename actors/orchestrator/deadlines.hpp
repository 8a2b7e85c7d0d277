// Says when a request is late. One thread waits for the next deadline; it runs from the first one
// on.
//
// set(), forget() and stop() may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace limelight::actors {

class Deadlines {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // on_late(request): called on the waiting thread, with no lock of this object held. It may come a
  // moment after forget().
  explicit Deadlines(std::function<void(std::uint64_t)> on_late) : on_late_(std::move(on_late)) {}
  ~Deadlines() { stop(); }
  Deadlines(const Deadlines&) = delete;

  void set(std::uint64_t request, Time at);
  void forget(std::uint64_t request);
  // Returns when on_late is not called any more. Not to be called by on_late.
  void stop();

 private:
  void wait();

  std::function<void(std::uint64_t)> on_late_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::pair<Time, std::uint64_t>> next_;
  std::map<std::uint64_t, Time> at_;  // the same by request
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace limelight::actors
