#include <algorithm>
#include <cstdio>
#include <limelight/trace.hpp>
#include <map>
#include <tuple>
#include <unordered_map>

#include "base/try.hpp"
#include "profiling/analysis/common_clock.hpp"
#include "profiling/analysis/path_words.hpp"
#include "profiling/analysis/rank_numbers.hpp"
#include "profiling/analysis/request_path.hpp"
#include "profiling/analysis/slice_kind.hpp"
#include "profiling/analysis/slice_sweep.hpp"
#include "profiling/analysis/spilled_sort.hpp"
#include "profiling/analysis/stage_collectives.hpp"
#include "profiling/analysis/trace_set.hpp"

namespace limelight::profiling {

namespace {

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

std::string described(const RequestPath& path, const CriticalPath& critical, RankNumbers& ranks) {
  std::int64_t begin = INT64_MAX, end = 0;
  std::size_t width = 4;
  for (const StagePath& s : path.stages) {
    if (s.steps == 0) continue;
    begin = std::min(begin, s.submitted_ns > 0 ? s.submitted_ns : s.first_step_ns);
    end = std::max(end, s.last_step_ns);
    width = std::max(width, ranks.name(s.rank).size());
  }
  const auto padded = [width](std::string name) {
    return name.append(width > name.size() ? width - name.size() : 0, ' ');
  };
  char line[256];  // numbers alone: ids and names are of any length
  std::snprintf(line, sizeof line, ": %.3f ms from its submission to its last step\n",
                end > begin ? ms(end - begin) : 0.0);
  std::string text = "request " + path.request + line;
  if (path.count() > 1)
    text += std::to_string(path.count()) +
            " requests have this id, and the trace does not tell them apart: their times are added "
            "up\n";
  const RankName rank_name = [&ranks](int rank) { return ranks.name(rank); };
  if (const std::string sentence = path_sentence(critical, rank_name); !sentence.empty())
    text += sentence + "\n\ncritical path:\n" + path_table(critical, rank_name);
  std::snprintf(line, sizeof line, " %12s %12s %8s %12s %12s %12s %14s %18s %10s\n", "queue ms",
                "from ms", "steps", "compute ms", "beside ms", "transfer ms", "collective ms",
                "other requests ms", "idle ms");
  text.append("\n").append(padded("rank")).append(line);
  for (const StagePath& s : path.stages) {
    if (s.steps == 0) continue;
    const std::int64_t queue =
        s.submitted_ns > 0 ? std::max<std::int64_t>(s.first_step_ns - s.submitted_ns, 0) : 0;
    std::snprintf(line, sizeof line,
                  " %12.3f %12.3f %8lu %12.3f %12.3f %12.3f %14.3f %18.3f %10.3f\n", ms(queue),
                  ms(s.first_step_ns - begin), s.steps, ms(s.compute_ns), ms(s.beside_ns),
                  ms(s.transfer_ns), ms(s.collective_ns), ms(s.others_ns), ms(s.idle_ns()));
    text += padded(ranks.name(s.rank)) + line;
  }
  for (const StagePath& s : path.stages) {
    if (s.steps == 0 || s.orchestrator || s.operations.empty()) continue;
    text += "\n" + ranks.name(s.rank) + ", slowest operations:\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(s.operations.size(), 5); ++i) {
      const auto& [name, ns] = s.operations[i];
      std::snprintf(line, sizeof line, " %12.3f ms\n", ms(ns));
      (text += "  " + name).append(name.size() < 28 ? 28 - name.size() : 0, ' ') += line;
    }
  }
  return text;
}

// Reads the files twice: for the paths, then for the operations in the steps of one request.
class Reading : SliceSweep::Visitor {
 public:
  Result<void> read(const std::vector<std::filesystem::path>& files, Notes* notes) {
    // Without a common clock the times are as they are.
    auto clock = common_clock(files);
    shifts_ns_ = clock ? clock->shifts_ns : std::vector<std::int64_t>(files.size(), 0);
    LIMELIGHT_TRY(collectives_.count(files));
    for (std::size_t i = 0; i < files.size(); ++i) {
      LIMELIGHT_TRY(each(files[i], shifts_ns_[i], [this](const EventLine& event, int rank) {
        paths.add(event, rank);
        critical_.add(event, rank);
        collectives_.add(event, rank, ranks.name(rank));
        return Result<void>();
      }));
      if (notes != nullptr && !odd_.empty()) notes->push_back(files[i].string() + ": " + odd_);
    }
    collectives_.finish();
    critical_.finish();
    return {};
  }

