// Hosts ranks in a program of your own, with stages that are linked into it.
//
//   int main(int argc, char** argv) {
//     if (limelight::started_as_rank(argc, argv))
//       return limelight::rank_main(argc, argv, own_types());
//     ...
//   }
//
// A config names the program in `rank_executable`, or EngineArgs does; Limelight starts it in place
// of limelight-rank, once for each rank and once for each stage of the program that a config has
// (to ask for its ports). The program links limelight::rank.
#pragma once

#include <limelight/plugin.hpp>

namespace limelight {

// Whether Limelight has started this process, which then has to call rank_main() before it does
// anything else.
bool started_as_rank(int argc, char** argv);

// Returns the exit status of the process. types: those of the program, beside the built-in ones and
// those of libraries. What fails goes to standard error, which for a rank is its log.
int rank_main(int argc, char** argv, const stages::PluginTypes& types = {});

}  // namespace limelight
