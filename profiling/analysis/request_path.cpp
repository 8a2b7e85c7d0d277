#include "profiling/analysis/request_path.hpp"

#include <algorithm>
#include <cstdio>
#include <limelight/trace.hpp>

#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

void RequestPaths::add(const EventLine& event, int rank) {
  if (event.phase != 'X') return;
  const auto request = event.arg("request");
  if (!request) return;
  auto at = requests_.find(*request);
  if (at == requests_.end())
    at = requests_.emplace(std::string(*request), std::map<int, Collected>()).first;
  Collected& collected = at->second[rank];
  StagePath& path = collected.path;
  path.rank = rank;
  if (event.name == event_names::actor_submit || event.name == event_names::orchestrator_submit) {
    path.submitted_ns = event.begin_ns;
    return;
  }
  if (event.name == event_names::orchestrator_admit ||
      event.name == event_names::orchestrator_finish) {
    path.orchestrator = true;
    path.steps = 1;
    if (event.name == event_names::orchestrator_admit) path.first_step_ns = event.begin_ns;
    path.last_step_ns = std::max(path.last_step_ns, event.end_ns());
    return;
  }
  if (event.name.starts_with(event_names::step_prefix)) {
    if (path.steps++ == 0 || event.begin_ns < path.first_step_ns)
      path.first_step_ns = event.begin_ns;
    path.last_step_ns = std::max(path.last_step_ns, event.end_ns());
    path.compute_ns += event.duration_ns;
    return;
  }
  if (event.name == event_names::turn) {  // recorded at the end of its step
    const auto us = [&event](std::string_view key) {
      return static_cast<std::int64_t>(1000 * event.number_arg(key).value_or(0));
    };
    const std::int64_t step = us("step us"), share = std::min(us("share us"), step);
    if (path.steps++ == 0 || event.begin_ns - step < path.first_step_ns)
      path.first_step_ns = event.begin_ns - step;
    path.last_step_ns = std::max(path.last_step_ns, event.end_ns());
    path.compute_ns += share;
    path.beside_ns += step - share;
    return;
  }
  if (event.category != "cpu_op") return;
  const bool transfer = event.name == event_names::ipc_publish ||
                        event.name == event_names::ipc_loan ||
                        event.name == event_names::wait_for_room,
             collective = event.name.starts_with(event_names::all_reduce);
  if (transfer) path.transfer_ns += event.duration_ns;
  if (collective) path.collective_ns += event.duration_ns;
  if (transfer || collective) path.compute_ns -= event.duration_ns;
  auto op = collected.operations.find(event.name);
  if (op == collected.operations.end())
    op = collected.operations.emplace(std::string(event.name), 0).first;
  op->second += event.duration_ns;
}

std::vector<RequestPath> RequestPaths::finish() const {
  std::vector<RequestPath> paths;
  for (const auto& [request, ranks] : requests_) {
    RequestPath path{request, {}};
    for (const auto& [rank, collected] : ranks) {
      StagePath stage = collected.path;
      stage.operations.assign(collected.operations.begin(), collected.operations.end());
      std::stable_sort(stage.operations.begin(), stage.operations.end(),
                       [](const auto& a, const auto& b) { return a.second > b.second; });
      path.stages.push_back(std::move(stage));
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

Result<std::string> describe_request(const std::vector<std::filesystem::path>& files,
                                     const std::string& request) {
  RequestPaths paths;
  for (const auto& file : files) {
    auto lines = TraceLineReader::open(file);
    if (!lines) return lines.error();
    for (;;) {
      auto event = lines->next();
      if (!event) return event.error();
      if (!*event) break;
      paths.add(**event, lines->rank());
    }
  }
  std::string known;
  for (const RequestPath& path : paths.finish()) {
    known += (known.empty() ? "" : ", ") + path.request;
    if (path.request != request) continue;
    std::int64_t begin = INT64_MAX, end = 0;
    for (const StagePath& s : path.stages) {
      if (s.steps == 0) continue;
      begin = std::min(begin, s.submitted_ns > 0 ? s.submitted_ns : s.first_step_ns);
      end = std::max(end, s.last_step_ns);
    }
    char line[256];
    const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
    std::snprintf(line, sizeof line,
                  ": %.3f ms from its submission to its last step\n\n%-6s %12s %12s %8s "
                  "%12s %12s %12s %14s %10s\n",
                  end > begin ? ms(end - begin) : 0.0, "rank", "queue ms", "from ms", "steps",
                  "compute ms", "beside ms", "transfer ms", "collective ms", "idle ms");
    std::string text = "request " + request + line;  // ids and names are of any length
    for (const StagePath& s : path.stages) {
      if (s.steps == 0) continue;
      const std::int64_t queue =
          s.submitted_ns > 0 ? std::max<std::int64_t>(s.first_step_ns - s.submitted_ns, 0) : 0;
      const std::int64_t idle =
          std::max<std::int64_t>(s.last_step_ns - s.first_step_ns - s.compute_ns - s.beside_ns -
                                     s.transfer_ns - s.collective_ns,
                                 0);
      std::snprintf(line, sizeof line,
                    "%-6s %12.3f %12.3f %8lu %12.3f %12.3f %12.3f %14.3f %10.3f\n",
                    (s.orchestrator ? "orch." : std::to_string(s.rank)).c_str(), ms(queue),
                    ms(s.first_step_ns - begin), s.steps, ms(s.compute_ns), ms(s.beside_ns),
                    ms(s.transfer_ns), ms(s.collective_ns), ms(idle));
      text += line;
    }
    for (const StagePath& s : path.stages) {
      if (s.steps == 0 || s.orchestrator) continue;
      text += "\nrank " + std::to_string(s.rank) + ", slowest operations:\n";
      for (std::size_t i = 0; i < std::min<std::size_t>(s.operations.size(), 5); ++i) {
        const auto& [name, ns] = s.operations[i];
        std::snprintf(line, sizeof line, " %12.3f ms\n", ms(ns));
        (text += "  " + name).append(name.size() < 28 ? 28 - name.size() : 0, ' ') += line;
      }
    }
    return text;
  }
  return Error{ErrorCode::not_found,
               "found no request '" + request +
                   "' in these traces; there are: " + (known.empty() ? "none" : known)};
}

}  // namespace limelight::profiling
