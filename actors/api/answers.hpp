// A request that asks for n answers is n requests, which differ in their seeds. Omni and AsyncOmni
// take it apart.
#pragma once

#include <limelight/request.hpp>
#include <vector>

namespace limelight::actors {

// One request for each answer, in the order of their index. defaults: of a request that brings no
// parameters. A request whose parameters are wrong stays as it is: the engine refuses it.
std::vector<GenerateRequest> answers_of(GenerateRequest request,
                                        const stages::SamplingParams& defaults);

}  // namespace limelight::actors
