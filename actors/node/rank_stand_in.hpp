// The actor that stands for a rank before an orchestrator on another machine: it passes each
// message on, and names the files of its answers "<node>:<path>".
#pragma once

#include <functional>
#include <limelight/profile.hpp>
#include <string>

#include "actors/pipeline/protocol.hpp"

namespace limelight::actors {

// told: called with each file that the rank has finished, by its path here. The actor ends with the
// rank.
RankActor::behavior_type rank_stand_in(RankActor::pointer self,
                                       RankActor rank,
                                       std::string node,
                                       std::function<void(const std::string& file)> told);

// As the orchestrator is told of it.
RankTrace name_host(RankTrace trace, const std::string& node);

}  // namespace limelight::actors
