#include "profiling/analysis/critical_path.hpp"

#include <algorithm>
#include <tuple>

#include "profiling/analysis/json_members.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

namespace {

constexpr std::size_t most_waiting = 1 << 20;  // chunks that wait for their other end
constexpr std::size_t most_parts = 1'000'000;  // of a path
constexpr std::int64_t least_outside_ns = 1000;

void join(PathPart part, std::vector<PathPart>& to) {
  if (part.end_ns > part.begin_ns) to.push_back(part);
}

// The last of those, sorted by their begins, that begins before a time; the end if none does.
template <class All>
typename All::const_iterator last_before(const All& all, std::int64_t ns) {
  const auto next = std::lower_bound(all.begin(), all.end(), ns,
                                     [](const auto& one, auto to) { return one.begin_ns < to; });
  return next == all.begin() ? all.end() : std::prev(next);
}

// What a rank does for a request, other than to hand chunks on or to wait.
bool is_operation(const EventLine& event) {
  if (event.category != "cpu_op") return false;
  for (const std::string_view prefix : {event_names::wait_prefix, event_names::collective_prefix,
                                        std::string_view("ipc."), std::string_view("actor.")})
    if (event.name.starts_with(prefix)) return false;
  return true;
}

}  // namespace

const char* path_kind_name(PathKind kind) {
  constexpr std::array names{"work",   "beside",    "collective",  "full_queue",
                             "memory", "behind",    "hand_off",    "queue",
                             "idle",   "admission", "orchestrator"};
  return names[static_cast<std::size_t>(kind)];
}

// Of operations within each other the outermost stays, and in a step none.
void CriticalPaths::Stay::forget_within(std::int64_t begin_ns) {
  while (!outside.empty() && outside.back().begin_ns >= begin_ns) outside.pop_back();
}

void CriticalPaths::add(const EventLine& event, int rank) {
  if (event.phase != 'X' || event.category == "gpu_user_annotation") return;
  const bool is_step = event.name.starts_with(event_names::step_prefix);
  if (is_step) steps_[rank].push_back({event.begin_ns, event.end_ns()});
  if (event.args.empty() && event.name != event_names::wait_for_room &&
      event.name != event_names::wait_for_memory)
    return;
  Trip* trip = nullptr;
  if (const auto request = event.arg("request")) trip = &trips_[unescaped(*request)];
  if (event.name == event_names::ipc_publish || event.name == event_names::ipc_take)
    return chunk(event, rank, trip);
  if (event.name == event_names::wait_for_room) {
    full_[{rank, event.tid}] = {event.begin_ns, event.end_ns(), PathKind::full_queue, -1};
    return;
  }
  if (event.name == event_names::wait_for_memory) {
    stalls_[rank].push_back({event.begin_ns, event.end_ns(), PathKind::memory, -1});
    return;
  }
  if (trip == nullptr) return;
  if (event.name == event_names::orchestrator_submit) {
    trip->orchestrator = rank;
    if (!trip->begun || event.begin_ns < trip->begin_ns) trip->begin_ns = event.begin_ns;
    trip->begun = true;
  } else if (event.name == event_names::orchestrator_admit) {
    if (!trip->admitted || event.begin_ns < trip->admitted_ns) trip->admitted_ns = event.begin_ns;
    trip->admitted = true;
  } else if (event.name == event_names::orchestrator_finish) {
    trip->orchestrator = rank;
    trip->end_ns = trip->ended ? std::max(trip->end_ns, event.end_ns()) : event.end_ns();
    trip->ended = true;
  } else if (event.name == event_names::actor_submit) {
    Stay& stay = trip->stays[rank];
    if (!stay.submitted || event.begin_ns < stay.submitted_ns) stay.submitted_ns = event.begin_ns;
    stay.submitted = true;
  } else if (is_step) {
    Stay& stay = trip->stays[rank];
    stay.steps.push_back({event.begin_ns, event.end_ns(), 1, false});
    stay.forget_within(event.begin_ns);
  } else if (event.name == event_names::turn) {  // recorded at the end of its step
    const auto us = [&event](std::string_view key) {
      return static_cast<double>(event.number_arg(key).value_or(0));
    };
    const double step = us("step us");
    Stay& stay = trip->stays[rank];
    const std::int64_t begin = event.begin_ns - static_cast<std::int64_t>(1000 * step);
    stay.steps.push_back(
        {begin, event.end_ns(), step > 0 ? std::min(us("share us") / step, 1.0) : 1.0, true});
    stay.forget_within(begin);
  } else if (is_operation(event) && event.duration_ns >= least_outside_ns) {
    Stay& stay = trip->stays[rank];
    stay.forget_within(event.begin_ns);
    stay.outside.push_back({event.begin_ns, event.end_ns(), 1, false});
  }
}

