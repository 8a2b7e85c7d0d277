// The HTTP front of a pipeline: `limelight serve` without its command line.
//
//   auto front = Front::open(options);         // listens; /health says "starting"
//   (*front)->start();                         // the pipeline; /health says "ready"
//   (*front)->drain(std::chrono::seconds(30)); // /health says "draining"
//
// One thread of its own runs all of HTTP. The functions here may be called by one other thread.
#pragma once

#include <chrono>
#include <limelight/async_omni.hpp>
#include <limelight/result.hpp>
#include <memory>

#include "actors/http/context.hpp"
#include "actors/http/server.hpp"

namespace limelight::http {

struct FrontOptions {
  ServerOptions server = {};
  ServiceOptions service = {};
  EngineArgs engine = {};
};

class Front {
 public:
  // Errors: those of Server::open() and SpanExporter::open().
  static Result<std::unique_ptr<Front>> open(FrontOptions options);
  // Ends what is open, as cancelled.
  ~Front();
  // Blocks until the pipeline is there. Errors: those of AsyncOmni::from_engine_args().
  Result<void> start();
  int port() const;
  // New requests are refused; returns when the open ones are over and their answers were read, or
  // the time is. Errors: timeout (some were cancelled, with their number).
  Result<void> drain(std::chrono::milliseconds deadline);
  // While requests are served: later ones are held against these. The parameters are those of
  // requests that bring none.
  void set_keys(const std::vector<std::string>& api, const std::vector<std::string>& profile);
  void set_defaults(const stages::SamplingParams& defaults);
  // Calls `beat` again and again on the thread of HTTP, as long as that goes on.
  void set_heartbeat(std::chrono::milliseconds every, std::function<void()> beat);
  // After start().
  AsyncOmni& pipeline();

 private:
  struct State;
  explicit Front(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight::http
