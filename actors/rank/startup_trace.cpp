#include "actors/rank/startup_trace.hpp"

#include <cstdlib>

#include "actors/pipeline/startup_request.hpp"
#include "base/log.hpp"

namespace limelight::actors {

namespace {
void say(const std::string& what) { log(LogLevel::error, "the trace of the start: " + what); }
}  // namespace

StartupTrace::StartupTrace(int rank) {
  const char* text = std::getenv(startup_variable);
  if (text == nullptr) return;
  const auto request = read_startup_request(text);
  if (!request) {
    say(std::string("found '") + text + "' in " + startup_variable + ", which is for ranks alone");
    return;
  }
  auto session = profiling::Session::start({.directory = request->directory,
                                            .timestamp = request->timestamp,
                                            .rank = rank,
                                            .world_size = request->world_size,
                                            .stage_id = request->stage_id,
                                            .replica = request->replica,
                                            .num_replicas = request->num_replicas,
                                            .stage_name = request->stage_name,
                                            .base_ns = request->base_ns,
                                            .memory = &memory_,
                                            .profile = {.prefix = "startup", .with_memory = true}});
  if (session) session_ = std::move(session).value();
  else say(session.error().message);
}

std::string StartupTrace::end() {
  if (!session_) return "";
  const auto report = session_->stop();
  session_.reset();
  if (report) return report->file.string();
  say(report.error().message);
  return "";
}

}  // namespace limelight::actors
