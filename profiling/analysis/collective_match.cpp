#include "profiling/analysis/collective_match.hpp"

#include <algorithm>

#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

void CollectiveMatch::add(const EventLine& event,
                          int rank,
                          const std::string& stage,
                          std::size_t size) {
  if (event.phase != 'X') return;
  const bool nccl = event.name.starts_with("nccl") && event.category == "kernel",
             own = event.name.starts_with(event_names::collective_prefix) &&
                   event.category == "cpu_op";
  if (!nccl && !own) return;
  std::string group = event.text_arg("Process Group Name").value_or("stage " + stage);
  std::string name = event.text_arg("Collective name").value_or(event.plain_name());
  group.append("\x1f").append(name);
  if (const auto ranks = event.text_arg("Process Group Ranks")) group.append("\x1f").append(*ranks);
  // Those of one group run one after another, so they are numbered alike everywhere.
  const std::uint64_t count = counts_[std::to_string(rank) + "\x1f" + group]++;
  const auto seq = event.number_arg("Seq");
  const std::string key = group + "\x1f" + std::to_string(seq.value_or(count));
  const auto [at, fresh] = open_.try_emplace(key);
  Open& open = at->second;
  if (fresh) {
    open.name = std::move(name);
    open.size = event.number_arg("Group size").value_or(size);
    order_.push_back(key);
  }
  const auto same = [rank](const Part& part) { return part.rank == rank; };
  // Of one rank that has several (a group for each of its streams) the first counts.
  if (std::none_of(open.parts.begin(), open.parts.end(), same))
    open.parts.push_back({rank, event.pid, event.tid, event.begin_ns, event.end_ns()});
  if (open.parts.size() >= open.size) complete(key);
  while (order_.size() > most_open_) {
    complete(order_.front());
    order_.pop_front();
  }
}

void CollectiveMatch::complete(const std::string& key) {
  const auto at = open_.find(key);
  if (at == open_.end()) return;
  std::vector<Part>& parts = at->second.parts;
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.begin_ns < b.begin_ns; });
  if (parts.size() > 1) on_match_(at->second.name, parts);
  open_.erase(at);
}

void CollectiveMatch::finish() {
  for (const std::string& key : order_) complete(key);
  order_.clear();
}

}  // namespace limelight::profiling