  Result<CriticalPath> path(const std::vector<std::filesystem::path>& files,
                            const std::string& request) {
    const auto name_of = [this](std::uint32_t name) { return names_[name]; };
    const CriticalPath path = critical_.path(request, name_of);
    if (path.parts.empty()) return path;
    for (std::size_t i = 0; i < files.size(); ++i)
      LIMELIGHT_TRY(each(files[i], shifts_ns_[i], [&](const EventLine& event, int rank) {
        if (event.phase != 'X' || event.begin_ns < path.begin_ns || event.begin_ns > path.end_ns ||
            !critical_.in_step(rank, event.begin_ns))
          return Result<void>();
        return operation(event, rank, i);
      }));
    SliceSweep sweep(*this);
    LIMELIGHT_TRY(sorted_.finish([&sweep](const TrackSlice& slice) { sweep.add(slice); }));
    sweep.finish();
    return critical_.path(request, name_of);
  }

  RequestPaths paths;
  RankNumbers ranks;

 private:
  template <class Visit>
  Result<void> each(const std::filesystem::path& file, std::int64_t shift_ns, Visit visit) {
    auto lines = TraceReader::open(file);
    if (!lines) return lines.error();
    ranks.begin(*lines);
    collectives_.begin(*lines);
    for (;;) {
      auto next = lines->next();
      if (!next) return next.error();
      if (!*next) break;
      EventLine event = **next;
      const int rank = ranks.of(event);
      if (rank < 0) continue;
      event.begin_ns += shift_ns;
      LIMELIGHT_TRY(visit(event, rank));
    }
    odd_ = lines->odd().text();
    return {};
  }
  Result<void> operation(const EventLine& event, int rank, std::size_t file) {
    const std::string text = event.plain_name();
    const SliceKind kind = slice_kind(event, text, false);
    const auto [name, fresh] =
        name_ids_.try_emplace(text, static_cast<std::uint32_t>(names_.size()));
    if (fresh) {
      names_.push_back(text);
      counts_.push_back(kind == SliceKind::operation || kind == SliceKind::gpu);
    }
    const auto [track, new_track] = tracks_.try_emplace(
        Track(file, event.pid, event.tid), static_cast<std::uint32_t>(rank_of_.size()));
    if (new_track) rank_of_.push_back(rank);
    return sorted_.add({event.begin_ns, event.end_ns(), 0, track->second, name->second, 0});
  }
  SliceSweep::Tag opened(const TrackSlice&, std::size_t, const SliceSweep::Tag*) override {
    return 0;
  }
  void spent(const TrackSlice&, SliceSweep::Tag, std::int64_t, std::int64_t) override {}
  void closed(const TrackSlice& slice, std::int64_t self_ns, SliceSweep::Tag) override {
    if (counts_[slice.name])
      critical_.operation(rank_of_[slice.track], slice.begin_ns, self_ns, slice.name);
  }

  using Track = std::tuple<std::size_t, std::int64_t, std::int64_t>;
  std::vector<std::int64_t> shifts_ns_;
  std::string odd_;
  CriticalPaths critical_;
  StageCollectives collectives_{
      [this](const std::string&, const std::vector<CollectiveMatch::Part>& parts) {
        critical_.waited(parts);
      }};
  std::unordered_map<std::string, std::uint32_t> name_ids_;
  std::vector<std::string> names_;
  std::vector<bool> counts_;  // of each name: whether its time is an operation's
  std::map<Track, std::uint32_t> tracks_;
  std::vector<int> rank_of_;
  SpilledSort<TrackSlice, TrackSliceBefore> sorted_;
};

}  // namespace

Result<std::string> describe_request(const TraceFiles& files,
                                     const std::string& request,
                                     const std::string& session,
                                     Notes* notes) {
  const auto set = choose_traces(files, session);
  if (!set) return set.error();
  if (notes != nullptr) *notes = set->notes;
  Reading reading;
  LIMELIGHT_TRY(reading.read(set->files, notes));
  std::string known;
  std::size_t count = 0;
  for (const RequestPath& path : reading.paths.finish()) {
    if (path.request == request) {
      const auto critical = reading.path(set->files, request);
      if (!critical) return critical.error();
      return described(path, *critical, reading.ranks);
    }
    if (++count <= 100) known += (known.empty() ? "" : ", ") + path.request;
  }
  if (count > 100) known += " and " + std::to_string(count - 100) + " more";
  return Error{ErrorCode::not_found,
               "found no request '" + request +
                   "' in these traces; there are: " + (known.empty() ? "none" : known)};
}

}  // namespace limelight::profiling
