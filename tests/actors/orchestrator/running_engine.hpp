// A pipeline of one small stage that runs in this process, for tests of the engine.
#pragma once

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "actors/orchestrator/engine.hpp"
#include "tests/actors/small_pipeline.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

// A pipeline, and the last update of each request.
struct RunningEngine {
  RunningEngine() {
    auto started =
        actors::Engine::start({.config = write_file(folder.path / "one.yaml", one_thinker_yaml),
                               .profile_dir = folder.path});
    if (!started) BOOST_FAIL(started.error().message);
    engine = std::move(*started);
  }
  std::uint64_t submit(GenerateRequest request, int index = 0) {
    return engine->submit(
        std::move(request),
        [this](RequestOutput update) {
          if (!update.finished) return;
          const std::lock_guard lock(mutex);
          ++ends[update.request_id];
          last[update.request_id] = std::move(update);
          ended.notify_all();
        },
        index);
  }
  RequestOutput end_of(const std::string& id) {
    std::unique_lock lock(mutex);
    if (!ended.wait_for(lock, std::chrono::seconds(20), [&] { return last.contains(id); }))
      BOOST_FAIL(id + ": no end");
    return last.at(id);
  }
  static GenerateRequest asking(std::string id, int tokens) {
    GenerateRequest request{.prompt = "Hello", .request_id = std::move(id)};
    request.sampling_params.emplace();
    request.sampling_params->max_tokens = tokens;
    request.sampling_params->ignore_eos = true;
    return request;
  }
  static GenerateRequest endless(std::string id) { return asking(std::move(id), 2000); }

  Folder folder;
  std::mutex mutex;
  std::condition_variable ended;
  std::map<std::string, RequestOutput> last;
  std::map<std::string, int> ends;
  std::unique_ptr<actors::Engine> engine;  // ends first, and calls until it has
};

}  // namespace limelight::tests
