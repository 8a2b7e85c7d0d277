// The clocks of a Perfetto trace: puts the times of its packets on one of them, the one that the
// trace calls its primary. One thread uses an object.
//
// A snapshot says what several clocks showed at the same instant. Clocks 64 to 127 are the writer's
// own (`sequence`); such a clock may count in another unit, and from packet to packet.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "profiling/analysis/packet_fields.hpp"

namespace limelight::profiling {

class PerfettoClock {
 public:
  static constexpr std::uint32_t realtime = 1, boottime = 6;

  // Adds a ClockSnapshot message. Throws protozero::exception if it is damaged.
  void snapshot(PacketFields message, std::uint32_t sequence);
  // A packet's time in ns of the primary clock; nothing if no snapshot tells. Clocks count from
  // packet to packet, so each packet asks once.
  std::optional<std::int64_t> time(std::uint32_t clock,
                                   std::uint64_t value,
                                   std::uint32_t sequence);
  // CLOCK_REALTIME when the primary clock showed 0; nothing if no snapshot tells.
  std::optional<std::int64_t> base_ns() const;

 private:
  using Clock = std::pair<std::uint32_t, std::uint32_t>;  // sequence (0: all), id
  struct Unit {
    std::uint64_t ns = 1;
    bool incremental = false;
    std::int64_t last_ns = 0;
  };
  struct Offset {  // of a clock to another: what to add
    std::int64_t from_ns, add_ns;
  };
  static Clock name(std::uint32_t clock, std::uint32_t sequence) {
    return {clock >= 64 && clock < 128 ? sequence : 0, clock};
  }
  std::optional<std::int64_t> convert(const Clock& from, const Clock& to, std::int64_t ns) const;

  std::uint32_t primary_ = boottime;
  bool any_ = false;
  std::map<Clock, Unit> units_;
  std::map<std::pair<Clock, Clock>, std::vector<Offset>> offsets_;
};

}  // namespace limelight::profiling
