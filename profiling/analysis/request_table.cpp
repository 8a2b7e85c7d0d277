#include <algorithm>
#include <cstdio>
#include <limelight/trace.hpp>

#include "profiling/analysis/rank_numbers.hpp"
#include "profiling/analysis/request_path.hpp"
#include "profiling/analysis/trace_set.hpp"

namespace limelight::profiling {

namespace {

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

std::string described(const RequestPath& path, RankNumbers& ranks) {
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

}  // namespace

Result<std::string> describe_request(const TraceFiles& files,
                                     const std::string& request,
                                     const std::string& session,
                                     Notes* notes) {
  const auto set = choose_traces(files, session);
  if (!set) return set.error();
  if (notes != nullptr) *notes = set->notes;
  RequestPaths paths;
  RankNumbers ranks;
  for (const auto& file : set->files) {
    auto lines = TraceReader::open(file);
    if (!lines) return lines.error();
    ranks.begin(*lines);
    for (;;) {
      auto event = lines->next();
      if (!event) return event.error();
      if (!*event) break;
      if (const int rank = ranks.of(**event); rank >= 0) paths.add(**event, rank);
    }
    if (const std::string odd = lines->odd().text(); notes != nullptr && !odd.empty())
      notes->push_back(file.string() + ": " + odd);
  }
  std::string known;
  std::size_t count = 0;
  for (const RequestPath& path : paths.finish()) {
    if (path.request == request) return described(path, ranks);
    if (++count <= 100) known += (known.empty() ? "" : ", ") + path.request;
  }
  if (count > 100) known += " and " + std::to_string(count - 100) + " more";
  return Error{ErrorCode::not_found,
               "found no request '" + request +
                   "' in these traces; there are: " + (known.empty() ? "none" : known)};
}

}  // namespace limelight::profiling
