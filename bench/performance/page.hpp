// docs/performance.md from the results of benchmarks: each goal as measured beside its floor or its
// peers of the same run, what is lost as plainly as what is won, plots, and all rows. Nothing on
// the page is written by hand but the goals (goals.hpp). Plain values.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <utility>
#include <vector>

namespace limelight::bench {

// A file that `limelight bench NAME --json` has printed.
struct BenchFile {
  std::string name;  // of the benchmark, which is that of the file
  std::string text;  // JSON
};

struct PerformancePage {
  std::string markdown;
  std::vector<std::pair<std::string, std::string>> plots;  // names of files, and SVG
};

// plots: the folder of the plots as the page links it. Errors: invalid_argument (a file that is no
// result; names it and what was expected).
Result<PerformancePage> performance_page(const std::vector<BenchFile>& files,
                                         const std::string& plots);

// Reads DIR/*.json, writes the page to `out` and the plots into a folder beside it that is named
// like it. Errors: as above, not_found (no results there), io.
Result<void> write_performance(const std::filesystem::path& results,
                               const std::filesystem::path& out);

}  // namespace limelight::bench
