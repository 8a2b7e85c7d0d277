// What all routes share. All on the loop's thread.
#pragma once

#include <chrono>
#include <coroutine>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <limelight/async_omni.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/http/completion_request.hpp"
#include "actors/http/exchange.hpp"
#include "actors/http/metrics.hpp"
#include "actors/telemetry/span_exporter.hpp"

namespace limelight::http {

struct ServiceOptions {
  std::string model;                      // its name for clients
  std::filesystem::path profile_dir;      // where finished traces lie; empty: where the engine's do
  std::vector<std::string> api_keys;      // for all routes; none: no token is asked for
  std::vector<std::string> profile_keys;  // for those about profiles, in place of the others
  // Names of this service beside localhost and addresses. Where no token is asked for and only this
  // machine reaches the port, other names are refused: a page of another site could give its own
  // name the address of this machine, and would be of the same site then (DNS rebinding).
  std::vector<std::string> allowed_hosts = {};
  bool checks_host = true;                    // Front::open() sets it
  std::size_t most_requests = 256;            // prompts that are worked on or wait
  std::chrono::milliseconds request_time{0};  // of a request that states no deadline; 0: no limit
  std::string otlp_endpoint = {};             // a collector of OpenTelemetry; empty: none
  // Hears of each answer that has ended, without its text and sound. May be null.
  std::function<void(const RequestOutput&)> on_answer = {};
};

struct Context {
  ServiceOptions options;
  AsyncOmni* pipeline = nullptr;  // null: it is not there yet, or no longer
  bool draining = false;
  std::size_t open_requests = 0;  // prompts
  bool writes_report = false;     // one at a time, so that answers do not wait behind several
  // In place of the pipeline's, once they were read anew.
  std::optional<stages::SamplingParams> defaults = {};
  // What is open beyond one answer, and is told of the drain.
  std::map<std::uint64_t, std::function<void()>> on_drain = {};
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  // The last answers, newest first: all but what was asked and answered.
  std::deque<RequestOutput> recent = {};
  static constexpr std::size_t most_recent = 50;
  Metrics metrics = {};
  std::unique_ptr<telemetry::SpanExporter> spans = {};  // null: nobody wants them
  std::function<std::size_t()> connections = {};
  // Runs work() on another thread, then then() on the loop's. Null: there is no such thread.
  std::function<void(std::function<void()> work, std::function<void()> then)> elsewhere = {};

  PipelineFacts facts() const;
};

// A request's share of Context::open_requests.
class OpenRequests {
 public:
  OpenRequests(std::shared_ptr<Context> context, std::size_t count)
      : context_(std::move(context)), count_(count) {
    context_->open_requests += count_;
  }
  ~OpenRequests() { context_->open_requests -= count_; }
  OpenRequests(const OpenRequests&) = delete;

 private:
  std::shared_ptr<Context> context_;
  std::size_t count_;
};

// Awaited, it runs work that takes long on another thread. The coroutine's own data stays where it
// is meanwhile, so the work may use it. What the work throws is thrown to the coroutine.
class Elsewhere {
 public:
  Elsewhere(std::shared_ptr<Context> context, std::function<void()> work)
      : context_(std::move(context)), work_(std::move(work)) {}
  Elsewhere(const Elsewhere&) = delete;
  bool await_ready() {
    if (!context_->elsewhere) run();
    return !context_->elsewhere;
  }
  void await_suspend(std::coroutine_handle<> waiting) {
    context_->elsewhere([this] { run(); }, [waiting] { waiting.resume(); });
  }
  void await_resume() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void run() {
    try {
      work_();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  std::shared_ptr<Context> context_;
  std::function<void()> work_;
  std::exception_ptr failure_;
};

using ExchangePtr = std::shared_ptr<Exchange>;
using ContextPtr = std::shared_ptr<Context>;

// Refuses a request that cannot be begun now: 503 while there is no pipeline, 429 with too many
// prompts. True: it was answered.
bool refuse_now(Context& context, Exchange& exchange, std::size_t prompts);

}  // namespace limelight::http
