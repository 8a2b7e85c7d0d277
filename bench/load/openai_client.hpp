// Sends a plan to a server with OpenAI's routes and sees what comes, streaming. One thread does it,
// with libcurl; connections are kept and used again.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "bench/load/plan.hpp"
#include "bench/load/request_times.hpp"

namespace limelight::bench {

enum class OpenAiBackend { completions, chat, speech };

struct OpenAiOptions {
  OpenAiBackend backend = OpenAiBackend::completions;
  std::string base_url = "http://127.0.0.1:8091";  // without a route
  std::string endpoint = {};                       // a route; empty: the backend's own
  std::string model = {};                          // empty: the first that the server lists
  std::string api_key = {};                        // empty: none is sent
  bool ignore_eos = false;
  bool audio = false;           // of chat: asks for text and sound
  std::string voice = "alloy";  // of speech
  double temperature = -1;      // below 0: the server's
  int max_concurrency = 0;      // open at one time; 0: as many as there are
  double timeout_s = 600;       // of a request
};

class OpenAiClient {
 public:
  // Called from send() each time a request ends, and each 200 ms.
  using Progress = std::function<void(std::size_t ended, std::size_t failed)>;

  explicit OpenAiClient(OpenAiOptions options);

  // Fills in the model, where the options name none. Errors: unavailable (no server, or it lists no
  // model).
  Result<void> find_model();
  const OpenAiOptions& options() const noexcept { return options_; }
  // Sends each request at its time, later if max_concurrency are open, and returns when all have
  // ended. A request that fails is a result as well.
  std::vector<RequestTimes> send(const std::vector<PlannedRequest>& plan,
                                 const Progress& progress = {}) const;
  // One exchange: POST with the body, or GET without one. The answer's body. Errors: unavailable
  // (no answer), invalid_argument (a status other than 200, with what the body says).
  Result<std::string> ask(const std::string& route, const char* body) const;

 private:
  OpenAiOptions options_;
};

}  // namespace limelight::bench
