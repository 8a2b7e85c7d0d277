#include "cli/serve_command.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <future>
#include <iostream>
#include <limelight/task.hpp>
#include <memory>

#include "base/log.hpp"
#include "base/try.hpp"
#include "cli/end_signals.hpp"
#include "cli/log_stats.hpp"
#include "cli/pipeline_table.hpp"
#include "cli/refuse.hpp"
#include "cli/service_manager.hpp"
#include "cli/trace_command.hpp"

namespace limelight::cli {

namespace {

Result<void> add_keys(const std::vector<std::filesystem::path>& files,
                      std::vector<std::string>& to) {
  for (const auto& file : files) {
    auto keys = read_keys(file);
    if (!keys) return keys.error();
    to.insert(to.end(), keys->begin(), keys->end());
  }
  return {};
}

struct AllKeys {
  std::vector<std::string> api, profile;
};
Result<AllKeys> all_keys(const ServeOptions& options) {
  AllKeys keys{options.front.service.api_keys, options.front.service.profile_keys};
  LIMELIGHT_TRY(add_keys(options.key_files, keys.api));
  LIMELIGHT_TRY(add_keys(options.profile_key_files, keys.profile));
  return keys;
}

// What SIGHUP reads anew.
struct Renewed {
  AllKeys keys;
  stages::SamplingParams defaults;
};
Result<Renewed> read_anew(const ServeOptions& running) {
  auto read = running.reread ? running.reread() : Result<ServeOptions>(running);
  if (!read) return read.error();
  const EngineArgs& now = running.front.engine;
  const EngineArgs& next = read->front.engine;
  // The defaults are those of what runs.
  if (now.config != next.config || now.model != next.model)
    return Error{ErrorCode::invalid_argument,
                 running.config_file.string() + ": found another " +
                     (now.model != next.model ? "model" : "config") +
                     " than the one that runs, which only a restart can take"};
  auto keys = all_keys(*read);
  if (!keys) return keys.error();
  const auto pipeline = pipeline_of(next);
  if (!pipeline) return pipeline.error();
  Renewed all{std::move(keys).value(), pipeline->stages.front().sampling};
  all.defaults.max_tokens.reset();  // the stage has its own
  return all;
}

// What is wrong leaves all as it was. A list of tokens that has become empty is wrong as well: all
// would be open to everybody. keys: those that count, and that count from now on.
void reload(const ServeOptions& options, http::Front& front, AllKeys& keys) {
  auto anew = read_anew(options);
  const bool opens = anew && ((anew->keys.api.empty() && !keys.api.empty()) ||
                              (anew->keys.profile.empty() && !keys.profile.empty()));
  if (!anew || opens)
    return log(LogLevel::error, "SIGHUP: nothing is changed: " +
                                    (opens ? "found no token any more, expected one, since there "
                                             "was one; a restart can do without"
                                           : anew.error().message));
  keys = anew->keys;
  front.set_defaults(anew->defaults);
  front.set_keys(anew->keys.api, anew->keys.profile);
  log(LogLevel::info,
      "SIGHUP: tokens and the defaults of sampling were read anew; all else is as it was");
}

// Each connection is a file of the process: without one that is free, /health would not answer.
void fit_connections(http::ServerOptions& server) {
  constexpr std::size_t others = 256;  // of the pipeline, and connections beyond the most
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= server.most_connections + others) return;
  const std::size_t most = limit.rlim_cur > 2 * others ? limit.rlim_cur - others : others;
  if (most >= server.most_connections) return;
  log(LogLevel::warning, "--max-connections: found " + std::to_string(server.most_connections) +
                             ", but a process may have " + std::to_string(limit.rlim_cur) +
                             " open files (ulimit -n): " + std::to_string(most) + " it is");
  server.most_connections = most;
}

int check(const http::FrontOptions& front) {
  const auto pipeline = pipeline_of(front.engine);
  if (!pipeline) return refuse("serve", 2, pipeline.error().message);
  http::ServerOptions server = front.server;
  server.port = 0;  // the service's may be in use, by itself
  const auto opened = http::Front::open({.server = server, .service = front.service});
  if (!opened) return refuse("serve", 2, opened.error().message);
  std::cout << describe(*pipeline);
  return 0;
}

// What clients call the model, and where traces lie, if no flag says it.
void complete(http::FrontOptions& front) {
  const EngineArgs& engine = front.engine;
  std::string& model = front.service.model;
  if (model.empty()) {
    const std::filesystem::path from =
        engine.model.empty() ? engine.config.stem() : std::filesystem::path(engine.model);
    model = (from.has_filename() ? from : from.parent_path()).filename().string();
  }
}

std::string address_of(const http::FrontOptions& front, int port) {
  const std::string& host = front.server.host;
  const bool v6 = host.find(':') != std::string::npos;
  return (front.server.tls.certificate.empty() ? "http://" : "https://") +
         (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Task<void> dump(AsyncOmni& pipeline) {
  const auto dumped = co_await pipeline.dump_profile();
  if (!dumped) log(LogLevel::error, "flight recorders: " + dumped.error().message);
  else
    for (const RankTrace& trace : *dumped)
      log(trace.error.code == ErrorCode::none ? LogLevel::info : LogLevel::error,
          "flight recorder of rank " + std::to_string(trace.rank) + ": " +
              (trace.error.code == ErrorCode::none ? trace.file.string() : trace.error.message));
}

// Of a profile that still runs, so that its traces are told.
Task<bool> end_profile(AsyncOmni& pipeline) {
  const auto stopped = co_await pipeline.stop_profile();
  co_return stopped.ok();
}

}  // namespace

Result<std::vector<std::string>> read_keys(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) return Error{ErrorCode::not_found, file.string() + ": cannot read the tokens"};
  std::vector<std::string> keys;
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
    if (first != std::string::npos && line[first] != '#')
      keys.push_back(line.substr(first, last - first + 1));
  }
  if (keys.empty())
    return Error{ErrorCode::invalid_argument,
                 file.string() + ": found no token, expected one in each line"};
  return keys;
}

