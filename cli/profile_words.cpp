#include "cli/profile_words.hpp"

namespace limelight::cli {

namespace {

std::string why_nothing(const ProfileOptions& options, bool request_came, std::int64_t now_ns) {
  const std::string nothing = "the profile recorded nothing: ";
  if (options.start_at_ns > now_ns)
    return nothing + "it was to begin at " + std::to_string(options.start_at_ns) +
           " (--profile-start-at-ns), which is " +
           std::to_string((options.start_at_ns - now_ns) / 1'000'000'000) + " s from now";
  if (!options.request_id.empty())
    return nothing + (request_came
                          ? "the ranks in it did no work for request '" + options.request_id + "'"
                          : "no request of this run is named '" + options.request_id +
                                "' (--profile-request)");
  return nothing + "its ranks did no work while it ran" +
         (options.activities.empty() ? "" : " of the kinds '" + options.activities + "'");
}

}  // namespace

std::string whose(const RankTrace& t) {
  return t.stage_id < 0
             ? "the orchestrator"
             : "rank " + std::to_string(t.rank) + " (stage " + std::to_string(t.stage_id) + ")";
}

ProfileWords describe_traces(const std::vector<RankTrace>& traces,
                             const ProfileOptions& options,
                             bool request_came,
                             std::int64_t now_ns) {
  ProfileWords words;
  std::string empty;
  std::size_t whole = 0, without = 0;
  for (const RankTrace& t : traces) {
    if (t.error.code != ErrorCode::none) {
      words.failures.push_back("no trace of " + whose(t) + ": " + t.error.message);
      continue;
    }
    if (!t.truncated.empty())
      words.failures.push_back("the trace of " + whose(t) + " ends early, " + t.truncated);
    if (!t.note.empty()) words.remarks.push_back("trace of " + whose(t) + ": " + t.note);
    if (const AllocationFailures& failed = t.failed_allocations; failed.times > 0)
      words.remarks.push_back(
          "trace of " + whose(t) + ": " + std::to_string(failed.times) +
          (failed.times == 1 ? " allocation failed: " : " allocations failed, the last: ") +
          failed.last + (failed.file.empty() ? std::string() : "; see " + failed.file));
    ++whole;
    if (t.events > 0) continue;
    ++without;
    empty += (empty.empty() ? "" : ", ") + whose(t);
  }
  if (whole > 0 && without == whole)
    words.failures.push_back(why_nothing(options, request_came, now_ns));
  else if (without > 0) words.remarks.push_back("nothing was recorded of " + empty);
  return words;
}

}  // namespace limelight::cli
