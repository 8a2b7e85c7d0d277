#include "profiling/analysis/path_words.hpp"

#include <algorithm>
#include <cstdio>

namespace limelight::profiling {

namespace {

std::string ms(std::int64_t ns) {
  char text[48];
  std::snprintf(text, sizeof text, "%.3f ms", static_cast<double>(ns) / 1e6);
  return text;
}
double share(std::int64_t ns, const CriticalPath& path) {
  const auto whole = static_cast<double>(path.end_ns - path.begin_ns);
  return whole > 0 ? 100 * static_cast<double>(ns) / whole : 0;
}
std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, share < 1 ? "%.1f %%" : "%.0f %%", share);
  return text;
}

// "rank 3: stage 2 code2wav" as "rank 3 (stage 2 code2wav)".
std::string whole_name(int rank, const RankName& names) {
  if (rank < 0) return "an unknown rank";
  std::string name = names(rank);
  const std::size_t colon = name.find(": ");
  if (colon == std::string::npos) return name;
  return name.substr(0, colon) + " (" + name.substr(colon + 2) + ")";
}
std::string short_name(int rank, const RankName& names) {
  if (rank < 0) return "an unknown rank";
  const std::string name = names(rank);
  return name.substr(0, name.find(": "));
}

// What of the time of the place the longest operation had, if that says something.
std::string operation_of(const PathTotal& total) {
  if (total.operations.empty()) return "";
  const auto& [name, ns] = total.operations.front();
  if (10 * ns < total.ns) return "";
  const std::string shown = name.size() > 120 ? name.substr(0, 117) + "..." : name;
  return (2 * ns >= total.ns ? ", most of it in " : ", the longest part in ") + shown + " (" +
         ms(ns) + ")";
}

}  // namespace

std::string place_of(const PathTotal& total, const RankName& names) {
  const std::string rank = whole_name(total.rank, names);
  switch (total.kind) {
    case PathKind::work: return "steps of " + rank;
    case PathKind::beside: return "the shares of other requests in shared steps of " + rank;
    case PathKind::collective:
      return "collectives in which " + short_name(total.rank, names) + " waited for " +
             whole_name(total.other, names) + ", which came last";
    case PathKind::full_queue:
      return "the full queue from " + short_name(total.rank, names) + " to " +
             whole_name(total.other, names) + ", where a chunk found no room";
    case PathKind::memory: return "waits of " + rank + " for memory for chunks";
    case PathKind::behind: return "waiting behind the steps of " + rank + " for other requests";
    case PathKind::hand_off:
      return "the queue from " + short_name(total.other, names) + " to " + rank;
    case PathKind::queue: return "the queue of " + rank + " before the first step";
    case PathKind::idle: return "gaps between the steps of " + rank;
    case PathKind::admission: return "the queue of the orchestrator, before it was admitted";
    case PathKind::orchestrator: break;
  }
  return "the orchestrator, before and after the stages";
}

std::string path_sentence(const CriticalPath& path, const RankName& names) {
  if (path.totals.empty()) return "";
  constexpr std::size_t most = 3;
  constexpr double least_percent = 5;
  const PathTotal& first = path.totals.front();
  std::string text =
      "Of " + ms(path.end_ns - path.begin_ns) +
      (share(first.ns, path) >= 50 ? " most went to " : " the largest part went to ");
  std::int64_t rest = path.end_ns - path.begin_ns;
  for (std::size_t i = 0; i < path.totals.size(); ++i) {
    const PathTotal& total = path.totals[i];
    if (i > 0 && (i >= most || share(total.ns, path) < least_percent)) break;
    if (i > 0) text += "; then to ";
    text.append(place_of(total, names)).append(": ").append(ms(total.ns)).append(", ");
    text.append(percent(share(total.ns, path))).append(operation_of(total));
    rest -= total.ns;
  }
  const double left = share(rest, path);
  return text + (left >= 1 ? "; " + percent(left) + " went elsewhere." : ".");
}

std::string path_table(const CriticalPath& path, const RankName& names) {
  std::string text;
  char line[64];
  for (const PathTotal& total : path.totals) {
    std::snprintf(line, sizeof line, "%14.3f ms %6.1f %%  ", static_cast<double>(total.ns) / 1e6,
                  share(total.ns, path));
    text.append(line).append(place_of(total, names)).append("\n");
    for (std::size_t i = 0; i < std::min<std::size_t>(total.operations.size(), 3); ++i)
      text.append(28, ' ')
          .append(total.operations[i].first)
          .append(" ")
          .append(ms(total.operations[i].second))
          .append("\n");
  }
  return text;
}

}  // namespace limelight::profiling
