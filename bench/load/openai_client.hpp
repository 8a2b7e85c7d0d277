// Sends a plan to a server with OpenAI's routes and sees what comes, streaming. One thread does it,
// with libcurl; connections are kept and used again.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <string>
#include <string_view>
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

// The events of a stream, cut from the bytes as they come: the text behind "data:" of each line.
class EventStream {
 public:
  // Calls event(data) for each line that is complete.
  template <class F>
  void take(std::string_view bytes, F event) {
    rest_.append(bytes);
    std::size_t at = 0;
    for (std::size_t end; (end = rest_.find('\n', at)) != std::string::npos; at = end + 1) {
      std::string_view line(rest_.data() + at, end - at);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.starts_with("data:")) continue;
      line.remove_prefix(5);
      if (line.starts_with(' ')) line.remove_prefix(1);
      event(line);
    }
    rest_.erase(0, at);
  }

 private:
  std::string rest_;
};

}  // namespace limelight::bench
