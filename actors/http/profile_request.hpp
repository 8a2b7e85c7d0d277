// The body of /start_profile: which stages, and what is recorded. The keys are those of
// ProfileOptions; those of vLLM and SGLang are understood where they have a meaning here, and
// refused by name where they have none. Any thread may call this function.
#pragma once

#include <limelight/profile.hpp>
#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>

namespace limelight::http {

struct ProfileRequest {
  StageIds stages = {};
  ProfileOptions options = {};
};

// Errors: invalid_argument (names the key, what was found and what was expected).
Result<ProfileRequest> read_profile(const nlohmann::json& body);

// The stages that a stop is about; none: all. Errors: invalid_argument.
Result<std::vector<int>> read_stop(const nlohmann::json& body);

}  // namespace limelight::http
