#include "profiling/analysis/report_data.hpp"

#include <algorithm>
#include <cmath>

#include "base/try.hpp"
#include "profiling/analysis/common_clock.hpp"
#include "profiling/analysis/json_members.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

namespace {

constexpr std::uint32_t others_name = 0, together_name = 1;
constexpr SliceSweep::Tag no_node = UINT32_MAX;  // of what is not in the flame graph

}  // namespace

ReportData::ReportData()
    : sorted_(std::size_t{48} << 20),
      columns_(together_name),
      flame_(others_name),
      match_([this](const std::string& name, const std::vector<CollectiveMatch::Part>& parts) {
        collectives_.add(name, parts);
        critical_.waited(parts);
      }) {
  name("(others)", SliceKind::operation);
  name("(short slices together)", SliceKind::operation);
}

Result<void> ReportData::read(const TraceSet& set) {
  notes_ = set.notes;
  auto clock = common_clock(set.files);
  if (!clock) return clock.error();
  if (!clock->note.empty()) notes_.push_back(clock->note);
  LIMELIGHT_TRY(match_.count(set.files));
  for (std::size_t i = 0; i < set.files.size(); ++i)
    LIMELIGHT_TRY(read(set.files[i], clock->shifts_ns[i]));
  if (ranks_.empty() && events_ == 0)
    return Error{ErrorCode::corrupt,
                 "found no slice in any of the files, expected events with a "
                 "duration"};
  match_.finish();
  counters_.finish();
  critical_.finish();
  columns_.begin(begin_ns_);
  SliceSweep sweep(*this);
  LIMELIGHT_TRY(sorted_.finish([&sweep](const TrackSlice& slice) { sweep.add(slice); }));
  sweep.finish();
  columns_.finish();
  for (const auto& file : set.files) {
    LIMELIGHT_TRY(tables_.add(file));
    files_.push_back(file.filename().string());
  }
  return tables_.finish();
}

Result<void> ReportData::read(const std::filesystem::path& file, std::int64_t shift_ns) {
  auto reader = TraceReader::open(file);
  if (!reader) return reader.error();
  numbers_.begin(*reader);
  match_.begin(*reader);
  lanes_.begin_file();
  begun_.clear();
  own_ = reader->origin().limelight;
  std::map<int, bool> shown;
  for (;;) {
    auto next = reader->next();
    if (!next) return next.error();
    if (!*next) break;
    EventLine event = **next;
    const int rank = numbers_.of(event);
    if (event.phase == 'M') lanes_.metadata(event);
    if (rank < 0) continue;
    event.begin_ns += shift_ns;
    if (event.phase == 'X') {
      shown[rank] = true;
      for (const std::int64_t id : {event.pid, event.tid})
        if (id >= first_of_texts)
          lanes_.name_thread(event.pid, event.tid, reader->text_of(event.tid));
    }
    LIMELIGHT_TRY(add(event, rank));
  }
  for (const auto& [rank, is] : shown) {
    const auto own = reader->keys().find("limelight");
    if (own == reader->keys().end()) continue;
    const nlohmann::ordered_json all = nlohmann::ordered_json::parse(own->second, nullptr, false);
    if (!all.is_object()) continue;
    const std::string number = std::to_string(rank);
    if (!reader->origin().merged) ranks_[rank].own = own->second;
    else if (all.contains("ranks") && all["ranks"].contains(number))
      ranks_[rank].own = all["ranks"][number].dump();
  }
  if (const std::string odd = reader->odd().text(); !odd.empty())
    notes_.push_back(file.string() + ": " + odd);
  return {};
}

Result<void> ReportData::add(const EventLine& event, int rank) {
  switch (event.phase) {
    case 'X': return slice(event, rank);
    case 'b':
    case 'e':
    case 'S':
    case 'F': return async(event, rank);
    case 'C': counter(event, rank); return {};
    default: return {};
  }
}

