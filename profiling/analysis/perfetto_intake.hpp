// Takes the packets of a Perfetto trace, one after the other, and makes a PerfettoTrace of them.
// One thread uses an object.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "profiling/analysis/perfetto_clock.hpp"
#include "profiling/analysis/perfetto_trace.hpp"
#include "profiling/analysis/perfetto_words.hpp"
#include "profiling/analysis/spilled_sort.hpp"

namespace limelight::profiling {

class PerfettoIntake {
 public:
  explicit PerfettoIntake(PerfettoTrace& trace) : trace_(trace) {}

  // Errors: io, too_large.
  Result<void> packet(std::string_view packet, std::uint64_t offset);
  // compressed_damaged: packets whose packets could not be read. Errors: io.
  Result<void> finish(const std::string& broken, std::uint64_t compressed_damaged);
  std::uint64_t packets() const noexcept { return packets_; }

 private:
  using Track = PerfettoTracks::Track;
  using Event = PerfettoTrace::Event;

  struct Sequence {  // of packets of one writer
    PerfettoWords words;
    bool valid = false;  // what packets refer to is known
    std::uint32_t clock = PerfettoClock::boottime;
    std::optional<std::uint64_t> track;
    std::vector<std::uint64_t> counters, real_counters;
    std::optional<PerfettoTracks::Thread> thread;
    std::int64_t thread_us = 0;
    std::map<Track, double> counts;  // of counters that say what was added
  };
  struct Packet {
    std::optional<std::uint64_t> time;
    std::optional<std::uint32_t> clock;
    std::uint32_t sequence = 0;
    std::uint64_t flags = 0;
    bool dropped = false, first = false;
    std::optional<std::string_view> interned, defaults;
    std::uint32_t kind = 0;  // the field of its data
    std::string_view data;
  };
  struct Legacy {  // of an event in an older form
    char phase = 0;
    std::optional<std::uint64_t> name, id;
    std::string_view id_key;
    std::int64_t duration_us = 0;
    bool binds = false;
    std::optional<std::int64_t> pid, tid;
  };
  struct Read {  // an event
    int type = 0;
    std::optional<std::uint64_t> track, name_number;
    std::string_view name;
    std::vector<std::uint64_t> category_numbers, counters, real_counters, flows, last_flows;
    std::vector<std::string_view> categories, annotations;
    std::vector<std::int64_t> counts;
    std::vector<double> real_counts;
    std::optional<std::int64_t> count, delta_us, absolute_us;
    std::optional<double> real_count;
    std::optional<Legacy> legacy;
  };
  struct Flow {
    std::uint64_t id;
    std::int64_t ns;
    Track track;
    std::uint32_t last;
  };
  struct FlowBefore {
    bool operator()(const Flow& a, const Flow& b) const {
      return a.id != b.id ? a.id < b.id : a.ns < b.ns;
    }
  };

  static Packet read_packet(std::string_view packet);
  static Read read_event(PacketFields event);
  static Legacy read_legacy(PacketFields event);
  Result<void> take(const Packet& packet);
  static void defaults(Sequence& sequence, PacketFields message);
  Result<void> event(const Packet& packet, Sequence& sequence);
  Result<void> legacy(const Read& event,
                      std::int64_t ns,
                      Track track,
                      std::string_view head,
                      std::string_view args,
                      Sequence& sequence);
  Result<void> counts(const Read& event, std::int64_t ns, Sequence& sequence);
  Result<void> count(Track track,
                     std::int64_t ns,
                     double value,
                     std::optional<std::int64_t> whole,
                     Sequence& sequence);
  Result<void> sample(const Packet& packet, Sequence& sequence);
  std::optional<std::int64_t> time_of(const Packet& packet, const Sequence& sequence);
  std::string head_of(const Read& event, const Sequence& sequence);
  bool statement(const Read& event, const Sequence& sequence);
  Result<void> put(std::int64_t ns, const Event& event);
  Result<void> put_flows();
  void keys();
  std::string losses(const std::string& broken, std::uint64_t compressed_damaged) const;

  static constexpr std::size_t most_sequences = 1 << 16;
  PerfettoTrace& trace_;
  PerfettoClock clock_;
  std::unordered_map<std::uint32_t, Sequence> sequences_;
  SpilledSort<Flow, FlowBefore> flows_{std::size_t{6} << 20};
  std::string text_, own_json_, trace_json_;
  std::uint64_t packets_ = 0, damaged_ = 0, no_time_ = 0, no_state_ = 0, dropped_ = 0,
                unknown_words_ = 0, of_too_many_ = 0;
  std::optional<std::uint64_t> damaged_at_;
  std::map<std::uint32_t, std::uint64_t> unknown_;  // packets by the field of their data
};

}  // namespace limelight::profiling
