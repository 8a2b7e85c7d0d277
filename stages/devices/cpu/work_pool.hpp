// A pool of threads that share one piece of work at a time with the calling thread.
//
// Between two pieces the threads spin for a moment, because a decoder brings the next piece within
// microseconds; after that they sleep. One thread at a time may call run().
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace limelight::stages {

class WorkPool {
 public:
  // threads: the number of threads that work, the calling thread included.
  explicit WorkPool(int threads);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  // Divides [0, count) into at most as many ranges as there are threads, at multiples of `grain`,
  // calls work(begin, end) for each, and returns when all calls have returned.
  void run(std::size_t count,
           std::size_t grain,
           const std::function<void(std::size_t, std::size_t)>& work);

 private:
  void serve(std::size_t part);
  void do_part(std::size_t part) const;

  const std::function<void(std::size_t, std::size_t)>* work_ = nullptr;
  std::size_t count_ = 0, grain_ = 1, parts_;
  std::atomic<std::uint32_t> piece_{0};  // number of the current piece; threads wait on it
  std::atomic<std::uint32_t> left_{0};
  std::atomic<bool> ending_{false};
  std::vector<std::thread> threads_;
};

}  // namespace limelight::stages
