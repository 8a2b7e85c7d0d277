// The text of a trace: Chrome trace JSON with the top-level keys that PyTorch's tools expect, in
// their order.
//
// `"rank": 0` is on a line of its own with a space after the colon, because HolisticTraceAnalysis
// finds the rank by that pattern. Times are microseconds since the shared base, with exactly three
// decimals. Each event is one line. Only the thread of the session uses an object.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "profiling/record/device_activity.hpp"
#include "profiling/record/record.hpp"
#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/launch_arrows.hpp"
#include "profiling/trace/session_options.hpp"
#include "profiling/trace/trace_text.hpp"

namespace limelight::profiling {

class TraceWriter final : public TraceText {
 public:
  // options must outlive the object.
  explicit TraceWriter(const SessionOptions& options, Words words = own_words())
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
  using Place = LaunchArrows::Place;
  void flow(const char* phase, std::uint32_t id, const Place& place);
  void introduce(std::int64_t pid, std::int64_t tid, const DeviceActivity& activity);
  const std::string& escaped(std::string_view name);
  void field(const char* key, std::uint64_t value);

  // The text of an event without its times: `head` <begin> key <duration> `tail`.
  struct Line {
    NameId name = 0;
    int thread_id = 0;
    std::uint64_t value = 0;
    std::uint32_t request = 0;
    std::string head, tail;  // empty head: this entry is free
  };
  static constexpr unsigned line_bits = 8;
  static constexpr std::size_t most_times = 64;  // bytes of two times and the key between them
  const NameInfo& known(NameId name);
  void counter(const Record& record, std::uint64_t ns);
  void head(const Record& record, int thread_id);
  void tail(const Record& record, std::uint64_t external);
  const Line& line_of(const Record& record, int thread_id);

  void number(std::uint64_t value);
  void microseconds(std::uint64_t ns);
  char* microseconds_to(char* at, std::uint64_t ns);
  void metadata(const char* name, std::int64_t pid, std::int64_t tid, const std::string& args);

  const SessionOptions& options_;
  Words words_;
  std::vector<std::pair<NameInfo, std::string>> heads_;  // by NameId: the beginning of its events
  std::vector<Line> lines_;    // cache, by a hash of name, thread, value, request
  std::uint64_t seconds_ = 0;  // of the last time that was written; its digits follow
  char seconds_text_[24] = {};
  char* seconds_end_ = seconds_text_;
  // The request of the last event that was not in lines_, and the quoted name of that request.
  std::uint32_t request_ = 0;
  std::string request_name_;
  std::int64_t host_pid_ = 0;
  std::string pid_;
  // Quoted names of device activity, by the address at which the source keeps the name.
  std::unordered_map<const char*, std::string> names_;
  std::set<std::pair<std::int64_t, std::int64_t>> tracks_;
  LaunchArrows arrows_;
};

}  // namespace limelight::profiling
