#include "actors/orchestrator/replica_life.hpp"

#include <algorithm>

namespace limelight::actors {

ReplicaLife::ReplicaLife(const stages::Replica& replica, const stages::Supervision& limits)
    : replica_(replica), limits_(limits) {}

bool ReplicaLife::joined(int rank, int incarnation, Clock::time_point now) {
  if (phase_ != Phase::starting || incarnation != incarnation_) return false;
  joined_.insert(rank);
  if (joined_.size() < static_cast<std::size_t>(replica_.ranks)) return false;
  phase_ = Phase::serving;
  serves_since_ = now;
  next_.reset();
  return true;
}

bool ReplicaLife::failed(Clock::time_point now) {
  if (phase_ != Phase::starting && phase_ != Phase::serving) return false;
  failures_.push_back(now);
  // A replica that fails to start, however slowly, does not get there by waiting.
  if (phase_ == Phase::serving)
    while (now - failures_.front() > limits_.failure_window) failures_.pop_front();
  served_ = phase_ == Phase::serving ? now - serves_since_ : Clock::duration::zero();
  phase_ = Phase::ending;
  next_ = now + grace;
  return true;
}

void ReplicaLife::gone(int rank, Clock::time_point now) {
  gone_.insert(rank);
  if (phase_ != Phase::ending || gone_.size() < static_cast<std::size_t>(replica_.ranks)) return;
  if (failures_.size() >= static_cast<std::size_t>(limits_.max_failures)) {
    phase_ = Phase::given_up;
    next_.reset();
    return;
  }
  const auto longest = std::max<std::chrono::milliseconds>(most_pause, limits_.restart_backoff);
  pause_ = pause_.count() == 0 || served_ > pause_ ? limits_.restart_backoff
                                                   : std::min(2 * pause_, longest);
  phase_ = Phase::pausing;
  next_ = now + pause_;
}

ReplicaLife::Deed ReplicaLife::due(Clock::time_point now) {
  if (!next_ || now < *next_) return Deed::nothing;
  if (phase_ == Phase::starting) (void)failed(now);
  if (phase_ == Phase::ending) {
    next_.reset();
    return Deed::kill;
  }
  if (phase_ != Phase::pausing) return Deed::nothing;
  phase_ = Phase::starting;
  next_ = now + start_limit;
  ++incarnation_;
  joined_.clear();
  gone_.clear();
  return Deed::start;
}

}  // namespace limelight::actors
