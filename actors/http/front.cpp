#include "actors/http/front.hpp"

#include <future>
#include <thread>
#include <utility>

#include "actors/http/service.hpp"
#include "actors/http/worker.hpp"

namespace limelight::http {

struct Front::State {
  FrontOptions options;
  Loop loop;
  std::unique_ptr<Server> server;
  std::unique_ptr<Service> service;
  std::unique_ptr<AsyncOmni> pipeline;
  std::thread thread;
  std::unique_ptr<Timer> heartbeat;
  std::unique_ptr<Worker> worker = std::make_unique<Worker>(2);

  void beat(std::chrono::milliseconds every, const std::function<void()>& action) {
    action();
    heartbeat->set(every, [this, every, action] { beat(every, action); });
  }
  // Runs it on the loop's thread, and returns its value.
  template <class F>
  auto there(F body) {
    const auto done = std::make_shared<std::promise<decltype(body())>>();
    auto result = done->get_future();
    loop.post([done, &body] { done->set_value(body()); });
    return result.get();
  }
};

Front::Front(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Front>> Front::open(FrontOptions options) {
  auto state = std::make_unique<State>();
  auto server = Server::open(state->loop, options.server);
  if (!server) return server.error();
  state->server = std::move(server).value();
  options.service.checks_host = state->server->is_local();
  state->service = std::make_unique<Service>(options.service);
  if (const std::string& endpoint = options.service.otlp_endpoint; !endpoint.empty()) {
    auto spans = telemetry::SpanExporter::open(
        {.endpoint = endpoint, .resource = telemetry::resource_of("serve")});
    if (!spans) return spans.error();
    state->service->context().spans = std::move(spans).value();
  }
  state->options = std::move(options);
  State& s = *state;
  s.service->context().connections = [&s] { return s.server->connections(); };
  s.service->context().elsewhere = [&s](std::function<void()> work, std::function<void()> then) {
    s.worker->post([&s, work = std::move(work), then = std::move(then)] {
      work();
      s.loop.post(then);
    });
  };
  s.server->begin([&s](ExchangePtr exchange) { s.service->handle(exchange); },
                  [&s](const AccessRecord& record) { s.service->on_record(record); });
  s.thread = std::thread([&s] { s.loop.run(); });
  return std::unique_ptr<Front>(new Front(std::move(state)));
}

Result<void> Front::start() {
  auto started = AsyncOmni::from_engine_args(
      state_->options.engine,
      [loop = &state_->loop](auto waiting) { loop->post([waiting] { waiting.resume(); }); });
  if (!started) return started.error();
  state_->pipeline = std::move(started).value();
  return state_->there([&]() -> Result<void> {
    Context& context = state_->service->context();
    std::filesystem::path& folder = context.options.profile_dir;
    if (folder.empty()) folder = state_->options.engine.profile_dir;
    if (folder.empty()) folder = state_->pipeline->config().profile_dir;
    if (folder.empty()) folder = "traces";
    context.pipeline = state_->pipeline.get();
    return {};
  });
}

int Front::port() const { return state_->server->port(); }
AsyncOmni& Front::pipeline() { return *state_->pipeline; }

Result<void> Front::drain(std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  state_->there([&] {
    state_->service->context().draining = true;
    state_->server->drain();
    for (const auto& [number, told] : std::exchange(state_->service->context().on_drain, {}))
      told();
    return true;
  });
  Result<void> drained = state_->pipeline ? state_->pipeline->drain(deadline) : Result<void>();
  // What was answered is still on its way to clients that read.
  const auto grace = std::max(end, std::chrono::steady_clock::now() + std::chrono::seconds(1));
  while (std::chrono::steady_clock::now() < grace &&
         state_->there([&] { return state_->server->busy_connections(); }) > 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return drained;
}

void Front::set_keys(const std::vector<std::string>& api, const std::vector<std::string>& profile) {
  state_->there([&] {
    state_->service->set_keys(api, profile);
    return true;
  });
}

void Front::set_defaults(const stages::SamplingParams& defaults) {
  state_->there([&] {
    state_->service->context().defaults = defaults;
    return true;
  });
}

void Front::set_heartbeat(std::chrono::milliseconds every, std::function<void()> beat) {
  state_->there([&] {
    state_->heartbeat = std::make_unique<Timer>(state_->loop);
    state_->beat(every, beat);
    return true;
  });
}

Front::~Front() {
  state_->there([&] {
    state_->heartbeat.reset();
    state_->service->context().draining = true;
    state_->service->context().pipeline = nullptr;
    return true;
  });
  // Its coroutines are resumed on the loop, which still runs.
  state_->pipeline.reset();
  state_->there([&] {
    state_->server->close_all();
    return true;
  });
  // Nothing new is begun by now; what the worker has done goes on in the loop.
  state_->worker.reset();
  // What that woke stands behind it in the loop.
  state_->there([] { return true; });
  state_->loop.stop();
  state_->thread.join();
  state_->service->context().spans.reset();  // what waits is sent
}

}  // namespace limelight::http
