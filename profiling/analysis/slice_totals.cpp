#include "profiling/analysis/slice_totals.hpp"

#include <algorithm>
#include <queue>

namespace limelight::profiling {

namespace {
// Times from outside may add up to more than 292 years.
void add_time(std::int64_t ns, std::int64_t& to) {
  if (__builtin_add_overflow(to, ns, &to)) to = INT64_MAX;
}
}  // namespace

// Goes over the slices of one track in the order of their begins.
class SliceTotals::Sweep {
 public:
  explicit Sweep(const std::vector<bool>& waits) : waits_(waits) {}

  void add(const Slice& slice) {
    go_to(slice.begin_ns);
    Running& running = names_[slice.name];
    ++running.total.calls;
    if (running.open++ == 0) {
      running.since_ns = now_;
      running.waited_ns = waited_;
    }
    open_.push_back(slice);
    ends_.emplace(slice.end_ns, slice.name);
  }
  template <class Visit>
  void finish(Visit visit) {
    go_to(INT64_MAX);
    for (const auto& [name, running] : names_) visit(name, running.total);
    *this = Sweep(waits_);
  }
  Sweep& operator=(Sweep&& other) noexcept {
    names_ = std::move(other.names_);
    open_ = std::move(other.open_);
    ends_ = std::move(other.ends_);
    now_ = other.now_;
    waited_ = other.waited_;
    return *this;
  }

 private:
  struct Running {
    Total total;
    std::uint64_t open = 0;  // slices of the name that are open
    std::int64_t since_ns = 0, waited_ns = 0;
  };
  using End = std::pair<std::int64_t, Name>;

  void go_to(std::int64_t to) {
    while (!ends_.empty() && ends_.top().first <= to) {
      const auto [end, name] = ends_.top();
      ends_.pop();
      spend_to(end);
      Running& running = names_[name];
      if (--running.open > 0) continue;
      std::int64_t open_ns = 0;
      if (__builtin_sub_overflow(now_, running.since_ns, &open_ns)) open_ns = INT64_MAX;
      add_time(open_ns, running.total.total_ns);
      add_time(waited_ - running.waited_ns, running.total.waiting_ns);
    }
    spend_to(to);
  }
  // Gives the time up to `to` to the slice that began last of those that are open.
  void spend_to(std::int64_t to) {
    while (!open_.empty() && now_ < to) {
      const Slice& top = open_.back();
      if (top.end_ns <= now_) {
        open_.pop_back();
        continue;
      }
      const std::int64_t end = std::min(top.end_ns, to);
      add_time(end - now_, names_[top.name].total.self_ns);
      if (waits_[top.name]) add_time(end - now_, waited_);
      now_ = end;
    }
    now_ = std::max(now_, to);
  }

  const std::vector<bool>& waits_;
  std::map<Name, Running> names_;
  std::vector<Slice> open_;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  std::int64_t now_ = INT64_MIN, waited_ = 0;
};

SliceTotals::Track SliceTotals::track(std::uint32_t file,
                                      std::int64_t pid,
                                      std::int64_t tid,
                                      std::string_view lane) {
  return tracks_
      .try_emplace(Key(file, pid, tid, std::string(lane)), static_cast<Track>(tracks_.size()))
      .first->second;
}

SliceTotals::Name SliceTotals::name(std::string_view text, bool waits) {
  const auto [at, fresh] = ids_.try_emplace(std::string(text), static_cast<Name>(names_.size()));
  if (fresh) {
    names_.push_back(&at->first);
    waits_.push_back(waits);
  }
  return at->second;
}

Result<void> SliceTotals::add(
    Track track, Name name, std::int64_t begin_ns, std::int64_t end_ns, std::uint64_t bytes) {
  if (bytes > 0) bytes_[{track, name}] += bytes;
  return slices_.add({begin_ns, end_ns, track, name});
}

Result<void> SliceTotals::finish(const std::function<void(Track, Name, const Total&)>& visit) {
  Sweep sweep(waits_);
  std::optional<Track> now;
  const auto end_of_track = [&] {
    sweep.finish([&](Name name, Total total) {
      const auto bytes = bytes_.find({*now, name});
      total.bytes = bytes == bytes_.end() ? 0 : bytes->second;
      visit(*now, name, total);
    });
  };
  auto done = slices_.finish([&](const Slice& slice) {
    if (now && *now != slice.track) end_of_track();
    now = slice.track;
    sweep.add(slice);
  });
  if (now) end_of_track();
  bytes_.clear();
  return done;
}

}  // namespace limelight::profiling
