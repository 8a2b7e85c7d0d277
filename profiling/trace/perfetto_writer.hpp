// A trace in Perfetto's own format: a sequence of TracePackets, so any beginning of the file that
// ends between two packets is a trace. It says what the JSON of trace_writer.hpp says: the same
// slices, counters and arrows, on tracks of the same names.
//
// Times are nanoseconds of CLOCK_REALTIME, not since the base, so files of several ranks fit
// together. What JSON has before and behind its events is in the args of an instant `limelight` at
// the end of the process's own track.
//
// A slice is two packets, one where it begins and one where it ends. Readers sort packets by time,
// and keep the order of the file for those of one time; there the slice around must begin first,
// though it is recorded last, because it ends last. So the beginning of the first slice inside
// another is held back until the one around it comes: one for each depth and thread.
//
// Format: https://perfetto.dev/docs/reference/trace-packet-proto
#pragma once

#include <map>
#include <unordered_map>

#include "profiling/trace/launch_arrows.hpp"
#include "profiling/trace/trace_text.hpp"

namespace limelight::profiling {

inline constexpr std::string_view perfetto_format = "pftrace";

class PerfettoWriter final : public TraceText {
 public:
  // options must outlive the object.
  explicit PerfettoWriter(const SessionOptions& options, Words words = own_words())
      : options_(options), words_(std::move(words)) {}
  void begin(const char* clock_source) override;
  bool event(const Record& record,
             std::int64_t begin_ns,
             std::uint64_t duration_ns,
             int thread_id,
             std::uint64_t external) override;
  void device(const DeviceActivity& activity) override;
  void stack(int thread_id, std::int64_t at_ns, std::uint32_t node) override;
  std::uint64_t unmatched() const noexcept override { return arrows_.unmatched(); }
  void end(const RankTrace& report,
           const std::vector<std::pair<int, std::string>>& thread_names,
           std::string_view trace_name) override;

 private:
  // Names stand in the file once, and are referred to by numbers from 1.
  using Numbers = std::unordered_map<std::string, std::uint64_t>;
  // TrackEvents of one time, the outer slice's first.
  struct Begins {
    std::uint64_t at_ns = 0;
    std::vector<std::string> events;
  };
  struct Thread {
    std::uint64_t track = 0;
    std::vector<Begins> first;  // by depth: of the first slice inside one that is still to come
  };
  void packet(std::uint64_t at_ns, std::string_view event);
  void describe(std::string_view track);
  std::uint64_t number_of(Numbers& numbers, std::uint32_t kind, std::string_view name);
  void put_slice(Thread& thread,
                 std::uint32_t depth,
                 std::uint64_t begin_ns,
                 std::string begin,
                 std::uint64_t end_ns);
  void put(Begins& begins);
  void put_end(std::uint64_t track, std::uint64_t end_ns);
  Thread& thread_of(int thread_id);
  std::uint64_t device_track(const DeviceActivity& activity);
  void say_stack(std::uint32_t node);
  void put_counter(const Record& record, std::uint64_t at_ns);
  // Appends an annotation to a TrackEvent.
  void add_number(std::string& event, std::string_view name, std::uint64_t value);
  void add_text(std::string& event, std::string_view name, std::string_view value);
  void add_shapes(std::string& event, std::initializer_list<std::vector<std::uint32_t>> shapes);
  void add_json(std::string& event, std::string_view object);
  void add_args(std::string& event, const Record& record, std::uint64_t external);
  std::string slice_begin(std::uint64_t track, std::string_view name, std::string_view category);

  const SessionOptions& options_;
  Words words_;
  std::int64_t host_pid_ = 0;
  std::uint32_t said_nodes_ = 0;  // stacks that have numbers in the file: up to this node
  std::string clock_source_, packet_, args_;
  Numbers names_, categories_, annotations_;
  std::unordered_map<NameId, NameInfo> infos_;
  std::map<int, Thread> threads_;
  std::map<NameId, std::uint64_t> counters_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::uint64_t> device_tracks_;
  LaunchArrows arrows_;
  std::uint64_t last_ns_ = 0;  // the latest time that was written
};

// The packet that ends such a file: information and trace are JSON objects, what JSON has behind
// and before its events. at_ns: of CLOCK_REALTIME. track: of the process; 0 if it is not known.
std::string perfetto_statement(std::string_view information,
                               std::string_view trace,
                               std::uint64_t track,
                               std::uint64_t at_ns);

}  // namespace limelight::profiling
