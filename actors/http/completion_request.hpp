// The bodies of /v1/completions and /v1/chat/completions.
//
// Keys and meanings are those of OpenAI's API, with vLLM's additional ones. A key that is not known
// is passed over, as there; one that is known and would change the answer, such as tools, and is
// not obeyed here, is refused. Any thread may call these functions.
#pragma once

#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "actors/http/sound_format.hpp"

namespace limelight::http {

// What requests are read against.
struct PipelineFacts {
  std::string model = {};                 // its name for clients
  std::vector<std::string> outputs = {};  // that it has: "text", "audio"
  stages::SamplingParams defaults = {};

  bool has(const std::string& output) const;
};

struct CompletionRequest {
  bool chat = false;
  std::string request_id = {};                // empty: the client has chosen none
  std::vector<GenerateRequest> prompts = {};  // one or more; each gives n answers
  int n = 1;
  bool stream = false, include_usage = false, stage_metrics = false;
  bool logprobs = false;
  bool text = true, audio = false;  // what is wanted
  SoundFormat sound = SoundFormat::wav;
};

// source: what the body was read from, for the order of keys in tools' calls. Errors:
// invalid_argument (names the key, what was found and what was expected), not_found (a model that
// is not served).
Result<CompletionRequest> read_completion(const nlohmann::json& body,
                                          bool chat,
                                          const PipelineFacts& facts,
                                          std::string_view source = {});

// The key `model`, of any route. Errors: not_found.
Result<void> check_model(const nlohmann::json& body, const PipelineFacts& facts);

}  // namespace limelight::http
