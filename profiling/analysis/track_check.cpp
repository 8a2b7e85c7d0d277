#include "profiling/analysis/track_check.hpp"

#include <optional>

#include "base/try.hpp"
#include "profiling/analysis/json_members.hpp"

namespace limelight::profiling {

using Effect = ReaderFindings::Effect;

// Goes over the marks of one track in the order of their begins.
class TrackCheck::Track {
 public:
  explicit Track(ReaderFindings& findings) : findings_(&findings) {}

  void add(const Mark& mark) {
    while (!open_.empty() && open_.back().end_ns <= mark.begin_ns && ends_before(mark)) {
      any_ended_ = true;
      open_.pop_back();
    }
    mark.kind >= flow ? arrow(mark) : nested(mark);
  }
  void finish() {
    for (const Mark& mark : waiting_)
      findings_->add(perfetto | chrome, Effect::loses, mark.line,
                     "found an arrow to the next slice of its thread, and no slice follows");
  }

 private:
  // An arrow at the very end of a slice still belongs to it.
  bool ends_before(const Mark& mark) const {
    return mark.kind < flow || open_.back().end_ns < mark.begin_ns;
  }
  void nested(const Mark& mark) {
    waiting_.clear();
    if (!open_.empty() && mark.end_ns > open_.back().end_ns) {
      const Mark& other = open_.back();
      const std::string where = " of line " + std::to_string(other.line);
      if (mark.kind == pair || other.kind == pair)
        findings_->add(perfetto | chrome | speedscope, Effect::loses, mark.line,
                       "found a begin and an end across another slice of their thread: slices of a "
                       "thread must nest",
                       ", and this overlaps that" + where);
      else
        findings_->add(perfetto | chrome | speedscope | limelight_itself, Effect::loses, mark.line,
                       "found a slice that overlaps another one of its thread: slices of a thread "
                       "must nest",
                       ", and this overlaps that" + where);
    }
    open_.push_back(mark);
  }
  void arrow(const Mark& mark) {
    if (mark.kind == flow_to_next) {
      waiting_.push_back(mark);
    } else if (open_.empty()) {
      findings_->add(perfetto | chrome, Effect::loses, mark.line,
                     any_ended_ ? "found an arrow outside the slices of its thread: it is drawn at "
                                  "a slice that has ended"
                                : "found an arrow outside the slices of its thread: none began "
                                  "before it");
    }
  }

  ReaderFindings* findings_;
  std::vector<Mark> open_, waiting_;
  bool any_ended_ = false;
};

std::uint32_t TrackCheck::track_of(const AnyEvent& event) {
  return tracks_.try_emplace({event.pid, event.tid}, static_cast<std::uint32_t>(tracks_.size()))
      .first->second;
}

Result<void> TrackCheck::add(const AnyEvent& event, std::size_t line) {
  if (event.phase == 'X') ++slices_;
  if (!event.has_times || !event.begin_ns) return {};
  const std::int64_t begin = *event.begin_ns;
  switch (event.phase) {
    case 'X': {
      const std::int64_t duration = event.duration_ns.value_or(-1);
      if (duration < 0 || begin > INT64_MAX - duration) return {};
      return marks_.add({begin, begin + duration, track_of(event), slice, line});
    }
    case 'B': begun_[track_of(event)].emplace_back(begin, line); return {};
    case 'E': {
      const std::uint32_t track = track_of(event);
      auto& begun = begun_[track];
      if (begun.empty()) {
        if (ends_alone_++ == 0) end_alone_line_ = line;
        return {};
      }
      const auto [from, its_line] = begun.back();
      begun.pop_back();
      if (begin < from) {
        if (backwards_++ == 0) backwards_line_ = line;
        return {};
      }
      return marks_.add({from, begin, track, pair, its_line});
    }
    case 's':
    case 't':
    case 'f': return flow_event(event, line);
    default: return {};
  }
}

Result<void> TrackCheck::flow_event(const AnyEvent& event, std::size_t line) {
  const std::string others = "{" + event.others + "}";
  const auto id = json_member(others, "id");
  if (!id) return {};
  const bool to_next = event.phase == 'f' && json_member(others, "bp") != "\"e\"";
  LIMELIGHT_TRY(marks_.add(
      {*event.begin_ns, *event.begin_ns, track_of(event), to_next ? flow_to_next : flow, line}));
  std::uint64_t key = 0xcbf29ce484222325u;  // FNV-1a over category, name and id
  for (const std::string_view part :
       {std::string_view(event.category), std::string_view(event.name), without_quotes(*id)}) {
    for (const char c : part) key = (key ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    key = (key ^ 0xff) * 0x100000001b3u;
  }
  const std::uint64_t kind = event.phase == 's' ? 0 : event.phase == 't' ? 1 : 2;
  return flows_.add({key, line, *event.begin_ns, kind});
}

Result<void> TrackCheck::finish(ReaderFindings& findings) {
  if (ends_alone_ > 0)
    findings.add(perfetto | chrome | speedscope, Effect::loses, end_alone_line_,
                 "found an end without a begin on its thread",
                 ends_alone_ > 1 ? "; " + std::to_string(ends_alone_) + " of them" : "");
  if (backwards_ > 0)
    findings.add(perfetto | chrome | speedscope, Effect::loses, backwards_line_,
                 "found an end before the begin that it closes",
                 backwards_ > 1 ? "; " + std::to_string(backwards_) + " of them" : "");
  for (const auto& [track, begun] : begun_)
    for (const auto& [ns, line] : begun)
      findings.add(chrome | speedscope, Effect::loses, line,
                   "found a begin without an end on its thread");
  Track track(findings);
  std::optional<std::uint32_t> now;
  LIMELIGHT_TRY(marks_.finish([&](const Mark& mark) {
    if (now && *now != mark.track) {
      track.finish();
      track = Track(findings);
    }
    now = mark.track;
    track.add(mark);
  }));
  track.finish();
  std::uint64_t key = 0;
  bool started = false, any = false;
  return flows_.finish([&](const Flow& one) {
    if (!any || one.key != key) started = false;
    any = true;
    key = one.key;
    if (one.kind == 0 && started)
      findings.add(perfetto, Effect::loses, one.line,
                   "found an arrow's start whose id another arrow has too");
    if (one.kind > 0 && !started)
      findings.add(perfetto | chrome, Effect::loses, one.line,
                   "found an arrow's end without a start before it");
    started = started || one.kind == 0;
  });
}

}  // namespace limelight::profiling
