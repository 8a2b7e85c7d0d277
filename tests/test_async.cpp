// AsyncOmni as a service uses it: many requests in flight, some given up, profiling among them, and
// ranks that stop or die under it.
#include <signal.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <limelight/async_omni.hpp>
#include <limelight/task.hpp>
#include <thread>

#include "tests/support.hpp"

using limelight::AsyncOmni;
using limelight::ErrorCode;
using limelight::RequestOutput;
using limelight::Task;
using limelight::tests::Folder;
namespace fs = std::filesystem;

namespace {
std::unique_ptr<AsyncOmni> start(
    const char* config,
    const fs::path& traces = fs::temp_directory_path() / "async-test-traces",
    std::chrono::milliseconds rank_timeout = std::chrono::seconds(20)) {
  auto omni = AsyncOmni::from_engine_args({fs::path(CONFIG_DIR) / config, traces, rank_timeout});
  if (!omni) BOOST_FAIL(omni.error().message);
  return std::move(omni).value();
}
// All parts of one request put together; `parts` counts them.
Task<RequestOutput> ask(AsyncOmni& omni, std::string prompt, std::string id, int* parts = nullptr) {
  auto stream = omni.generate(std::move(prompt), {}, std::move(id));
  RequestOutput all;
  while (auto part = co_await stream.next()) {
    if (parts != nullptr) ++*parts;
    part->text.insert(0, all.text);
    part->audio.insert(part->audio.begin(), all.audio.begin(), all.audio.end());
    all = std::move(*part);
  }
  co_return all;
}
// Takes the first part, then drops the stream.
Task<std::string> ask_and_leave(AsyncOmni& omni) {
  auto stream = omni.generate("A long story", {}, "left");
  const auto part = co_await stream.next();
  co_return part ? part->text : "";
}
}  // namespace

BOOST_AUTO_TEST_CASE(requests_in_flight_together_give_what_each_gives_alone) {
  const auto omni = start("omni_tiny.yaml");
  const RequestOutput alone = ask(*omni, "Why is the sky blue?", "alone").get();
  BOOST_TEST(alone.error.message == "");
  std::vector<Task<RequestOutput>> tasks;
  std::vector<int> parts(6);
  for (int i = 0; i < 6; ++i)
    tasks.push_back(ask(*omni, i % 2 ? "Why is the sky blue?" : "What is a rank?",
                        "r" + std::to_string(i), &parts[static_cast<std::size_t>(i)]));
  for (int i = 0; i < 6; ++i) {
    const RequestOutput out = tasks[static_cast<std::size_t>(i)].get();
    BOOST_TEST(out.request_id == "r" + std::to_string(i));
    BOOST_TEST(out.error.message == "");
    if (i % 2) BOOST_TEST(out.text == alone.text);
    if (i % 2) BOOST_TEST((out.audio == alone.audio));
    BOOST_TEST(out.stages.size() == 3u);
    BOOST_TEST(parts[static_cast<std::size_t>(i)] > 2);  // as it comes, not at the end
  }
}

BOOST_AUTO_TEST_CASE(several_answers_come_in_one_stream_and_are_what_each_is_alone) {
  const auto omni = start("omni_tiny.yaml");
  limelight::GenerateRequest request{.prompt = "Three times", .request_id = "many"};
  request.sampling_params = omni->default_sampling_params();
  request.sampling_params->max_tokens = 12;
  request.sampling_params->temperature = 1;
  request.sampling_params->n = 3;
  request.sampling_params->seed = 5;
  const auto all_of = [](AsyncOmni& o,
                         limelight::GenerateRequest r) -> Task<std::vector<RequestOutput>> {
    std::vector<RequestOutput> answers(3);
    auto stream = o.generate(std::move(r));
    while (auto part = co_await stream.next()) {
      RequestOutput& all = answers.at(static_cast<std::size_t>(part->index));
      BOOST_TEST(!all.finished);
      part->text.insert(0, all.text);
      part->audio.insert(part->audio.begin(), all.audio.begin(), all.audio.end());
      all = std::move(*part);
    }
    co_return answers;
  };
  const auto answers = all_of(*omni, request).get();
  for (int i = 0; i < 3; ++i) {
    const RequestOutput& one = answers[static_cast<std::size_t>(i)];
    BOOST_TEST(one.error.message == "");
    BOOST_TEST(one.finished);
    BOOST_TEST(one.request_id == "many");
    BOOST_TEST(one.answer.seed == 5u + static_cast<unsigned>(i));
    request.sampling_params->n = 1;
    request.sampling_params->seed = one.answer.seed;
    const auto alone = all_of(*omni, request).get();
    BOOST_TEST(one.text == alone[0].text);
    BOOST_TEST((one.audio == alone[0].audio));
  }
  BOOST_TEST(answers[0].text != answers[1].text);
}

