// Threads for what takes longer than the loop may stand still: reading large bodies, and writing
// sound. Any thread may call post().
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace limelight::http {

class Worker {
 public:
  explicit Worker(int threads);
  ~Worker();  // after all that was posted
  Worker(const Worker&) = delete;
  void post(std::function<void()> work);

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace limelight::http
