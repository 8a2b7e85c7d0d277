#include "profiling/analysis/rank_numbers.hpp"

#include <charconv>
#include <optional>

namespace limelight::profiling {

namespace {

constexpr std::string_view prefix = "rank ";
constexpr int no_rank = 1'000'000;  // processes of a merged file that are no ranks begin here

// The number in "rank 3: ...".
std::optional<int> rank_in(std::string_view name) {
  int rank = 0;
  if (!name.starts_with(prefix)) return std::nullopt;
  const char *from = name.data() + prefix.size(), *to = name.data() + name.size();
  const auto [end, failed] = std::from_chars(from, to, rank);
  if (failed != std::errc{} || rank < 0 || (end != to && *end != ':' && *end != ' '))
    return std::nullopt;
  return rank;
}

}  // namespace

int RankNumbers::free_number(int from) const {
  int number = from;
  while (taken_.contains(number)) ++number;
  return number;
}

void RankNumbers::begin(const TraceReader& reader) {
  const TraceOrigin& origin = reader.origin();
  merged_ = origin.merged;
  own_ = origin.limelight;
  named_ = false;
  by_pid_.clear();
  if (merged_) return;
  const auto [at, fresh] = by_file_.try_emplace(reader.path().string(), 0);
  if (fresh) {
    const bool stated = origin.rank && !taken_.contains(*origin.rank);
    at->second = stated ? *origin.rank : free_number(0);
    taken_.insert(at->second);
    std::string& name = names_[at->second];
    name = origin.rank ? std::string(prefix) + std::to_string(*origin.rank)
                       : reader.path().filename().string();
    if (!origin.stage.empty()) name += ": stage " + origin.stage;
  }
  rank_ = at->second;
}

int RankNumbers::of(const EventLine& event) {
  const bool names = event.phase == 'M' && event.name == "process_name";
  if (!merged_) {
    // The first process of a file of ours is the rank itself; the others are its GPUs.
    if (names && own_ && !named_) {
      named_ = true;
      names_[rank_] = event.text_arg("name").value_or(names_[rank_]);
    }
    return rank_;
  }
  if (event.pid == requests_pid) return -1;
  if (event.pid > requests_pid && event.pid < first_free_pid)
    return static_cast<int>((event.pid - first_gpu_pid) / gpu_pids_per_rank);
  if (names) {
    const std::string name = event.text_arg("name").value_or("?");
    const auto stated = rank_in(name);
    int number = stated.value_or(0);
    if (!stated) {
      // The name tells processes without a rank apart, such as the orchestrator.
      for (const auto& [known, its] : names_)
        if (its == name) number = known + 1;
      number = number > 0 ? number - 1 : free_number(no_rank);
    }
    taken_.insert(number);
    std::string& its = names_[number];
    if (its.empty()) its = name;
    by_pid_[event.pid] = number;
    return number;
  }
  const auto at = by_pid_.find(event.pid);
  return at != by_pid_.end() ? at->second : by_pid_.empty() ? 0 : by_pid_.begin()->second;
}

}  // namespace limelight::profiling
