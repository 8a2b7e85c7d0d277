#include "actors/orchestrator/deadlines.hpp"

#include <limelight/span.hpp>

namespace limelight::actors {

void Deadlines::set(std::uint64_t request, Time at) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  at_[request] = at;
  next_.emplace(at, request);
  if (!thread_.joinable()) thread_ = std::thread([this] { wait(); });
  if (next_.begin()->second == request) changed_.notify_one();
}

void Deadlines::forget(std::uint64_t request) {
  const std::lock_guard lock(mutex_);
  const auto known = at_.find(request);
  if (known == at_.end()) return;
  next_.erase({known->second, request});
  at_.erase(known);
}

void Deadlines::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Deadlines::wait() {
  profiling::name_thread("deadlines");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (next_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto [at, request] = *next_.begin();
    if (std::chrono::steady_clock::now() < at) {
      changed_.wait_until(lock, at);
      continue;
    }
    next_.erase(next_.begin());
    at_.erase(request);
    lock.unlock();
    on_late_(request);
    lock.lock();
  }
}

}  // namespace limelight::actors