std::uint32_t ReportData::name(std::string_view text, SliceKind kind) {
  std::string key(text);
  key += static_cast<char>('a' + static_cast<int>(kind));
  const auto [at, fresh] =
      name_ids_.try_emplace(std::move(key), static_cast<std::uint32_t>(names_.size()));
  if (fresh) names_.push_back({std::string(text), kind});
  return at->second;
}

Result<void> ReportData::slice(const EventLine& event, int number) {
  ++events_;
  Rank& rank = ranks_[number];
  paths_.add(event, number);
  critical_.add(event, number);
  hand_offs_.add(event, number);
  std::string text = event.plain_name();
  const SliceKind kind = slice_kind(event, text, lanes_.of_device(event.pid));
  std::uint64_t value = 0;
  if (kind == SliceKind::step) {
    rank.steps.add(event.duration_ns);
    value = std::strtoull(text.c_str() + event_names::step_prefix.size(), nullptr, 10);
    text = event.text_arg("step of").value_or("ProfilerStep");
  } else {
    value = event.args.empty() ? 0 : event.number_arg("bytes").value_or(0);
  }
  if (own_) batch(event, rank, number);
  if (kind == SliceKind::collective) {
    rank.collective_ns += event.duration_ns;
    match_.add(event, number, numbers_.name(number));
  }
  using Lane = ReportLanes::Kind;
  const Lane lane = kind == SliceKind::annotation && event.category == "gpu_user_annotation"
                        ? Lane::annotations
                    : kind == SliceKind::gpu || is_device_category(event.category) ||
                            event.category == "cuda_sync"
                        ? Lane::device
                        : Lane::thread;
  return put(lanes_.track(event, lane, number), name(text, kind), event.begin_ns, event.end_ns(),
             event, value);
}

Result<void> ReportData::async(const EventLine& event, int rank) {
  std::string key = std::to_string(event.pid);
  key.append("/").append(event.category).append("/");
  key.append(event.id.empty() ? event.id2 : event.id);
  std::vector<Open>& open = begun_[key];
  const std::string text = event.plain_name();
  if (event.phase == 'b' || event.phase == 'S') {
    open.push_back({text, event.begin_ns});
    return {};
  }
  // Spans of one id may overlap, so an end belongs to the last begin of its name.
  auto begin =
      std::find_if(open.rbegin(), open.rend(), [&](const Open& one) { return one.name == text; });
  if (begin == open.rend()) begin = open.rbegin();
  if (begin == open.rend() || event.begin_ns < begin->ns) return {};
  const Open whole = *begin;
  open.erase(std::next(begin).base());
  ++events_;
  ranks_[rank];
  return put(lanes_.track(event, ReportLanes::Kind::spans, rank, std::string(event.category)),
             name(whole.name, SliceKind::span), whole.ns, event.begin_ns, event, 0);
}

Result<void> ReportData::put(ReportLanes::Track track,
                             std::uint32_t name,
                             std::int64_t begin_ns,
                             std::int64_t end_ns,
                             const EventLine& event,
                             std::uint64_t value) {
  begin_ns_ = std::min(begin_ns_, begin_ns);
  end_ns_ = std::max(end_ns_, end_ns);
  columns_.measure(track, begin_ns, end_ns);
  std::uint32_t request = 0;
  if (const auto arg = event.args.empty() ? std::nullopt : event.arg("request"); arg) {
    const auto [at, fresh] = request_ids_.try_emplace(
        unescaped(*arg), static_cast<std::uint32_t>(request_names_.size()));
    if (fresh) request_names_.push_back(at->first);
    request = at->second;
  }
  return sorted_.add({begin_ns, end_ns, value, track, name, request});
}

// How many requests a step served: it has a turn for each if there are several.
void ReportData::batch(const EventLine& event, Rank& rank, int number) {
  if (event.name == event_names::turn) ++rank.turns;
  if (!event.name.starts_with(event_names::step_prefix)) return;
  const std::uint64_t served = rank.turns > 0 ? rank.turns : event.arg("request") ? 1 : 0;
  rank.turns = 0;
  if (served > 0)
    counters_.add(number, "requests in a step", event.begin_ns, static_cast<double>(served));
}

