// What a rank is told that is to trace its start (EngineArgs::profile_startup): a variable of its
// process, since it begins before the orchestrator can be asked anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace limelight::actors {

inline constexpr const char* startup_variable = "LIMELIGHT_STARTUP_TRACE";

struct StartupRequest {
  std::string directory;  // absolute
  std::string timestamp;  // of the session, the same for all ranks
  std::int64_t base_ns = 0;
  int world_size = 1, stage_id = 0, replica = 0, num_replicas = 1;
  std::string stage_name;
};

// The value of the variable, and back; nothing if the text is none.
std::string to_text(const StartupRequest& request);
std::optional<StartupRequest> read_startup_request(const std::string& text);

}  // namespace limelight::actors
