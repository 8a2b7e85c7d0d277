// Where the parts of a pipeline run, and which of its channels go from one machine to another.
//
// A machine is a name of the config's nodes, or "" for the orchestrator's. Each machine has its own
// broker, and its own name for the run, so that two of them may be one machine in truth: the
// channels of both would be one otherwise.
#pragma once

#include <cstdint>
#include <limelight/config.hpp>
#include <string>
#include <vector>

#include "actors/pipeline/topics.hpp"

namespace limelight::actors {

// A channel whose ends are on two machines.
struct Crossing {
  std::string topic;  // without the run, which each machine has in front of it
  std::string from, to;
  std::uint64_t max_bytes = 0;  // of its largest tensor
  std::size_t window = 1;
  ReplicaName reader{-1, 0};  // stage -1: the user
};
std::vector<Crossing> crossings(const stages::PipelineConfig& config);

// The run's name on that machine.
std::string run_on(const stages::PipelineConfig& config,
                   const std::string& run,
                   const std::string& node);

// The orchestrator's name for the run that a machine calls so.
std::string run_of_all(const std::string& run_here);

// The machine of a rank.
std::string node_of_rank(const stages::PipelineConfig& config, int rank);
// Those that some replica runs on, other than the orchestrator's, each once.
std::vector<std::string> nodes_in_use(const stages::PipelineConfig& config);

}  // namespace limelight::actors