BOOST_AUTO_TEST_CASE(profiling_is_switched_on_and_off_among_requests) {
  const Folder folder;
  const auto omni = start("omni_tiny_tp2.yaml", folder.path);
  const auto body = [](AsyncOmni& o) -> Task<std::vector<limelight::RankTrace>> {
    auto before = ask(o, "before", "");
    BOOST_TEST((co_await o.start_profile({0, 2})).ok());
    auto during = ask(o, "during", "");
    BOOST_TEST((co_await during).error.message == "");
    auto traces = co_await o.stop_profile();
    BOOST_TEST((co_await before).error.message == "");
    const auto unknown = co_await o.start_profile({7});
    BOOST_TEST((unknown.error().code == ErrorCode::invalid_argument));
    co_return traces ? *traces : std::vector<limelight::RankTrace>{};
  };
  const auto traces = body(*omni).get();
  BOOST_REQUIRE(traces.size() == 3u);  // two ranks of stage 0, one of stage 2
  for (const auto& trace : traces) {
    BOOST_TEST(trace.stage_id != 1);
    BOOST_TEST(trace.events > 0u);
    BOOST_TEST(fs::exists(trace.file));
  }
}

BOOST_AUTO_TEST_CASE(a_dropped_stream_gives_its_request_up_and_others_go_on) {
  for (const char* config : {"omni_tiny.yaml", "omni_tiny_tp2.yaml"}) {
    const auto omni = start(config);
    for (int i = 0; i < 5; ++i) {
      auto left = ask_and_leave(*omni);
      const RequestOutput kept = ask(*omni, "stays", "kept").get();
      BOOST_TEST(kept.error.message == "");
      left.get();
    }
  }
}

BOOST_AUTO_TEST_CASE(requests_open_at_the_end_are_cancelled) {
  auto omni = start("omni_tiny.yaml");
  std::vector<Task<RequestOutput>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(ask(*omni, "late", ""));
  omni.reset();
  for (auto& task : tasks) BOOST_TEST((task.get().error.code == ErrorCode::cancelled));
}

// Those in the queue wait for the rank that takes its place.
BOOST_AUTO_TEST_CASE(a_rank_that_stops_or_dies_ends_what_it_works_on_with_its_name) {
  const struct {
    int rank, signal;
    const char* cause;
  } cases[] = {{1, SIGSTOP, "did not answer for"}, {2, SIGKILL, "signal 9"}};
  for (const auto& c : cases) {
    const fs::path folder = fs::temp_directory_path() / ("async-test-" + std::to_string(getpid()));
    auto omni = start("omni_tiny.yaml", folder, std::chrono::milliseconds(700));
    const int pid = omni->rank_pid(c.rank);
    std::vector<Task<RequestOutput>> tasks;
    for (int i = 0; i < 6; ++i) tasks.push_back(ask(*omni, "ends badly", ""));
    kill(pid, c.signal);
    std::size_t failed = 0;
    for (auto& task : tasks) {
      const auto error = task.get().error;
      if (error.code == ErrorCode::none) continue;
      ++failed;
      BOOST_TEST((error.code == ErrorCode::rank_failed));
      for (const std::string& part :
           {"rank " + std::to_string(c.rank), "pid " + std::to_string(pid), std::string(c.cause)})
        BOOST_TEST(error.message.find(part) != std::string::npos, error.message);
    }
    BOOST_TEST(failed == 4u);  // max_inflight
    BOOST_TEST(ask(*omni, "afterwards", "").get().error.message == "");
    omni.reset();
    BOOST_TEST(kill(pid, 0) != 0);  // also the stopped one is gone
    std::size_t of_it = 0;
    for (const auto& entry : fs::directory_iterator(folder))
      of_it += entry.path().filename().string().find("_" + std::to_string(pid) + "_") !=
               std::string::npos;
    BOOST_TEST(of_it == 1u);  // the last that it recorded
    fs::remove_all(folder);
  }
}

BOOST_AUTO_TEST_CASE(coroutines_run_where_the_service_wants_them) {
  std::atomic<int> resumed{0};
  auto omni = AsyncOmni::from_engine_args(
      {fs::path(CONFIG_DIR) / "omni_tiny.yaml", fs::temp_directory_path() / "async-test-traces"},
      [&](std::coroutine_handle<> next) {
        ++resumed;
        next.resume();
      });
  BOOST_REQUIRE(omni.ok());
  BOOST_TEST(ask(**omni, "elsewhere", "").get().error.message == "");
  BOOST_TEST(resumed > 0);
}
