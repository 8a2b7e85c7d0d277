#include "actors/api/answers.hpp"

#include <utility>

#include "actors/orchestrator/seed.hpp"

namespace limelight::actors {

std::vector<GenerateRequest> answers_of(GenerateRequest request,
                                        const stages::SamplingParams& defaults) {
  stages::SamplingParams params = request.sampling_params.value_or(defaults);
  if (params.n <= 1 || !stages::check(params)) return {std::move(request)};
  if (!params.seed) params.seed = draw_seed();
  std::vector<GenerateRequest> all(static_cast<std::size_t>(std::exchange(params.n, 1)), request);
  for (GenerateRequest& one : all) {
    one.sampling_params = params;
    ++*params.seed;
  }
  return all;
}

}  // namespace limelight::actors
