#include "profiling/trace/trace_information.hpp"

#include <nlohmann/json.hpp>
#include <type_traits>

#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/memory_words.hpp"

namespace limelight::profiling {

namespace {
using Info = TraceInformation;
constexpr auto if_known = TraceKey::Presence::if_known;
constexpr auto sum = TraceKey::Merging::sum;

const TraceKey keys[] = {
    // Older files do not have this key.
    {.key = "session", .member = &Info::session, .presence = if_known},
    {.key = "replica", .member = &Info::replica, .presence = if_known},
    {.key = "recovered", .member = &Info::recovered, .presence = if_known},
    {.key = "merged", .member = &Info::merged, .presence = if_known},
    {.key = "events", .member = &Info::events},
    {.key = "drops", .member = &Info::drops, .merging = sum},
    {.key = "ring_drops", .member = &Info::ring_drops, .merging = sum},
    {.key = "device_drops", .member = &Info::device_drops, .merging = sum},
    {.key = "zero_time_records", .member = &Info::zero_time_records, .merging = sum},
    {.key = "unknown_records", .member = &Info::unknown_records, .merging = sum},
    {.key = "unmatched_correlations", .member = &Info::unmatched_correlations, .merging = sum},
    {.key = "clock_error_ns", .member = &Info::clock_error_ns},
    {.key = "host_clock_offset_ns", .member = &Info::host_clock_offset_ns, .presence = if_known},
    {.key = "host_clock_error_ns", .member = &Info::host_clock_error_ns, .presence = if_known},
    {.key = "begin_skew_ns", .member = &Info::begin_skew_ns},
    {.key = "session_ns", .member = &Info::session_ns},
    {.key = "profiler_cpu_ns", .member = &Info::profiler_cpu_ns, .merging = sum},
    {.key = "span_ns", .member = &Info::span_ns},
    {.key = "overhead_percent", .member = &Info::overhead_percent},
    {.key = "gpu", .member = &Info::gpu},
    {.key = "detail", .member = &Info::detail, .presence = if_known},
    {.key = "memory", .member = TraceKey::Json{&Info::memory_json}, .presence = if_known},
    {.key = "failed_allocations",
     .member = TraceKey::Json{&Info::failed_allocations_json},
     .presence = if_known},
    {.key = "stacks", .member = TraceKey::Json{&Info::stacks_json}, .presence = if_known},
    {.key = "note", .member = &Info::note, .presence = if_known},
    {.key = "truncated", .member = &Info::truncated, .presence = if_known},
    {.key = "unmatched_chunks", .member = &Info::unmatched_chunks, .presence = if_known},
    {.key = "ranks", .member = TraceKey::Json{&Info::ranks_json}, .presence = if_known},
};
}  // namespace

std::span<const TraceKey> trace_keys() { return keys; }

namespace {
std::string stacks_json(const StackUse& stacks) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("samples", stacks.samples).member("drops", stacks.drops);
  json.member("handler_ns", stacks.handler_ns).member("trigger", stacks.trigger);
  json.end_object();
  return text;
}

std::string failures_json(const AllocationFailures& failed) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().member("times", failed.times).member("last", failed.last);
  json.member("file", std::filesystem::path(failed.file).filename().string()).end_object();
  return text;
}
}  // namespace