void CriticalPaths::chunk(const EventLine& event, int rank, Trip* trip) {
  const bool publish = event.name == event_names::ipc_publish;
  const auto channel = event.number_arg("channel"), number = event.number_arg("chunk");
  if (!channel || !number) return;
  if (!publish) takers_[*channel] = rank;
  // What waited for room on this thread just before waited for this channel.
  if (const auto full = full_.find({rank, event.tid}); publish && full != full_.end()) {
    if (full->second.end_ns <= event.begin_ns)
      full_queues_[*channel].emplace_back(rank, full->second);
    full_.erase(full);
  }
  const std::uint64_t key = *channel << 24 | *number;
  const ChunkEnd here{rank, event.begin_ns, event.end_ns(), trip};
  auto& others = publish ? takes_ : publishes_;
  const auto other = others.find(key);
  if (other == others.end()) {
    if (auto& own = publish ? publishes_ : takes_; own.size() < most_waiting) own[key] = here;
    return;
  }
  const ChunkEnd &from = publish ? here : other->second, &to = publish ? other->second : here;
  if (from.trip != nullptr)
    // A taker that is awake has a chunk before its publish has ended.
    from.trip->stays[to.rank].arrivals.push_back(
        {from.rank, std::max(from.begin_ns, std::min(from.end_ns, to.begin_ns)), to.end_ns});
  others.erase(other);
}

void CriticalPaths::waited(const std::vector<CollectiveMatch::Part>& parts) {
  const CollectiveMatch::Part& last = parts.back();
  for (const CollectiveMatch::Part& part : parts)
    if (const std::int64_t until = std::min(last.begin_ns, part.end_ns); until > part.begin_ns)
      stalls_[part.rank].push_back({part.begin_ns, until, PathKind::collective, last.rank});
}

void CriticalPaths::finish() {
  const auto by_begin = [](const auto& a, const auto& b) { return a.begin_ns < b.begin_ns; };
  for (const auto& [channel, waits] : full_queues_) {
    const auto taker = takers_.find(channel);
    for (auto [rank, wait] : waits) {
      wait.other = taker == takers_.end() ? -1 : taker->second;
      stalls_[rank].push_back(wait);
    }
  }
  full_queues_.clear();
  publishes_.clear();
  takes_.clear();
  for (auto& [rank, steps] : steps_) std::stable_sort(steps.begin(), steps.end(), by_begin);
  for (auto& [rank, stalls] : stalls_) std::stable_sort(stalls.begin(), stalls.end(), by_begin);
  std::map<int, std::vector<Step>> outside;
  for (auto& [name, trip] : trips_)
    for (auto& [rank, stay] : trip.stays) {
      // A turn knows its step by the time at which it was recorded.
      for (Own& own : stay.steps)
        if (const Step* step = own.turn ? step_at(rank, own.end_ns) : nullptr; step != nullptr) {
          own.begin_ns = step->begin_ns;
          own.end_ns = step->end_ns;
        }
      for (const Own& own : stay.outside) {
        const Step* step = step_at(rank, own.end_ns - 1);
        if (step != nullptr && step->end_ns >= own.end_ns) continue;
        stay.steps.push_back(own);
        outside[rank].push_back({own.begin_ns, own.end_ns});
      }
      stay.outside.clear();
      std::stable_sort(stay.steps.begin(), stay.steps.end(), by_begin);
      std::stable_sort(stay.arrivals.begin(), stay.arrivals.end(),
                       [](const auto& a, const auto& b) { return a.taken_ns < b.taken_ns; });
    }
  for (auto& [rank, more] : outside) {
    std::vector<Step>& steps = steps_[rank];
    steps.insert(steps.end(), more.begin(), more.end());
    std::stable_sort(steps.begin(), steps.end(), by_begin);
  }
}

// The step in which a time lies; its end counts as inside.
const CriticalPaths::Step* CriticalPaths::step_at(int rank, std::int64_t ns) const {
  const auto at = steps_.find(rank);
  if (at == steps_.end()) return nullptr;
  const std::vector<Step>& steps = at->second;
  auto next = std::upper_bound(steps.begin(), steps.end(), ns,
                               [](std::int64_t t, const Step& step) { return t < step.begin_ns; });
  if (next == steps.begin()) return nullptr;
  --next;
  if (next->end_ns >= ns) return &*next;
  return nullptr;
}

