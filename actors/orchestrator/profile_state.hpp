// What the profiling supervisor decides: which ranks a request is about, whether it is refused, and
// which ranks are being started, are running and are being stopped. It sends nothing and waits for
// nothing, so that it can be tested without an actor.
//
//   idle ----start----> starting --started------------> running
//                          |  \--start_failed,          |  ^
//                          |     taken_back--> before   |  | start (the same run, more ranks)
//   idle <---stopped--- stopping <---------stop---------+  |
//                           \------stopped (others go on)-->|
//                                              starting <--+
//
// Invariants: no rank whose process ended counts as running; `running` without a rank does not
// exist, it is idle. One run at a time has ranks that run. Only the thread of the supervisor calls
// it.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace limelight::actors {

enum class ProfilePhase : std::uint8_t { idle, starting, running, stopping };

// Whom a start is about; without stages, or without ranks, all of them.
struct ProfileChoice {
  std::string run_id;
  std::vector<std::int32_t> stages, ranks;
};

// What to do with a request for a start or a stop.
struct ProfileDecision {
  enum class Kind : std::uint8_t {
    ask,      // these ranks, then report what came of it
    join,     // the same is under way: give this request the same answer
    defer,    // decide again once the start or the stop under way is settled
    nothing,  // there is nothing to stop
    refuse,
  };
  Kind kind = Kind::nothing;
  std::vector<int> ranks = {};
  Error refusal = {.code = ErrorCode::none, .message = {}};
};

class ProfileState {
 public:
  // A rank is there, or there again.
  void add_rank(int rank, int stage);
  // A rank that is there again records for the run that it had begun to record for. resumes(): it
  // is to be asked to start; resumed(): it did. resumed() is false if the run is over, or about to
  // be: then it is to be stopped.
  bool resumes(int rank) const;
  bool resumed(int rank);
  // The process of a rank ended. False: that was known, or the rank is not.
  bool lose_rank(int rank);

  // Kinds: ask (the phase is `starting` then), join, refuse.
  ProfileDecision start(const ProfileChoice& choice);
  // All ranks that were asked have started. Those that ended meanwhile have not: ask is_gone().
  void started();
  // Some have not. Returns the ranks to stop again, whose recording is to be discarded: all that
  // this start was the first to ask and whose process is there. Also those that answered with an
  // error or not at all, since a start may still wait in their mailboxes. The phase stays
  // `starting` until taken_back().
  std::vector<int> start_failed();
  void taken_back();

  // Stops the ranks of these stages; of all, where none is named. Kinds: ask (the phase is
  // `stopping` then; the ranks may be none where all of them ended), join, defer, nothing, refuse.
  ProfileDecision stop(const std::vector<std::int32_t>& stages = {});
  // All ranks that were asked have stopped, or failed to. Returns the ranks of the run, among those
  // that the stop was about, whose process ended before they were stopped, also those that were
  // there again.
  std::set<int> stopped();

  ProfilePhase phase() const { return phase_; }
  const std::set<int>& running() const { return running_; }
  bool is_gone(int rank) const { return gone_.contains(rank); }
  int stage_of(int rank) const { return stages_.at(rank); }
  std::vector<int> ranks() const;

 private:
  Error unknown(const ProfileChoice& choice, const char* cannot) const;
  Error busy(const ProfileChoice& choice, const std::vector<int>& chosen) const;
  std::vector<int> chosen(const ProfileChoice& choice) const;
  std::set<int> of_stages(const std::set<int>& ranks,
                          const std::vector<std::int32_t>& stages) const;
  void settle();

  std::map<int, int> stages_;  // by rank
  std::set<int> gone_;         // ranks whose process ended
  std::set<int> running_;      // ranks that record
  std::set<int> starting_;     // ranks that were asked to, also those that run already
  std::set<int> stopping_;     // ranks that are being stopped
  std::set<int> lost_;         // ranks that ended while they recorded; a stop tells
  std::vector<std::int32_t> stopping_stages_;  // that the stop under way is about; empty: all
  std::string run_id_;                         // of the ranks that run, are started or are stopped
  ProfilePhase phase_ = ProfilePhase::idle;
};

}  // namespace limelight::actors