TraceInformation information_of(const RankTrace& report, std::string session) {
  TraceInformation info;
  info.session = std::move(session);
  if (report.stage_id >= 0) info.replica = report.replica;
  info.events = report.events;
  info.drops = report.drops;
  info.ring_drops = report.ring_drops;
  info.device_drops = report.device_drops;
  info.zero_time_records = report.zero_time_records;
  info.unknown_records = report.unknown_records;
  info.unmatched_correlations = report.unmatched_correlations;
  info.clock_error_ns = report.clock_error_ns;
  if (report.host_clock_error_ns >= 0) {
    info.host_clock_offset_ns = report.host_clock_offset_ns;
    info.host_clock_error_ns = report.host_clock_error_ns;
  }
  info.begin_skew_ns = report.begin_skew_ns;
  info.session_ns = report.session_ns;
  info.profiler_cpu_ns = report.profiler_cpu_ns;
  info.span_ns = report.span_ns;
  info.overhead_percent = report.overhead_percent();
  info.gpu = report.gpu;
  if (!report.detail.empty()) info.detail = report.detail;
  if (report.memory.recorded) info.memory_json = memory_json(report.memory);
  if (report.failed_allocations.times > 0)
    info.failed_allocations_json = failures_json(report.failed_allocations);
  if (!report.stacks.trigger.empty()) info.stacks_json = stacks_json(report.stacks);
  if (!report.note.empty()) info.note = report.note;
  if (!report.truncated.empty()) info.truncated = report.truncated;
  return info;
}

void add_for_merge(TraceInformation& merged, std::string_view own_json, bool first) {
  const auto own = nlohmann::json::parse(own_json, nullptr, false);
  for (const TraceKey& entry : keys) {
    if (entry.merging != TraceKey::Merging::sum) continue;
    auto& total = merged.*std::get<std::optional<std::uint64_t> TraceInformation::*>(entry.member);
    const auto at = own.is_object() ? own.find(entry.key) : own.end();
    if (at == own.end() || !at->is_number_unsigned()) total.reset();
    else if (first) total = at->template get<std::uint64_t>();
    else if (total) *total += at->template get<std::uint64_t>();
  }
  const auto session = own.is_object() ? own.find("session") : own.end();
  if (session == own.end() || !session->is_string()) merged.session.reset();
  else if (first) merged.session = session->template get<std::string>();
  else if (merged.session != session->template get<std::string>()) merged.session.reset();
}

namespace {
void write_information(JsonWriter& json, const TraceInformation& information) {
  json.begin_object();
  for (const TraceKey& entry : keys)
    std::visit(
        [&](const auto& member) {
          using Member = std::decay_t<decltype(member)>;
          const auto write = [&](const auto& value) {
            if (!value && entry.presence == TraceKey::Presence::if_known) return;
            json.key(entry.key);
            if constexpr (std::is_same_v<Member, TraceKey::Json>) json.raw(*value);
            else json.value(value);
          };
          if constexpr (std::is_same_v<Member, TraceKey::Json>) write(information.*member.member);
          else write(information.*member);
        },
        entry.member);
  json.end_object();
}
}  // namespace

std::string information_json(const TraceInformation& information) {
  std::string text;
  JsonWriter json(text);
  write_information(json, information);
  return text;
}

std::string trace_end(const TraceInformation& information,
                      std::string_view trace_name,
                      std::string_view stack_frames) {
  std::string text;
  JsonWriter json(text, JsonWriter::Style::spaced, "{[");
  json.line().end_array();
  if (!stack_frames.empty()) json.line().key("stackFrames").raw(stack_frames);
  json.line().key("limelight");
  write_information(json, information);
  json.line().member("traceName", trace_name);
  json.line().end_object();
  return text += '\n';
}

std::string session_name(const SessionOptions& options) {
  return (options.profile.prefix.empty() ? "" : options.profile.prefix + "-") + options.timestamp;
}

std::string session_name_of(std::string_view file_name) {
  // A prefix or a host name may contain "-rank-" too, but not followed by a number and a point.
  constexpr std::string_view mark = "-rank-";
  for (std::size_t at = 0; (at = file_name.find(mark, at)) != std::string_view::npos; ++at) {
    const std::size_t number = at + mark.size(),
                      end = file_name.find_first_not_of("0123456789", number);
    if (end != number && end != std::string_view::npos && file_name[end] == '.')
      return std::string(file_name.substr(0, at));
  }
  return "";
}

}  // namespace limelight::profiling