// A step keeps its four longest; of many short ones some may be lost to those that came before.
void CriticalPaths::operation(int rank,
                              std::int64_t begin_ns,
                              std::int64_t self_ns,
                              std::uint32_t name) {
  auto* step = const_cast<Step*>(step_at(rank, begin_ns));
  if (step == nullptr || self_ns <= 0) return;
  Spent* least = step->operations.data();
  for (Spent& one : step->operations) {
    if (one.name == name || one.name == none) {
      one.name = name;
      one.ns += self_ns;
      return;
    }
    if (one.ns < least->ns) least = &one;
  }
  if (self_ns > least->ns) *least = {name, self_ns};
}

// The parts of a step up to `to`, from its end: what stalled the rank in it is told apart.
void CriticalPaths::work(CriticalPath& path, int rank, const Own& step, std::int64_t to) const {
  std::int64_t until = std::min(to, step.end_ns);
  const auto at = stalls_.find(rank);
  const auto one = [&](PathKind kind, int other, std::int64_t from) {
    join({kind, rank, other, from, until, kind == PathKind::work ? step.share : 1}, path.parts);
    until = from;
  };
  if (at != stalls_.end()) {
    const std::vector<Stall>& stalls = at->second;
    auto next =
        std::lower_bound(stalls.begin(), stalls.end(), until,
                         [](const Stall& stall, std::int64_t ns) { return stall.begin_ns < ns; });
    while (next != stalls.begin() && (--next)->begin_ns >= step.begin_ns && until > step.begin_ns) {
      if (next->end_ns < until) one(PathKind::work, -1, next->end_ns);
      one(next->kind, next->other, next->begin_ns);
    }
  }
  one(PathKind::work, -1, step.begin_ns);
}

// The parts of a time in which the request had no step on the rank, from its end: those in which
// the rank had others are told apart.
void CriticalPaths::between(CriticalPath& path,
                            PathKind kind,
                            int rank,
                            int other,
                            std::int64_t from,
                            std::int64_t to) const {
  std::int64_t until = to;
  const auto one = [&](PathKind what, int who, std::int64_t begin) {
    begin = std::max(begin, from);
    if (begin >= until) return;
    join({what, rank, who, begin, until}, path.parts);
    until = begin;
  };
  if (const auto at = steps_.find(rank); at != steps_.end()) {
    const std::vector<Step>& steps = at->second;
    auto next =
        std::lower_bound(steps.begin(), steps.end(), to,
                         [](const Step& step, std::int64_t ns) { return step.begin_ns < ns; });
    while (next != steps.begin() && until > from && (--next)->end_ns > from) {
      one(kind, other, next->end_ns);
      one(PathKind::behind, -1, next->begin_ns);
    }
  }
  one(kind, other, from);
}

// Goes from a time on a rank to what decided it. False: nothing did that is known.
bool CriticalPaths::go_back(CriticalPath& path,
                            const Trip& trip,
                            int& rank,
                            std::int64_t& now) const {
  const auto stay = trip.stays.find(rank);
  if (stay == trip.stays.end()) return false;
  const std::vector<Own>& steps = stay->second.steps;
  const auto before = last_before(steps, now);
  if (before != steps.end() && before->end_ns >= now) {
    work(path, rank, *before, now);
    now = before->begin_ns;
    return true;
  }
  const std::int64_t ended = before == steps.end() ? INT64_MIN : before->end_ns;
  const std::int64_t submitted = stay->second.submitted && stay->second.submitted_ns < now
                                     ? stay->second.submitted_ns
                                     : INT64_MIN;
  const HandOff* chunk = nullptr;
  const std::vector<HandOff>& arrivals = stay->second.arrivals;
  const auto taken = [](std::int64_t ns, const HandOff& one) { return ns < one.taken_ns; };
  auto next = std::upper_bound(arrivals.begin(), arrivals.end(), now, taken);
  while (next != arrivals.begin() && chunk == nullptr)
    if ((--next)->published_ns < now) chunk = &*next;
  const std::int64_t published = chunk == nullptr ? INT64_MIN : chunk->published_ns;
  // Outside its steps a rank of a group hears from another what to do.
  const Stall* told = nullptr;
  if (const auto at = stalls_.find(rank); at != stalls_.end())
    if (const auto stall = last_before(at->second, now);
        stall != at->second.end() && stall->kind == PathKind::collective && stall->end_ns < now &&
        trip.stays.contains(stall->other))
      told = &*stall;
  const std::int64_t heard = told == nullptr ? INT64_MIN : told->end_ns;
  const std::int64_t latest = std::max({ended, submitted, published, heard});
  if (latest == INT64_MIN) return false;
  if (latest == published) {
    between(path, PathKind::hand_off, rank, chunk->from, published, now);
    rank = chunk->from;
  } else if (latest == heard) {
    between(path, PathKind::idle, rank, -1, heard, now);
    rank = told->other;
  } else {
    between(path, latest == ended ? PathKind::idle : PathKind::queue, rank, -1, latest, now);
  }
  now = latest;
  return latest == published || latest == heard || latest == ended;
}

