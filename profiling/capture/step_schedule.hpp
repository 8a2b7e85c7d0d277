// Which steps of a rank a profile records: after a delay, again and again some that are waited for,
// some for warming up, and some that are recorded, as torch.profiler's schedule and vLLM's
// profiler_config have it.
//
//   delay | wait  warm-up  active | wait  warm-up  active | ...   at most `steps` after the delay
//                          file 1                  file 2
//
// Numbers only: who records tells it of each step's end, and does what it says. One thread uses an
// object.
#pragma once

#include <cstdint>
#include <limelight/profile.hpp>

namespace limelight::profiling {

class StepSchedule {
 public:
  enum class Deed {
    nothing,
    open,   // recording begins where this step ended
    close,  // the file ends with this step; if opens_at_once(), the next one begins there
    end     // so does the whole profile
  };

  explicit StepSchedule(const ProfileOptions& options)
      : delay_(options.delay_steps),
        most_(options.steps),
        idle_(options.wait_steps + options.warmup_steps),
        active_(options.active_steps),
        repeats_(options.active_steps == 0 ? 1 : options.repeat),
        skip_(idle_) {}

  // Whether recording begins without waiting for a step.
  bool opens_at_start() const noexcept { return delay_ == 0 && idle_ == 0; }
  bool opens_at_once() const noexcept { return idle_ == 0; }
  // A step has ended.
  Deed step() noexcept {
    if (ended_) return Deed::nothing;
    if (delay_ > 0) return --delay_ == 0 && idle_ == 0 ? Deed::open : Deed::nothing;
    ended_ = most_ != 0 && ++counted_ == most_;
    if (skip_ > 0) return --skip_ == 0 && !ended_ ? Deed::open : at_end();
    if (active_ == 0 || ++in_file_ < active_) return at_end();
    in_file_ = 0;
    skip_ = idle_;
    ended_ = ended_ || ++files_ == repeats_;
    return ended_ ? Deed::end : Deed::close;
  }

 private:
  Deed at_end() const noexcept { return ended_ ? Deed::end : Deed::nothing; }

  std::uint64_t delay_, most_, idle_, active_, repeats_;  // 0 repeats: until the stop
  std::uint64_t skip_, counted_ = 0, in_file_ = 0, files_ = 0;
  bool ended_ = false;
};

}  // namespace limelight::profiling