// A counter has a value for each number in its args.
void ReportData::counter(const EventLine& event, int rank) {
  const std::string text = event.plain_name();
  JsonMembers members(event.args);
  while (const auto member = members.next()) {
    const std::string value(without_quotes(member->value));
    char* end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    if (end == value.c_str() || *end != '\0' || !std::isfinite(number)) continue;
    const std::string key(member->key);
    counters_.add(rank, key == "value" || key.empty() ? text : text + ": " + key, event.begin_ns,
                  number);
    begin_ns_ = std::min(begin_ns_, event.begin_ns);
    end_ns_ = std::max(end_ns_, event.begin_ns);
  }
}

// Adds a time to the bins that it covers.
void ReportData::fill(std::array<float, bins>& busy, std::int64_t begin, std::int64_t end) const {
  const double bin_ns = std::max(static_cast<double>(since(end_ns_)) / bins, 1.0);
  const double from = static_cast<double>(since(begin)) / bin_ns,
               to = static_cast<double>(since(end)) / bin_ns;
  for (auto bin = static_cast<std::size_t>(std::max(from, 0.0));
       bin < bins && static_cast<double>(bin) < to; ++bin)
    busy[bin] += static_cast<float>(
        (std::min(to, static_cast<double>(bin) + 1) - std::max(from, static_cast<double>(bin))) *
        bin_ns);
}

SliceSweep::Tag ReportData::opened(const TrackSlice& slice,
                                   std::size_t depth,
                                   const SliceSweep::Tag* parent) {
  const ReportLanes::Lane& lane = lanes_.lane(slice.track);
  if (lane.kind == ReportLanes::Kind::spans) {
    // They overlap, so each goes into the first row that is free.
    if (rows_of_ != slice.track) rows_.clear();
    rows_of_ = slice.track;
    depth = 0;
    while (depth < rows_.size() && rows_[depth] > slice.begin_ns) ++depth;
    if (depth == rows_.size()) rows_.push_back(slice.end_ns);
    rows_[depth] = slice.end_ns;
  }
  columns_.add(slice, depth);
  // Spans and annotations are laid over the stacks that do the work.
  if (lane.kind == ReportLanes::Kind::spans || lane.kind == ReportLanes::Kind::annotations)
    return no_node;
  FlameGraph::Node above = 0;
  if (parent != nullptr) {
    above = *parent;
  } else {
    above = flame_.child(0, name(numbers_.name(lane.rank), SliceKind::operation));
    if (lane.kind == ReportLanes::Kind::device)
      above = flame_.child(above, name("(device)", SliceKind::gpu));
  }
  const FlameGraph::Node node = flame_.child(above, slice.name);
  if (in_step_.size() <= node) in_step_.resize(node + 1);
  in_step_[node] =
      names_[slice.name].kind == SliceKind::step || (above < in_step_.size() && in_step_[above]);
  return node;
}

void ReportData::spent(const TrackSlice& slice,
                       SliceSweep::Tag tag,
                       std::int64_t from,
                       std::int64_t to) {
  if (tag == no_node) return;
  const ReportLanes::Lane& lane = lanes_.lane(slice.track);
  SliceKind kind = names_[slice.name].kind;
  if (kind == SliceKind::operation && in_step_[tag])
    kind = SliceKind::step;  // what a step does is its work
  const auto bin = static_cast<std::size_t>(kind);
  if (bin < binned) fill(ranks_[lane.rank].busy[bin], from, to);
}

void ReportData::closed(const TrackSlice& slice, std::int64_t self_ns, SliceSweep::Tag tag) {
  if (tag == no_node) return;
  flame_.add(tag, self_ns);
  const ReportLanes::Lane& lane = lanes_.lane(slice.track);
  const SliceKind kind = names_[slice.name].kind;
  if (kind == SliceKind::operation || kind == SliceKind::gpu)
    critical_.operation(lane.rank, slice.begin_ns, self_ns, slice.name);
}

}  // namespace limelight::profiling
