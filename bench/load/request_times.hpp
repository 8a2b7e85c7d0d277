// What a client saw of one request. Times are in seconds on one steady clock of the client.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace limelight::bench {

// The sound of a request as it arrived, and whether a player would have had to wait for it: it
// begins with the first piece and plays as fast as the sound is long.
class SoundArrival {
 public:
  void add(double at_s, double seconds) {
    if (pieces_ == 0) first_ = at_s;
    const double missing = pieces_ == 0 ? 0 : at_s - first_ - seconds_;
    if (missing > underrun_) underrun_ = missing;
    seconds_ += seconds;
    last_ = at_s;
    ++pieces_;
  }
  void shift(double by_s) {
    first_ += by_s;
    last_ += by_s;
  }
  bool any() const noexcept { return pieces_ > 0; }
  double first() const noexcept { return first_; }
  double last() const noexcept { return last_; }
  double seconds() const noexcept { return seconds_; }
  // The longest that the player was behind, in seconds.
  double underrun() const noexcept { return underrun_; }
  std::uint64_t pieces() const noexcept { return pieces_; }

 private:
  double first_ = 0, last_ = 0, seconds_ = 0, underrun_ = 0;
  std::uint64_t pieces_ = 0;
};

struct RequestTimes {
  bool success = false;
  std::string error = {};  // if it failed
  double start = 0, end = 0;
  std::vector<double> texts = {};  // when each piece of text came
  std::string text = {};
  std::uint64_t prompt_tokens = 0, output_tokens = 0;  // as the server counted
  SoundArrival sound = {};
  std::map<std::string, double> stages = {};  // "stage_0_gen_ms", "transfer_0_1_ms"

  double latency() const noexcept { return end - start; }
  // To the first text. 0: there was none.
  double ttft() const noexcept { return texts.empty() ? 0 : texts.front() - start; }
};

}  // namespace limelight::bench
