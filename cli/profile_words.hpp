// What `limelight run` says of a profile beside its files: flags that would do nothing, and what
// was asked for and is in no trace. Plain functions.
#pragma once

#include <limelight/profile.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// "the orchestrator", or the rank and its stage.
std::string whose(const RankTrace& trace);

struct ProfileWords {
  std::vector<std::string> remarks;   // worth knowing
  std::vector<std::string> failures;  // something that was asked for was not recorded
};
// What to say of the traces of a stop. request_came: a request of the name in options.request_id
// was sent. now_ns: CLOCK_REALTIME.
ProfileWords describe_traces(const std::vector<RankTrace>& traces,
                             const ProfileOptions& options,
                             bool request_came,
                             std::int64_t now_ns);

}  // namespace limelight::cli
