// A lock-free ring buffer of records with a single producer and a single consumer. Each recording
// thread has one.
//
// The producer is the recording thread. The consumer is the thread that holds
// Registry::drain_mutex: the writer of a session or the flight recorder's thread. Neither waits for
// the other: push() to a full ring drops the record and counts it.
//
// Only the producer writes head_ and only the consumer writes tail_, each with memory order
// release; the other side reads it with acquire. So the consumer sees a record completely once it
// sees the new head_, and the producer reuses a slot only after it has seen the new tail_.
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

  // Consumer. Calls f(record) for each record in the ring, oldest first, and returns their number.
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
  // Any thread may call it. The result may be out of date.
  std::uint64_t size() const noexcept {
    return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed);
  }
  std::size_t capacity() const noexcept { return mask_ + 1; }

  // The producer sets it before its thread ends. The consumer then frees the ring when it is empty.
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