int serve(ServeOptions options) {
  log_as(options.log_format);
  http::FrontOptions& front = options.front;
  auto keys = all_keys(options);
  if (!keys) return refuse("serve", 2, keys.error().message);
  complete(front);
  fit_connections(front.server);
  if (options.check) return check(front);
  std::unique_ptr<TraceCommand> on_trace;
  if (!options.on_trace.empty()) {
    auto command = TraceCommand::make(options.on_trace, options.on_trace_time);
    if (!command) return refuse("serve", 2, command.error().message);
    on_trace = std::move(command).value();
    front.engine.on_trace = [&](const std::filesystem::path& file) { on_trace->add(file); };
  }

  EndSignals signals({SIGINT, SIGTERM, SIGQUIT, SIGUSR2, SIGHUP});
  http::FrontOptions with_keys = front;  // from the first connection on
  with_keys.service.api_keys = keys->api;
  with_keys.service.profile_keys = keys->profile;
  std::unique_ptr<LogStats> stats;  // outlives the front
  if (options.log_stats) {
    stats = std::make_unique<LogStats>(options.log_stats_interval);
    with_keys.service.on_answer = [it = stats.get()](const RequestOutput& output) {
      it->add(output);
    };
  }
  auto opened = http::Front::open(std::move(with_keys));
  if (!opened) return refuse("serve", exit_code(opened.error()), opened.error().message);
  http::Front& it = **opened;
  const std::string address = address_of(front, it.port());
  std::cout << "listening on " << address << std::endl;
  if (const auto started = it.start(); !started)
    return refuse("serve", exit_code(started.error()), started.error().message);
  std::cout << "serving " << front.service.model << " at " << address << std::endl;

  tell_service_manager("READY=1");
  if (const auto period = watchdog_period(); period.count() > 0)
    it.set_heartbeat(period, [] { tell_service_manager("WATCHDOG=1"); });

  std::promise<int> ended;
  std::atomic<int> ends{0};
  signals.watch([&](int signal) {
    if (signal == SIGUSR2) return (void)dump(it.pipeline());
    if (signal == SIGHUP) return reload(options, it, *keys);
    const int before = ends.fetch_add(1);
    if (before == 0) ended.set_value(signal);
    else (void)it.pipeline().drain(std::chrono::milliseconds(0));
  });
  const int signal = ended.get_future().get();
  log(LogLevel::info,
      name_signal(signal) + ": requests that are open are finished, new ones are refused");
  tell_service_manager("STOPPING=1");
  const auto drained = it.drain(options.drain_time);
  signals.stop();
  if (on_trace) (void)end_profile(it.pipeline()).get();
  opened->reset();
  if (on_trace) (void)on_trace->finish();  // what fails is in the log
  return drained ? 0 : refuse("serve", 1, drained.error().message);
}

}  // namespace limelight::cli
