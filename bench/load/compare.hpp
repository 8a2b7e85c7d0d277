// `limelight bench compare`: results of the same benchmark before and after a change, and whether
// what differs is more than noise.
//
// What slows a run slows all of its requests, so a run is one observation (--num-runs, or several
// files a side). Where both sides have as many files, two or more, they were measured in turn, and
// runs of the same number are compared in pairs: what slows the machine for a while slows both.
// Otherwise the runs of each side are a sample of their own (Welch). A verdict needs three runs a
// side, and is given only where the interval that holds the difference in 99 of 100 cases does not
// hold 0.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::bench {

// A table, or JSON. Errors: not_found, invalid_argument (no result of a benchmark, or the sides
// have no metric in common; names the file).
Result<std::string> compare_results(const std::vector<std::filesystem::path>& before,
                                    const std::vector<std::filesystem::path>& after,
                                    bool json);

}  // namespace limelight::bench
