// Records how much memory a rank uses, as counters, and remembers the most that it used.
//
// A profile with `with_memory` starts and stops it; in between, the thread that computes calls
// step() after each step. A sample is taken when the last one is 2 ms old (the resident memory:
// 10 ms), and has, for tensors, also the most that they had since the last one, at its time. While
// nothing is recorded step() is one load and a branch.
//
//   counter                     what
//   memory.host, memory.device  bytes of tensors: weights, caches, activations
//   memory.chunks               bytes of chunks that the process fills or reads
//   memory.resident             bytes that the kernel counts (statm), mapped files included
//   kv.used_blocks, .free_...   blocks of KV caches; a free one may still hold what can be found
//   pool.used_chunks            chunks in use of the pools that it sends from, by all processes
//
// Any thread may call any function.
#pragma once

#include <cstdint>
#include <functional>
#include <limelight/profile.hpp>
#include <limelight/span.hpp>
#include <mutex>

#include "profiling/record/memory_ledger.hpp"

namespace limelight::profiling {

class MemorySampler {
 public:
  struct Pool {
    std::uint64_t used = 0, chunks = 0;
  };
  // pool: the chunks in use, and all of them. Nothing: there is none.
  explicit MemorySampler(std::function<Pool()> pool = {});
  ~MemorySampler();
  MemorySampler(const MemorySampler&) = delete;

  void step() noexcept {
    if (detail::recording_memory.load(std::memory_order_relaxed)) [[unlikely]]
      sample(false);
  }
  // The thread that computes has nothing to do: the last values are to be seen.
  void rest() noexcept {
    if (detail::recording_memory.load(std::memory_order_relaxed)) [[unlikely]]
      sample(true);
  }

  // From now on samples are taken; spans are being recorded already.
  void start();
  void stop();
  // The most that was used since start(), or since the last call.
  MemoryUse take_use();

 private:
  struct Track {
    NameId name;
    std::uint64_t value = 0, ticks = 0;  // of the last sample; 0: none
  };
  void sample(bool now);
  void show(Track& track, std::uint64_t value, std::uint64_t at);
  void show_tensors(Track& track, MemorySpace space, std::uint64_t bytes, std::uint64_t at);
  void begin_use();

  const std::function<Pool()> pool_;
  const std::uint64_t sample_ticks_, resident_ticks_, repeat_ticks_;
  std::mutex mutex_;  // guards the members below
  std::uint64_t sampled_ = 0, resident_at_ = 0;
  Track host_, device_, chunks_, resident_, used_blocks_, free_blocks_, pool_chunks_;
  MemoryUse use_;
};

}  // namespace limelight::profiling
