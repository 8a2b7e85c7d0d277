#include "stages/stage_factory.hpp"

#include <exception>
#include <new>

#include "base/memory.hpp"
#include "stages/models/kv_cache.hpp"
#include "stages/models/model_file.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

Result<std::unique_ptr<Stage>> make_stage(const StageConfig& config,
                                          Device& device,
                                          ipc::Collective* group) {
  const StageType* type = config.plugin ? config.plugin.get() : find_stage_type(config.model_stage);
  if (type == nullptr)
    return Error{ErrorCode::invalid_argument, "stage " + std::to_string(config.stage_id) +
                                                  ": found model_stage '" + config.model_stage +
                                                  "', expected one of " + stage_type_names()};
  type = &type_of(config);
  const auto too_much = [&](const std::string& what) {
    return Error{ErrorCode::unavailable, "stage " + std::to_string(config.stage_id) + " (" +
                                             config.model_stage + ") " + what + ", " +
                                             gibibytes(available_memory()) + " are there"};
  };
  const std::uint64_t ranks = group != nullptr ? static_cast<std::uint64_t>(group->size()) : 1;
  // Weights of a file are mapped: what does not fit would be read again in every step.
  const std::uint64_t needed =
      (config.model ? config.model->weight_bytes() : type->weight_bytes(config)) / ranks;
  if (device.is_host() && needed > available_memory())
    return too_much("needs " + gibibytes(needed) + " of memory for its weights");
  if (const double fraction = config.cache.memory_fraction; fraction > 0 && device.is_host()) {
    const double budget = fraction * static_cast<double>(available_memory());
    const std::uint64_t least = longest_sequence_bytes(config);
    if (budget < static_cast<double>(least))
      return too_much("has gpu_memory_utilization " + std::to_string(fraction) +
                      ", which must give " + gibibytes(least) +
                      " for the KV cache of one sequence of max_model_len");
  }
  if (device.is_host() && config.cache.bytes > available_memory())
    return too_much("needs " + gibibytes(config.cache.bytes) + " for kv_cache_memory_bytes");
  const profiling::MemoryScope scope(profiling::MemoryHolder::weights);
  const std::uint64_t failures = profiling::memory_ledger().failures();
  try {
    return type->make(config, device, group);
  } catch (const std::bad_alloc&) {
    const profiling::MemoryLedger& ledger = profiling::memory_ledger();
    return too_much("cannot have the memory that it needs" +
                    (ledger.failures() > failures ? ": " + ledger.last_failure() : ""));
  } catch (const std::exception& failed) {  // of the libraries that pack weights
    return Error{ErrorCode::unavailable, "stage " + std::to_string(config.stage_id) + " (" +
                                             config.model_stage +
                                             "): cannot be made: " + failed.what()};
  }
}

std::uint64_t max_output_bytes(const StageConfig& config, int output) {
  return type_of(config).largest_output(config, output);
}

}  // namespace limelight::stages
