// Says in words where the time of a request went: one sentence that names the ranks, queues and
// operations that had most of it, and a table of all parts. The terminal and the report have both
// from here. Any thread may call the functions.
#pragma once

#include <functional>
#include <string>

#include "profiling/analysis/critical_path.hpp"

namespace limelight::profiling {

using RankName = std::function<std::string(int rank)>;  // such as "rank 3: stage 2 code2wav"

// Such as "rank 1 (stage 1 talker) computed" or "the queue from rank 0 to rank 1": whose time a
// part is.
std::string place_of(const PathTotal& total, const RankName& names);
// Empty if the path is.
std::string path_sentence(const CriticalPath& path, const RankName& names);
// Lines of the largest parts first: milliseconds, share, place, longest operations.
std::string path_table(const CriticalPath& path, const RankName& names);

}  // namespace limelight::profiling
