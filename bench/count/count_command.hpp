// `limelight bench count`: counts the hot paths (paths.hpp) and compares with a file of last
// values. Instructions are those that callgrind counts, on valgrind's own processor, which is the
// same on every machine with AVX2.
#pragma once

#include <filesystem>

namespace limelight::bench {

struct CountOptions {
  bool json = false;
  std::filesystem::path check = {};  // the last values; empty: nothing is compared
  std::filesystem::path write = {};  // where the counts are written as the last values
};

// Prints the counts and what differs. Returns the exit code: 0, 1 (failed, or a path has grown by
// more than 3 %; the last line names it), 2 (a file that cannot be read), 77 (nothing could be
// counted or compared; the line that begins with "skipped:" says why).
int bench_count(const CountOptions& options);

}  // namespace limelight::bench
