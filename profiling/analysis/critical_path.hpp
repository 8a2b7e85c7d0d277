// Finds the path that decided how long a request took, and what its time was spent with.
//
// From the request's end one goes back in time: through the step that ended last, then to what this
// step had to wait for, and so on until the submission. What a step waited for is the latest of
//   - the end of the request's step before it on the rank,
//   - the publish of the last chunk for the request that the rank took before it,
//   - the submission to the rank.
// The parts of a path follow each other without a gap from the begin to the end of the request, so
// their times add up to the time of the request.
//
//   kind          the request ...
//   work          was computed in a step of the rank, or in operations outside of steps, such as
//                 those that take a chunk in: of a shared step, its share
//   beside        waited in a step that it shares, for the shares of the others
//   collective    waited in a step, since rank `other` had not come to a collective yet: the time
//                 is that rank's
//   full_queue    waited in a step for room in the queue to rank `other`
//   memory        waited in a step for memory for a chunk
//   behind        stood behind steps of the rank for other requests
//   hand_off      was a chunk from rank `other` that the rank did not take, though it had no step
//   queue         was submitted, and the rank did not begin, though it had no step
//   idle          had no step and nothing to wait for on the rank
//   admission     had been handed to the orchestrator, which had not admitted it yet
//   orchestrator  was with the orchestrator: before the submission to the rank, or after the rank
//
// add() takes events of all ranks in any order. Memory grows by 16 bytes for a step and 32 for what
// a request had of it, and with the chunks and waits of requests; not with other events. One thread
// uses an object.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "profiling/analysis/collective_match.hpp"
#include "profiling/analysis/trace_event.hpp"

namespace limelight::profiling {

enum class PathKind : std::uint8_t {
  work,
  beside,
  collective,
  full_queue,
  memory,
  behind,
  hand_off,
  queue,
  idle,
  admission,
  orchestrator
};
// Such as "hand_off".
const char* path_kind_name(PathKind kind);

struct PathPart {
  PathKind kind = PathKind::idle;
  int rank = -1, other = -1;  // -1: not known, or none
  std::int64_t begin_ns = 0, end_ns = 0;
  double share = 1;  // of a step that several requests share
  std::int64_t length_ns() const { return end_ns - begin_ns; }
};
struct PathTotal {
  PathKind kind = PathKind::idle;
  int rank = -1, other = -1;
  std::int64_t ns = 0;
  std::uint64_t parts = 0;
  // Of work and collective: the operations of the rank whose time it is, longest first, at most 4
  // of each step.
  std::vector<std::pair<std::string, std::int64_t>> operations{};
};
struct CriticalPath {
  std::string request;
  std::int64_t begin_ns = 0, end_ns = 0;
  std::vector<PathPart> parts;    // in the order of time
  std::vector<PathTotal> totals;  // largest first; their sum is end_ns - begin_ns
};

class CriticalPaths {
 public:
  void add(const EventLine& event, int rank);
  // parts: of one collective, as CollectiveMatch has them.
  void waited(const std::vector<CollectiveMatch::Part>& parts);
  // After all events.
  void finish();

  // After finish(): whether a rank was in a step, so that operation() takes its operations.
  bool in_step(int rank, std::int64_t ns) const { return step_at(rank, ns) != nullptr; }
  // An operation inside a step. name: a number of the caller's; self_ns: of its own.
  void operation(int rank, std::int64_t begin_ns, std::int64_t self_ns, std::uint32_t name);

  // Of a request that is in no trace the path is empty.
  CriticalPath path(const std::string& request,
                    const std::function<std::string(std::uint32_t)>& name_of) const;

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct Spent {
    std::uint32_t name = none;
    std::int64_t ns = 0;
  };
  struct Step {
    std::int64_t begin_ns, end_ns;
    std::array<Spent, 4> operations{};
  };
  struct Own {  // a step of a request
    std::int64_t begin_ns, end_ns;
    double share;
    bool turn;  // as one of several in the step, whose times are not known exactly
  };
  struct Stall {
    std::int64_t begin_ns, end_ns;
    PathKind kind;
    int other;
  };
  struct HandOff {
    int from;
    std::int64_t published_ns, taken_ns;
  };
  struct Stay {  // of a request on a rank
    std::int64_t submitted_ns = 0;
    bool submitted = false;
    std::vector<Own> steps;
    std::vector<Own> outside;  // operations for the request that are in none of its steps
    std::vector<HandOff> arrivals;
    void forget_within(std::int64_t begin_ns);
  };
  struct Trip {
    std::map<int, Stay> stays;
    int orchestrator = -1;
    std::int64_t begin_ns = 0, admitted_ns = 0, end_ns = 0;  // as the orchestrator has them
    bool begun = false, admitted = false, ended = false;
  };
  struct ChunkEnd {
    int rank;
    std::int64_t begin_ns, end_ns;
    Trip* trip;
  };
  const Step* step_at(int rank, std::int64_t ns) const;
  void chunk(const EventLine& event, int rank, Trip* trip);
  bool go_back(CriticalPath& path, const Trip& trip, int& rank, std::int64_t& now) const;
  void work(CriticalPath& path, int rank, const Own& step, std::int64_t to) const;
  void between(CriticalPath& path,
               PathKind kind,
               int rank,
               int other,
               std::int64_t from,
               std::int64_t to) const;
  void add_up(CriticalPath& path, const std::function<std::string(std::uint32_t)>& name_of) const;

  std::map<std::string, Trip, std::less<>> trips_;
  std::map<int, std::vector<Step>> steps_;
  std::map<int, std::vector<Stall>> stalls_;
  std::map<std::pair<int, std::int64_t>, Stall> full_;  // by rank and thread, until the publish
  std::map<std::uint64_t, int> takers_;                 // by channel
  std::map<std::uint64_t, std::vector<std::pair<int, Stall>>> full_queues_;  // by channel
  std::unordered_map<std::uint64_t, ChunkEnd> publishes_, takes_;
};

}  // namespace limelight::profiling
