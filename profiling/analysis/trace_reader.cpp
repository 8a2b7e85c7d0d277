#include "profiling/analysis/trace_reader.hpp"

#include <algorithm>

#include "profiling/analysis/counted.hpp"
#include "profiling/trace/json_writer.hpp"

namespace limelight::profiling {

namespace {

bool needs_time(char phase) { return phase != 'M'; }

// Well-formed JSON has line ends between its values alone, so that an event can stay one line.
void add_on_one_line(std::string_view json, std::string& to) {
  while (!json.empty()) {
    const std::size_t end = std::min(json.find_first_of("\n\r\t"), json.size());
    to.append(json.substr(0, end));
    if (end < json.size()) to += ' ';
    json.remove_prefix(std::min(end + 1, json.size()));
  }
}

}  // namespace

std::string OddEvents::text() const {
  std::string text;
  const auto add = [&text](std::uint64_t n, const std::string& what) {
    if (n > 0) text.append(text.empty() ? "" : "; ").append(what);
  };
  std::string reasons;
  const auto reason = [&reasons](std::uint64_t n, const char* what) {
    if (n > 0) reasons.append(reasons.empty() ? "" : ", ").append(std::to_string(n) + what);
  };
  reason(damaged, " no JSON object");
  reason(no_phase, " without a phase");
  reason(no_time, " without a time that counts");
  reason(backwards, " with an end before the begin");
  add(left_out(), "left out " + counted(left_out(), "event", "events") + " (" + reasons + ")");
  add(unfinished,
      counted(unfinished, "begin or end without the other", "begins or ends without the other"));
  add(without_duration, counted(without_duration, "slice without a duration, taken as 0",
                                "slices without a duration, taken as 0"));
  add(unnamed, counted(unnamed, "event without a name", "events without a name"));
  add(repaired, counted(repaired, "event whose text was mended", "events whose text was mended"));
  add(ends_early ? 1 : 0, "the file ends without a closing bracket");
  return text;
}

TraceReader::TraceReader(EventSplitter events)
    : events_(std::move(events)), origin_(origin_of(events_.keys(), events_.path())) {}

Result<TraceReader> TraceReader::open(const std::filesystem::path& file) {
  auto events = EventSplitter::open(file);
  if (!events) return events.error();
  return TraceReader(std::move(events).value());
}

Result<std::optional<EventLine>> TraceReader::next() {
  while (!ended_) {
    const auto text = events_.next();
    odd_.ends_early = events_.ends_early();
    if (!text) return text.error();
    if (!*text) {
      ended_ = true;
      odd_.damaged += events_.strays();
      for (const auto& [thread, begun] : begun_) odd_.unfinished += begun.size();
      break;
    }
    // What we wrote is taken as it is. The characters of others are looked at first.
    if (origin_.limelight)
      if (const auto own = read_event_line(**text);
          own && own->phase != 'B' && own->phase != 'E' && !own->name.empty())
        return own;
    const auto any = any_.read(**text);
    if (!any) {
      ++(any_.fault() == AnyEventReader::Fault::no_phase ? odd_.no_phase : odd_.damaged);
      continue;
    }
    if (any->repaired) ++odd_.repaired;
    if (const auto event = convert(*any)) return event;
  }
  return unfinished();
}

std::optional<EventLine> TraceReader::convert(const AnyEvent& event) {
  if (!event.has_times || (needs_time(event.phase) && !event.begin_ns)) {
    ++odd_.no_time;
    return std::nullopt;
  }
  const Thread thread{event.pid, event.tid};
  if (event.phase == 'E') return end(event);
  const std::int64_t begin = event.begin_ns.value_or(0), duration = event.duration_ns.value_or(0);
  if (event.phase == 'X') {
    if (duration < 0) {
      ++odd_.backwards;
      return std::nullopt;
    }
    if (begin > INT64_MAX - duration) {
      ++odd_.no_time;
      return std::nullopt;
    }
    if (!event.duration_ns) ++odd_.without_duration;
  }
  if (event.name.empty()) ++odd_.unnamed;
  if (event.phase == 'B') {
    begun_[thread].push_back(event);
    return std::nullopt;
  }
  return write(event.phase, event, duration);
}

std::optional<EventLine> TraceReader::end(const AnyEvent& event) {
  const Thread thread{event.pid, event.tid};
  std::vector<AnyEvent>& begun = begun_[thread];
  if (begun.empty()) {
    ++odd_.unfinished;
    return std::nullopt;
  }
  AnyEvent begin = std::move(begun.back());
  begun.pop_back();
  if (*event.begin_ns < *begin.begin_ns) {
    ++odd_.backwards;
    return std::nullopt;
  }
  std::int64_t duration = 0;
  if (__builtin_sub_overflow(*event.begin_ns, *begin.begin_ns, &duration)) {
    ++odd_.no_time;
    return std::nullopt;
  }
  if (begin.args.empty()) begin.args = event.args;
  return write('X', begin, duration);
}

std::optional<EventLine> TraceReader::unfinished() {
  while (!begun_.empty() && begun_.begin()->second.empty()) begun_.erase(begun_.begin());
  if (begun_.empty()) return std::nullopt;
  auto& [thread, begun] = *begun_.begin();
  const AnyEvent begin = std::move(begun.back());
  begun.pop_back();
  return write('B', begin, 0);
}

EventLine TraceReader::write(char phase, const AnyEvent& event, std::int64_t duration_ns) {
  text_.assign("{\"ph\":\"").append(1, phase).append("\"");
  if (!event.category.empty()) text_.append(",\"cat\":").append(event.category_json);
  text_.append(",\"name\":");
  if (event.name.empty()) text_.append("\"(no name)\"");
  else if (!event.name_json.empty()) text_.append(event.name_json);
  else text_.append(json_string(event.name));
  if (!event.others.empty()) add_on_one_line("," + event.others, text_);
  text_.append(",\"pid\":").append(std::to_string(event.pid));
  text_.append(",\"tid\":").append(std::to_string(event.tid));
  if (event.begin_ns) {
    text_.append(",\"ts\":");
    add_microseconds(*event.begin_ns, text_);
  }
  if (phase == 'X') {
    text_.append(",\"dur\":");
    add_microseconds(duration_ns, text_);
  }
  if (!event.args.empty()) {
    text_.append(",\"args\":");
    add_on_one_line(event.args, text_);
  }
  text_ += '}';
  // What is in this form can be read, but for a phase that is a quote or a backslash.
  EventLine nothing;
  nothing.text = "{\"ph\":\"M\",\"name\":\"\"}";
  nothing.phase = 'M';
  return read_event_line(text_).value_or(nothing);
}

}  // namespace limelight::profiling
