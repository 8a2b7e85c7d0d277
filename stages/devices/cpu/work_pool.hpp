// A few threads that share one piece of work at a time with the thread that brings it.
//
// Between pieces they spin for a moment, since a decoder brings the next one within microseconds,
// and sleep after that.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace limelight::stages {

class WorkPool {
 public:
  // threads: with the caller's.
  explicit WorkPool(int threads);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  // Calls work(begin, end) so that [0, count) is covered, in as many parts as there are threads, at
  // multiples of `grain`; returns when all are done.
  void run(std::size_t count,
           std::size_t grain,
           const std::function<void(std::size_t, std::size_t)>& work);

 private:
  void serve(std::size_t part);
  void do_part(std::size_t part) const;

  const std::function<void(std::size_t, std::size_t)>* work_ = nullptr;
  std::size_t count_ = 0, grain_ = 1, parts_;
  std::atomic<std::uint32_t> piece_{0};  // counts up with each piece; the last one is the end
  std::atomic<std::uint32_t> left_{0};
  std::atomic<bool> ending_{false};
  std::vector<std::thread> threads_;
};

}  // namespace limelight::stages
