#include "profiling/analysis/perfetto_events.hpp"

#include "profiling/analysis/json_members.hpp"
#include "profiling/analysis/time_tables.hpp"
#include "profiling/analysis/trace_event.hpp"
#include "profiling/trace/json_writer.hpp"

namespace limelight::profiling {

PerfettoEvents::PerfettoEvents(std::filesystem::path file,
                               std::shared_ptr<const PerfettoTrace> trace)
    : path_(std::move(file)), trace_(std::move(trace)), cursor_(trace_->events()) {}

// Others than those of threads may overlap those of other tracks; JSON has spans for them. Only
// what a device did is slices there, too.
bool PerfettoEvents::is_slice(PerfettoTracks::Track track, std::string_view head) const {
  if (trace_->own() || trace_->tracks().place(track).of_thread) return true;
  const std::string object = "{" + std::string(head) + "}";
  const auto category = json_member(object, "cat");
  return category && is_device_category(without_quotes(*category));
}

void PerfettoEvents::begin_text(const char* phase,
                                std::string_view head,
                                PerfettoTracks::Track track) {
  const PerfettoTracks::Place& place = trace_->tracks().place(track);
  text_.assign("{\"ph\":\"").append(phase).append("\",").append(head);
  text_.append(",\"pid\":").append(std::to_string(place.pid));
  text_.append(",\"tid\":").append(std::to_string(place.tid));
}

void PerfettoEvents::end_text(std::string_view args) {
  if (!args.empty()) text_.append(",\"args\":{").append(args).append("}");
  text_ += '}';
}

bool PerfettoEvents::end(const Event& event, std::int64_t ns) {
  std::vector<Open>& open = open_[event.track];
  if (open.empty()) {
    ++unfinished_;
    return false;
  }
  Open begun = std::move(open.back());
  open.pop_back();
  if (!begun.as_slice) {
    begin_text("e", begun.head, event.track);
    text_.append(",\"id\":").append(std::to_string(event.track)).append(",\"ts\":");
    add_microseconds(ns, text_);
    end_text(event.args);
    return true;
  }
  if (!event.args.empty()) begun.args.append(begun.args.empty() ? "" : ",").append(event.args);
  begin_text("X", begun.head, event.track);
  text_ += ",\"ts\":";
  add_microseconds(begun.ns, text_);
  text_ += ",\"dur\":";
  add_microseconds(ns - begun.ns, text_);
  end_text(begun.args);
  return true;
}

bool PerfettoEvents::write(const Event& event, std::int64_t ns) {
  const auto time = [this](std::int64_t at) {
    text_ += ",\"ts\":";
    add_microseconds(at, text_);
  };
  switch (event.kind) {
    case 'B': {
      const bool as_slice = is_slice(event.track, event.head);
      open_[event.track].push_back(
          {ns, std::string(event.head), std::string(event.args), as_slice});
      if (as_slice) return false;
      begin_text("b", event.head, event.track);
      text_.append(",\"id\":").append(std::to_string(event.track));
      time(ns);
      end_text(event.args);
      return true;
    }
    case 'E': return end(event, ns);
    case 'X':
      begin_text("X", event.head, event.track);
      time(ns);
      text_ += ",\"dur\":";
      add_microseconds(event.number, text_);
      end_text(event.args);
      return true;
    case 'I':
      begin_text("i", event.head, event.track);
      time(ns);
      text_ += trace_->tracks().place(event.track).of_thread ? ",\"s\":\"t\"" : ",\"s\":\"p\"";
      end_text(event.args);
      return true;
    case 'C': {
      const PerfettoTracks::Place& place = trace_->tracks().place(event.track);
      const std::string name =
          "\"name\":" +
          json_string(place.counter_name.empty() ? std::string("counter") : place.counter_name);
      begin_text("C", name, event.track);
      time(ns);
      end_text("\"value\":" + std::string(event.head));
      return true;
    }
    case 'P':
      begin_text("P", "\"cat\":\"stack\",\"name\":" + json_string(event.head), event.track);
      time(ns);
      text_.append(",\"sf\":").append(std::to_string(event.number));
      end_text("");
      return true;
    default:  // L
      begin_text("", event.head, event.track);
      text_.replace(0, std::string_view("{\"ph\":\"\",").size(), "{");
      time(ns);
      end_text(event.args);
      return true;
  }
}

bool PerfettoEvents::left_open() {
  while (!open_.empty()) {
    auto& [track, open] = *open_.begin();
    if (open.empty()) {
      open_.erase(open_.begin());
      continue;
    }
    const Open begun = std::move(open.back());
    open.pop_back();
    if (!begun.as_slice) continue;  // it was told where it began
    ++unfinished_;
    begin_text("B", begun.head, track);
    text_ += ",\"ts\":";
    add_microseconds(begun.ns, text_);
    end_text(begun.args);
    return true;
  }
  return false;
}

Result<std::optional<std::string_view>> PerfettoEvents::next() {
  const auto& metadata = trace_->tracks().metadata();
  if (described_ < metadata.size()) {
    ++number_;
    return std::optional<std::string_view>(metadata[described_++]);
  }
  while (!ended_) {
    const auto more = cursor_.next();
    if (!more) return more.error();
    ended_ = !*more;
    if (ended_) break;
    std::int64_t ns = 0;
    if (__builtin_sub_overflow(cursor_.key(), trace_->base_ns(), &ns)) continue;
    if (!write(PerfettoTrace::Event::read_from(cursor_.text()), ns)) continue;
    ++number_;
    return std::optional<std::string_view>(text_);
  }
  if (!left_open()) return std::optional<std::string_view>();
  ++number_;
  return std::optional<std::string_view>(text_);
}

}  // namespace limelight::profiling
