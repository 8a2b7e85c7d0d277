// What a running pipeline promises to whoever submits requests to it.
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <map>
#include <mutex>

#include "actors/orchestrator/engine.hpp"
#include "tests/actors/small_pipeline.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {

// A pipeline, and the last update of each request.
struct Running {
  Running() {
    auto started = Engine::start({.config = write_file(folder.path / "one.yaml", one_thinker_yaml),
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
    if (!ended.wait_for(lock, 20s, [&] { return last.contains(id); })) BOOST_FAIL(id + ": no end");
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
  std::unique_ptr<Engine> engine;  // ends first, and calls until it has
};

}  // namespace

BOOST_AUTO_TEST_SUITE(engine)

BOOST_AUTO_TEST_CASE(arguments_out_of_range_start_nothing) {
  const Folder folder;
  const auto config = write_file(folder.path / "one.yaml", one_thinker_yaml);
  const auto error_of = [](const EngineArgs& args) {
    const auto started = Engine::start(args);
    return started ? "it started" : started.error().message;
  };
  BOOST_TEST(error_of({.config = config, .rank_timeout = 99ms}) ==
             "rank_timeout: found 99 ms, expected 100 ms or more");
  const std::string supervision =
      error_of({.config = config, .supervision = stages::Supervision{.max_failures = 0}});
  BOOST_TEST(supervision.starts_with("supervision: found max_failures 0, "), supervision);
  BOOST_TEST(
      (Engine::start({.config = folder.path / "none.yaml"}).error().code == ErrorCode::not_found));
}

BOOST_FIXTURE_TEST_CASE(a_request_without_a_name_is_called_by_its_place, Running) {
  submit(asking("first", 2));
  submit(asking("", 2));
  submit(asking("", 2), 3);  // the fourth answer of a request that asked for several
  BOOST_TEST(end_of("first").error.message == "");
  BOOST_TEST(end_of("1").error.message == "");
  BOOST_TEST(end_of("2").index == 3);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_served_ends_at_once_with_the_reason, Running) {
  const auto reason = [this](GenerateRequest request) {
    request.request_id = "it";
    last.clear();
    submit(std::move(request));
    const RequestOutput out = end_of("it");
    BOOST_TEST((out.error.code == ErrorCode::invalid_argument));
    return out.error.message;
  };
  GenerateRequest several = asking("", 2);
  several.sampling_params->n = 2;
  BOOST_TEST(reason(several).starts_with("request 'it': n: found 2, expected 1"));
  GenerateRequest late = asking("", 2);
  late.deadline = -1ms;
  BOOST_TEST(reason(late) == "request 'it': deadline: found -1 ms, expected 0 (none) or more");
  GenerateRequest both = asking("", 2);
  both.prompt_token_ids = {1, 2};
  BOOST_TEST(reason(both) ==
             "request 'it': found 2 of prompt, messages and prompt_token_ids, expected one");
  GenerateRequest hot = asking("", 2);
  hot.sampling_params->temperature = -1;
  BOOST_TEST(reason(hot).starts_with("request 'it': temperature: found -1"));
  GenerateRequest picture = asking("", 2);
  picture.modalities = {"picture"};
  BOOST_TEST(reason(picture).find("picture") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(who_gives_up_gets_one_end_and_the_others_go_on, Running) {
  const auto ticket = submit(endless("left"));
  submit(asking("stays", 5));
  engine->abort(ticket, "the client has gone");
  engine->abort(ticket, "again");
  engine->abort(ticket + 1000, "nobody's");
  BOOST_TEST((end_of("left").error.code == ErrorCode::cancelled));
  BOOST_TEST(end_of("left").error.message == "the client has gone");
  BOOST_TEST(end_of("left").answer.finish_reason == "abort");
  BOOST_TEST(end_of("stays").error.message == "");
  BOOST_TEST(ends["left"] == 1);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_ends_a_request_with_both_numbers, Running) {
  GenerateRequest late = endless("late");
  late.deadline = 1ms;
  submit(std::move(late));
  const RequestOutput out = end_of("late");
  BOOST_TEST((out.error.code == ErrorCode::timeout));
  BOOST_TEST(out.error.message.ends_with("expected its end within deadline_ms 1"));
}

BOOST_FIXTURE_TEST_CASE(the_first_failure_ends_what_is_open_and_whatever_comes, Running) {
  submit(endless("open"));
  engine->fail({ErrorCode::io, "the disk"});
  engine->fail({ErrorCode::io, "another"});
  submit(asking("later", 2));
  BOOST_TEST(end_of("open").error.message == "the disk");
  BOOST_TEST(end_of("later").error.message == "the disk");
  BOOST_TEST(engine->status().why == "the disk");
}

BOOST_FIXTURE_TEST_CASE(a_drain_refuses_what_comes_and_counts_what_it_cancels, Running) {
  submit(endless("open"));
  const auto drained = engine->drain(1ms);
  BOOST_TEST((drained.error().code == ErrorCode::timeout));
  BOOST_TEST(drained.error().message.starts_with("1 requests were not over within 1 ms"));
  submit(asking("later", 2));
  BOOST_TEST((end_of("open").error.code == ErrorCode::cancelled));
  BOOST_TEST((end_of("later").error.code == ErrorCode::cancelled));
}

BOOST_FIXTURE_TEST_CASE(what_is_open_at_the_end_is_cancelled, Running) {
  submit(endless("open"));
  engine.reset();
  BOOST_TEST(end_of("open").error.message == "the pipeline was ended");
  BOOST_TEST(ends["open"] == 1);
}

BOOST_AUTO_TEST_SUITE_END()
