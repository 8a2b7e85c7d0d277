// `limelight bench ...` starts limelight-bench. That is a program of its own, so that this one is
// not linked with the libraries of the peers.
#pragma once

namespace limelight::cli {

// argv: the arguments of main(), from "bench" on. Replaces this process; returns the exit code 1 if
// limelight-bench is missing or cannot be run.
int bench(char** argv);

}  // namespace limelight::cli
