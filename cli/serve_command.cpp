#include "cli/serve_command.hpp"

#include <signal.h>

#include <atomic>
#include <fstream>
#include <future>
#include <iostream>
#include <limelight/task.hpp>

#include "base/log.hpp"
#include "cli/end_signals.hpp"

namespace limelight::cli {

namespace {

int refuse(int code, const std::string& what) {
  std::cerr << "limelight serve: " << what << "\n";
  return code;
}
int exit_code(const Error& error) {
  return error.code == ErrorCode::invalid_argument || error.code == ErrorCode::not_found ? 2 : 1;
}

Result<void> add_keys(const std::vector<std::filesystem::path>& files,
                      std::vector<std::string>& to) {
  for (const auto& file : files) {
    auto keys = read_keys(file);
    if (!keys) return keys.error();
    to.insert(to.end(), keys->begin(), keys->end());
  }
  return {};
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
  http::FrontOptions& front = options.front;
  for (const auto& [files, keys] :
       {std::pair(&options.key_files, &front.service.api_keys),
        std::pair(&options.profile_key_files, &front.service.profile_keys)})
    if (const auto read = add_keys(*files, *keys); !read) return refuse(2, read.error().message);
  complete(front);

  EndSignals signals;
  auto opened = http::Front::open(front);
  if (!opened) return refuse(exit_code(opened.error()), opened.error().message);
  http::Front& it = **opened;
  const std::string address = address_of(front, it.port());
  std::cout << "listening on " << address << std::endl;
  if (const auto started = it.start(); !started)
    return refuse(exit_code(started.error()), started.error().message);
  std::cout << "serving " << front.service.model << " at " << address << std::endl;

  std::promise<int> ended;
  std::atomic<int> ends{0};
  signals.watch([&](int signal) {
    if (signal == SIGUSR2) return (void)dump(it.pipeline());
    const int before = ends.fetch_add(1);
    if (before == 0) ended.set_value(signal);
    else (void)it.pipeline().drain(std::chrono::milliseconds(0));
  });
  const int signal = ended.get_future().get();
  log(LogLevel::info, std::string(signal == SIGINT ? "Ctrl-C" : "SIGTERM") +
                          ": requests that are open are finished, new ones are refused");
  const auto drained = it.drain(options.drain_time);
  signals.stop();
  opened->reset();
  return drained ? 0 : refuse(1, drained.error().message);
}

}  // namespace limelight::cli