CriticalPath CriticalPaths::path(const std::string& request,
                                 const std::function<std::string(std::uint32_t)>& name_of) const {
  CriticalPath path;
  path.request = request;
  const auto at = trips_.find(request);
  if (at == trips_.end()) return path;
  const Trip& trip = at->second;
  // Its last step is that which ended last.
  int rank = -1;
  std::int64_t now = INT64_MIN;
  for (const auto& [number, stay] : trip.stays)
    for (const Own& step : stay.steps)
      if (step.end_ns > now) {
        now = step.end_ns;
        rank = number;
      }
  if (rank < 0) return path;
  if (trip.ended && trip.end_ns > now)
    join({PathKind::orchestrator, trip.orchestrator, -1, now, trip.end_ns}, path.parts);
  path.end_ns = trip.ended ? std::max(trip.end_ns, now) : now;
  for (std::size_t i = 0; i < most_parts && go_back(path, trip, rank, now); ++i) continue;
  const auto orchestrator = [&](PathKind kind, std::int64_t from) {
    if (from >= now) return;
    join({kind, trip.orchestrator, -1, from, now}, path.parts);
    now = from;
  };
  if (trip.begun) {
    if (trip.admitted)
      orchestrator(PathKind::orchestrator, std::max(trip.admitted_ns, trip.begin_ns));
    orchestrator(trip.admitted ? PathKind::admission : PathKind::orchestrator, trip.begin_ns);
  }
  path.begin_ns = now;
  std::reverse(path.parts.begin(), path.parts.end());
  add_up(path, name_of);
  return path;
}

void CriticalPaths::add_up(CriticalPath& path,
                           const std::function<std::string(std::uint32_t)>& name_of) const {
  using Key = std::tuple<PathKind, int, int>;
  std::map<Key, PathTotal> totals;
  std::map<Key, std::map<std::uint32_t, double>> operations;
  for (const PathPart& part : path.parts) {
    const Key key{part.kind, part.rank, part.other};
    PathTotal& total = totals[key];
    const auto own = static_cast<std::int64_t>(static_cast<double>(part.length_ns()) * part.share);
    total.ns += own;
    ++total.parts;
    if (own < part.length_ns()) {
      PathTotal& beside = totals[{PathKind::beside, part.rank, -1}];
      beside.ns += part.length_ns() - own;
      ++beside.parts;
    }
    // In a collective the time is that of the rank that came last.
    const bool waits = part.kind == PathKind::collective;
    if (part.kind != PathKind::work && !waits) continue;
    const auto steps = steps_.find(waits ? part.other : part.rank);
    if (steps == steps_.end()) continue;
    auto step =
        std::upper_bound(steps->second.begin(), steps->second.end(), part.begin_ns,
                         [](std::int64_t ns, const Step& one) { return ns < one.begin_ns; });
    if (step != steps->second.begin()) --step;
    for (; step != steps->second.end() && step->begin_ns < part.end_ns; ++step) {
      const std::int64_t overlap =
          std::min(step->end_ns, part.end_ns) - std::max(step->begin_ns, part.begin_ns);
      if (overlap <= 0 || step->end_ns == step->begin_ns) continue;
      const double of = part.share * static_cast<double>(overlap) /
                        static_cast<double>(step->end_ns - step->begin_ns);
      for (const Spent& spent : step->operations)
        if (spent.name != none) operations[key][spent.name] += of * static_cast<double>(spent.ns);
    }
  }
  for (auto& [key, total] : totals) {
    std::tie(total.kind, total.rank, total.other) = key;
    for (const auto& [name, ns] : operations[key])
      total.operations.emplace_back(name_of(name), static_cast<std::int64_t>(ns));
    std::stable_sort(total.operations.begin(), total.operations.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    path.totals.push_back(std::move(total));
  }
  std::stable_sort(path.totals.begin(), path.totals.end(),
                   [](const auto& a, const auto& b) { return a.ns > b.ns; });
}

}  // namespace limelight::profiling
