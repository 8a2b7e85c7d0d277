#include "profiling/analysis/perfetto_clock.hpp"

#include <algorithm>

#include "profiling/trace/perfetto_fields.hpp"

namespace limelight::profiling {

namespace field = perfetto_field;

namespace {
constexpr std::size_t most_clocks = 64, most_snapshots = 1 << 16;  // of a pair
}

void PerfettoClock::snapshot(PacketFields message, std::uint32_t sequence) {
  struct Reading {
    Clock clock;
    std::int64_t ns;
  };
  std::vector<Reading> readings;
  while (message.next()) {
    if (message.tag() == field::primary_clock) {
      // The first one counts: times that were put on it cannot be moved.
      const auto primary = static_cast<std::uint32_t>(message.number());
      if (!any_ && primary != 0) primary_ = primary;
      continue;
    }
    if (message.tag() != field::clocks) {
      message.skip();
      continue;
    }
    PacketFields one = message.message();
    std::uint32_t id = 0;
    std::uint64_t time = 0;
    Unit unit;
    while (one.next()) switch (one.tag()) {
        case field::clock_id: id = static_cast<std::uint32_t>(one.number()); break;
        case field::clock_time: time = one.number(); break;
        case field::clock_is_incremental: unit.incremental = one.flag(); break;
        case field::clock_unit_ns: unit.ns = std::max<std::uint64_t>(one.number(), 1); break;
        default: one.skip();
      }
    std::uint64_t ns = 0;
    if (__builtin_mul_overflow(time, unit.ns, &ns) || ns > INT64_MAX / 2) continue;
    unit.last_ns = static_cast<std::int64_t>(ns);
    const Clock clock = name(id, sequence);
    units_[clock] = unit;
    if (readings.size() < most_clocks) readings.push_back({clock, unit.last_ns});
  }
  any_ = any_ || readings.size() > 1;
  for (const Reading& from : readings)
    for (const Reading& to : readings) {
      if (from.clock == to.clock) continue;
      std::vector<Offset>& offsets = offsets_[{from.clock, to.clock}];
      if (offsets.size() < most_snapshots) offsets.push_back({from.ns, to.ns - from.ns});
    }
}

// By the latest snapshot that is not later, else by the first.
std::optional<std::int64_t> PerfettoClock::convert(const Clock& from,
                                                   const Clock& to,
                                                   std::int64_t ns) const {
  if (from == to) return ns;
  const auto at = offsets_.find({from, to});
  if (at == offsets_.end()) return std::nullopt;
  const std::vector<Offset>& offsets = at->second;
  auto after = std::upper_bound(offsets.begin(), offsets.end(), ns,
                                [](std::int64_t t, const Offset& o) { return t < o.from_ns; });
  if (after != offsets.begin()) --after;
  std::int64_t made = 0;
  if (__builtin_add_overflow(ns, after->add_ns, &made)) return std::nullopt;
  return made;
}

std::optional<std::int64_t> PerfettoClock::time(std::uint32_t clock,
                                                std::uint64_t value,
                                                std::uint32_t sequence) {
  const Clock own = name(clock, sequence), primary{0, primary_};
  std::int64_t ns = 0;
  const auto unit = units_.find(own);
  if (__builtin_mul_overflow(value, unit == units_.end() ? 1 : unit->second.ns, &ns))
    return std::nullopt;
  if (unit != units_.end() && unit->second.incremental) {
    if (__builtin_add_overflow(unit->second.last_ns, ns, &ns)) return std::nullopt;
    unit->second.last_ns = ns;
  }
  if (const auto direct = convert(own, primary, ns)) return direct;
  for (const auto& [pair, offsets] : offsets_) {  // by a third clock that both know
    if (pair.first != own) continue;
    const auto third = convert(own, pair.second, ns);
    if (!third) continue;
    if (const auto made = convert(pair.second, primary, *third)) return made;
  }
  // A trace of one clock needs no snapshot.
  if (!any_ && own.first == 0) return ns;
  return std::nullopt;
}

std::optional<std::int64_t> PerfettoClock::base_ns() const {
  if (primary_ == realtime) return 0;
  const auto at = offsets_.find({Clock{0, primary_}, Clock{0, realtime}});
  if (at == offsets_.end() || at->second.empty()) return std::nullopt;
  return at->second.front().add_ns;
}

}  // namespace limelight::profiling
