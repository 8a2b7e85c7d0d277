#include "profiling/analysis/trace_reader.hpp"

#include <algorithm>

#include "profiling/analysis/counted.hpp"
#include "profiling/analysis/json_members.hpp"
#include "profiling/analysis/packet_reader.hpp"
#include "profiling/trace/json_writer.hpp"

namespace limelight::profiling {

namespace {

constexpr std::size_t looked_at_bytes = 1 << 16;  // of a file, to tell its format

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
  add(ends_early && packets.empty() && damage.empty() ? 1 : 0,
      "the file ends without a closing bracket");
  add(has_more ? 1 : 0, "text behind the end of its JSON was not read");
  add(damage.empty() ? 0 : 1, damage);
  add(packets.empty() ? 0 : 1, packets);
  return text;
}

TraceReader::TraceReader(EventSplitter events)
    : events_(std::move(events)), origin_(origin_of(events_->keys(), events_->path())) {}

TraceReader::TraceReader(PerfettoEvents packets)
    : packets_(std::move(packets)), origin_(origin_of(packets_->trace().keys(), packets_->path())) {
  odd_.packets = packets_->trace().losses();
  odd_.ends_early = packets_->trace().ends_early();
  odd_.packets_damaged = packets_->trace().damaged();
}

Result<TraceReader> TraceReader::open(const std::filesystem::path& file) {
  if (auto no_file = not_a_file(file); !no_file) return no_file.error();
  auto input = CompressedReader::open(file);
  if (!input) return input.error();
  if (is_packets(input->peek(looked_at_bytes))) {
    auto trace = PerfettoTrace::read(file, std::move(input).value());
    if (!trace) return trace.error();
    return TraceReader(PerfettoEvents(file, std::move(trace).value()));
  }
  auto events = EventSplitter::open(file, std::move(input).value());
  if (!events) return events.error();
  return TraceReader(std::move(events).value());
}

const std::filesystem::path& TraceReader::path() const noexcept {
  return packets_ ? packets_->path() : events_->path();
}
std::size_t TraceReader::line() const noexcept {
  return packets_ ? packets_->number() : events_->line();
}
const TraceKeys& TraceReader::keys() const noexcept {
  return packets_ ? packets_->trace().keys() : events_->keys();
}
std::shared_ptr<const void> TraceReader::kept() const {
  return packets_ ? packets_->shared() : nullptr;
}

// These are in our form, since we wrote them just now.
Result<std::optional<EventLine>> TraceReader::next_of_packets() {
  for (;;) {
    const auto text = packets_->next();
    if (!text) return Error{text.error().code, path().string() + ": " + text.error().message};
    odd_.unfinished = packets_->unfinished();
    if (!*text) return std::optional<EventLine>();
    auto event = read_event_line(**text);
    if (!event) {
      ++odd_.no_time;
      continue;
    }
    if (event->name.empty()) {
      ++odd_.unnamed;
      event->name = "(no name)";
    }
    return event;
  }
}

Result<std::optional<EventLine>> TraceReader::next() {
  if (packets_) return next_of_packets();
  while (!ended_) {
    const auto text = events_->next();
    odd_.ends_early = events_->ends_early();
    if (!text) return text.error();
    if (!*text) {
      ended_ = true;
      odd_.damage = events_->damage();
      odd_.has_more = events_->has_more();
      odd_.damaged += events_->strays();
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
    if (any->phase != 'B' && any->phase != 'E') continue;
    if (!any->has_times || !any->begin_ns) continue;  // which convert() has counted
    if (!pairs_) pairs_ = std::make_unique<SortedTexts>();
    if (const auto kept = pairs_->add(*any->begin_ns, **text); !kept)
      return Error{kept.error().code, path().string() + ": " + kept.error().message};
  }
  return next_pair();
}

Result<std::optional<EventLine>> TraceReader::next_pair() {
  const auto fail = [this](const Error& error) {
    return Error{error.code, path().string() + ": " + error.message};
  };
  if (pairs_ && !pair_) {
    if (const auto sorted = pairs_->finish(); !sorted) return fail(sorted.error());
    pair_.emplace(*pairs_);
  }
  while (pairs_) {
    const auto more = pair_->next();
    if (!more) return fail(more.error());
    if (!*more) {
      pair_.reset();
      pairs_.reset();
      for (const auto& [thread, begun] : begun_) odd_.unfinished += begun.size();
      break;
    }
    const auto any = any_.read(pair_->text());
    if (!any) continue;
    if (any->phase == 'B') {
      begun_[Thread(any->pid, any->tid)].push_back(*any);
    } else if (const auto event = end(*any)) {
      return event;
    }
  }
  return unfinished();
}

std::optional<EventLine> TraceReader::convert(const AnyEvent& event) {
  if (!event.has_times || (needs_time(event.phase) && !event.begin_ns)) {
    ++odd_.no_time;
    return std::nullopt;
  }
  if (event.phase == 'E') return std::nullopt;
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
  if (event.phase == 'B') return std::nullopt;
  return write(event.phase, event, duration);
}

std::optional<EventLine> TraceReader::end(const AnyEvent& event) {
  std::vector<AnyEvent>& begun = begun_[Thread(event.pid, event.tid)];
  const auto fits = [](const std::string& one, const std::string& other) {
    return one.empty() || other.empty() || one == other;
  };
  const auto at = std::find_if(begun.rbegin(), begun.rend(), [&](const AnyEvent& begin) {
    return fits(event.name, begin.name) && fits(event.category, begin.category);
  });
  if (at == begun.rend()) {
    ++odd_.unfinished;
    return std::nullopt;
  }
  AnyEvent begin = std::move(*at);
  begun.erase(std::next(at).base());
  std::int64_t duration = 0;
  if (__builtin_sub_overflow(*event.begin_ns, *begin.begin_ns, &duration)) {
    ++odd_.no_time;
    return std::nullopt;
  }
  // As Perfetto has it: the args of both.
  const auto has_members = [](const std::string& args) {
    return JsonMembers(args).next().has_value();
  };
  if (!has_members(begin.args)) begin.args = event.args;
  else if (has_members(event.args))
    begin.args = begin.args.substr(0, begin.args.size() - 1) + "," + event.args.substr(1);
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
