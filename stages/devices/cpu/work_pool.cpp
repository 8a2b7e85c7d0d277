#include "stages/devices/cpu/work_pool.hpp"

#include <algorithm>

namespace limelight::stages {

namespace {
constexpr int spins = 2000;
void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
}  // namespace

WorkPool::WorkPool(int threads) : parts_(static_cast<std::size_t>(std::max(threads, 1))) {
  for (std::size_t part = 1; part < parts_; ++part)
    threads_.emplace_back([this, part] { serve(part); });
}
WorkPool::~WorkPool() {
  ending_ = true;
  piece_.fetch_add(1, std::memory_order_release);
  piece_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkPool::do_part(std::size_t part) const {
  const std::size_t share = ((count_ + parts_ - 1) / parts_ + grain_ - 1) / grain_ * grain_;
  const std::size_t begin = std::min(part * share, count_), end = std::min(begin + share, count_);
  if (begin < end) (*work_)(begin, end);
}

void WorkPool::serve(std::size_t part) {
  std::uint32_t done = 0;
  for (;;) {
    for (int i = 0; i < spins && piece_.load(std::memory_order_acquire) == done; ++i) pause_cpu();
    piece_.wait(done, std::memory_order_acquire);
    done = piece_.load(std::memory_order_acquire);
    if (ending_) return;
    do_part(part);
    left_.fetch_sub(1, std::memory_order_release);
  }
}

void WorkPool::run(std::size_t count,
                   std::size_t grain,
                   const std::function<void(std::size_t, std::size_t)>& work) {
  if (threads_.empty() || count <= grain) return work(0, count);
  work_ = &work;
  count_ = count;
  grain_ = grain;
  left_.store(static_cast<std::uint32_t>(threads_.size()), std::memory_order_relaxed);
  piece_.fetch_add(1, std::memory_order_release);
  piece_.notify_all();
  do_part(0);
  while (left_.load(std::memory_order_acquire) != 0) pause_cpu();
}

}  // namespace limelight::stages
