#include "profiling/analysis/report_lanes.hpp"

namespace limelight::profiling {

void ReportLanes::metadata(const EventLine& event) {
  Process& process = processes_[{file_, event.pid}];
  if (event.name == "thread_name") process.threads[event.tid] = event.text_arg("name").value_or("");
  else if (event.name == "process_name") process.name = event.text_arg("name").value_or("");
  else if (event.name == "process_labels") process.label = event.text_arg("labels").value_or("");
}

void ReportLanes::name_thread(std::int64_t pid, std::int64_t tid, const std::string& name) {
  processes_[{file_, pid}].threads.try_emplace(tid, name);
}

ReportLanes::Track ReportLanes::track(const EventLine& event,
                                      Kind kind,
                                      int rank,
                                      const std::string& spans) {
  const std::int64_t tid = kind == Kind::spans ? 0 : event.tid;
  const auto [at, fresh] = tracks_.try_emplace(Key(file_, event.pid, tid, kind, spans),
                                               static_cast<Track>(lanes_.size()));
  if (fresh) {
    lanes_.push_back({file_, event.pid, tid, kind, rank, spans});
    if (kind == Kind::thread) first_.try_emplace(rank, file_, event.pid);
  }
  return at->second;
}

bool ReportLanes::of_device(std::int64_t pid) const {
  const auto at = processes_.find({file_, pid});
  return at != processes_.end() &&
         (at->second.name.starts_with("/device:") || at->second.label.starts_with("GPU")) &&
         !at->second.label.starts_with("CPU");
}

std::string ReportLanes::label(Track track) const {
  const Lane& lane = lanes_[track];
  const auto at = processes_.find({lane.file, lane.pid});
  std::string process, thread;
  if (at != processes_.end()) {
    process = at->second.label.starts_with("GPU") ? at->second.label : at->second.name;
    if (const auto name = at->second.threads.find(lane.tid); name != at->second.threads.end())
      thread = name->second;
  }
  switch (lane.kind) {
    case Kind::spans: return lane.spans.empty() ? "spans" : "spans: " + lane.spans;
    case Kind::device:
    case Kind::annotations: {
      if (process.empty()) process = "device " + std::to_string(lane.pid);
      if (thread.empty()) thread = "stream " + std::to_string(lane.tid);
      return process + ", " + thread + (lane.kind == Kind::annotations ? ", annotations" : "");
    }
    case Kind::thread: break;
  }
  if (thread.empty()) thread = "thread " + std::to_string(lane.tid);
  const auto first = first_.find(lane.rank);
  const bool own = first == first_.end() || first->second == std::pair(lane.file, lane.pid);
  if (own) return thread;
  return (process.empty() ? "process " + std::to_string(lane.pid) : process) + ", " + thread;
}

}  // namespace limelight::profiling
