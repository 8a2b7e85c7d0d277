// `limelight bench ...`: hands everything to limelight-bench, a program of its own, so that the
// peers which benchmarks measure are not linked into this one.
#pragma once

namespace limelight::cli {

// argv: that of main(), from "bench" on. Replaces this process; returns the exit code where
// limelight-bench is missing.
int bench(char** argv);

}  // namespace limelight::cli
