// A single-producer, single-consumer ring of records: one per recording thread.
//
// The producer is the thread that owns it; the consumer is the session's drain thread. Neither
// waits for the other: a full ring counts a drop and the producer goes on. head_ is written by the
// producer alone, tail_ by the consumer alone; each publishes its side with release and reads the
// other's with acquire.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "profiling/record/record.hpp"

namespace limelight::profiling {

class Ring {
 public:
  // capacity: a power of two.
  explicit Ring(std::size_t capacity, int thread_id)
      : records_(std::make_unique<Record[]>(capacity)),
        mask_(capacity - 1),
        thread_id_(thread_id) {}

  // Producer. Never blocks.
  void push(const Record& record) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - cached_tail_ > mask_) {
      cached_tail_ = tail_.load(std::memory_order_acquire);
      if (head - cached_tail_ > mask_) {
        drops_.store(drops_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return;
      }
    }
    records_[head & mask_] = record;
    head_.store(head + 1, std::memory_order_release);
  }

  // Consumer. Calls f(record) for each record that is there now, oldest first, and returns their
  // number.
  template <class F>
  std::size_t drain(F&& f) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    for (std::uint64_t i = tail; i != head; ++i) f(records_[i & mask_]);
    tail_.store(head, std::memory_order_release);
    return static_cast<std::size_t>(head - tail);
  }

  std::uint64_t drops() const noexcept { return drops_.load(std::memory_order_relaxed); }
  int thread_id() const noexcept { return thread_id_; }
  // From any thread; a moment old.
  std::uint64_t size() const noexcept {
    return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed);
  }
  std::size_t capacity() const noexcept { return mask_ + 1; }

  // Set by the producer as its last act; the consumer frees the ring once it is empty.
  std::atomic<bool> abandoned{false};

 private:
  std::unique_ptr<Record[]> records_;
  std::size_t mask_;
  int thread_id_;
  alignas(64) std::atomic<std::uint64_t> head_{0};
  std::uint64_t cached_tail_ = 0;
  std::atomic<std::uint64_t> drops_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
};

}  // namespace limelight::profiling
