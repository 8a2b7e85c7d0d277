// The worker of a pipeline that is one small thinker, over a real broker, with the user's end of
// its channel and what it reports: all in one process.
#pragma once

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <limelight/config.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "actors/pipeline/pools.hpp"
#include "actors/pipeline/topics.hpp"
#include "actors/rank/rank_worker.hpp"
#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/broker_link.hpp"
#include "tests/actors/small_pipeline.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

inline stages::PipelineConfig one_thinker() {
  const Folder folder;
  auto config = stages::parse(write_file(folder.path / "one.yaml", one_thinker_yaml));
  if (!config) BOOST_FAIL(config.error().message);
  return *config;
}

struct OneThinker {
  explicit OneThinker(const stages::PipelineConfig& config)
      : run(std::to_string(getpid())),
        user(actors::topic_to_user(run, {0, 0}), actors::user_window) {
    using namespace std::chrono_literals;
    auto created = actors::RankWorker::create(
        config, {.rank = 0, .run = run},
        [this](const actors::StageReport& report) {
          const std::lock_guard lock(mutex);
          reports[report.number] = report;
          reported.notify_all();
        },
        [](auto, auto) {});
    if (!created) return;
    worker = std::move(*created);
    thread = std::thread([this] { worker->run(); });
  }
  ~OneThinker() {
    if (!worker) return;
    worker->end();
    thread.join();
  }
  OneThinker(const OneThinker&) = delete;

  void submit(std::uint64_t number, int tokens, bool to_user = true) {
    stages::Request request{.number = number, .id = "the-request", .prompt = "Hello"};
    request.sampling.max_tokens = tokens;
    request.sampling.ignore_eos = true;
    worker->submit(std::move(request), {{0}, to_user});
  }
  std::optional<actors::StageReport> report_of(std::uint64_t number) {
    using namespace std::chrono_literals;
    std::unique_lock lock(mutex);
    if (!reported.wait_for(lock, 20s, [&] { return reports.contains(number); })) return {};
    return reports.at(number);
  }
  // Reads what the user gets until the request's last chunk, and returns its text.
  std::string text_of(std::uint64_t number) {
    using namespace std::chrono_literals;
    while (!ended[number]) {
      const auto chunk = user.take(20s);
      if (!chunk || !*chunk) return "nothing came";
      const auto& header = (*chunk)->header();
      const auto bytes = (*chunk)->data();
      texts[header.request].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      ended[header.request] = header.last != 0;
    }
    return texts[number];
  }

  std::string run;
  ipc::Subscriber user;
  std::unique_ptr<actors::RankWorker> worker;
  std::thread thread;
  std::map<std::uint64_t, std::string> texts;
  std::map<std::uint64_t, bool> ended;

  std::mutex mutex;
  std::condition_variable reported;
  std::map<std::uint64_t, actors::StageReport> reports;
};

// Runs body(thinker) in a process that is attached to a broker of its own. Returns what it returns.
template <class Body>
int with_thinker(Body body) {
  const stages::PipelineConfig config = one_thinker();
  auto broker = ipc::Broker::use(BROKER_HELPER, actors::pools_for(config));
  if (!broker) BOOST_FAIL(broker.error().message);
  return exit_code(in_process([&] {
    using namespace std::chrono_literals;
    if (!ipc::attach("limelight-test-thinker-" + std::to_string(getpid()), 5s)) return 101;
    OneThinker thinker(config);
    return thinker.worker ? body(thinker) : 102;
  }));
}

}  // namespace limelight::tests
