// Ranks that are killed while the pipeline works, with real processes: what fails, what is begun
// anew, and that everything else goes on.
#include <signal.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <limelight/omni.hpp>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "tests/run_command.hpp"
#include "tests/support.hpp"

using limelight::ErrorCode;
using limelight::Health;
using limelight::Omni;
using limelight::ReplicaPhase;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {

// The health of a pipeline, as it is told.
class Told {
 public:
  void add(const limelight::PipelineStatus& status) {
    const std::lock_guard lock(mutex_);
    all_.push_back(status);
    changed_.notify_all();
  }
  auto callback() {
    return [this](const limelight::PipelineStatus& status) { add(status); };
  }
  template <class Is>
  limelight::PipelineStatus wait(Is is) {
    std::unique_lock lock(mutex_);
    const bool came =
        changed_.wait_for(lock, 60s, [&] { return !all_.empty() && is(all_.back()); });
    BOOST_REQUIRE_MESSAGE(came, "the health of the pipeline did not change as expected");
    return all_.back();
  }
  limelight::PipelineStatus wait_until(Health health) {
    return wait([=](const auto& status) { return status.health == health; });
  }
  // Until some replica was started again so often, and all serve.
  void wait_for_restart(int restarts) {
    wait([=](const auto& status) {
      int sum = 0;
      for (const auto& one : status.replicas) sum += one.restarts;
      return status.health == Health::running && sum >= restarts;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<limelight::PipelineStatus> all_;
};

std::string with_supervision(const Folder& folder, const std::string& keys) {
  return changed_config(folder, "  enabled: true",
                        "  enabled: true\n  supervision: {" + keys + "}");
}

std::unique_ptr<Omni> start(const std::string& config, Told& told, const fs::path& traces = {}) {
  auto omni = Omni::from_engine_args({.config = config,
                                      .profile_dir = traces,
                                      .rank_timeout = 1500ms,
                                      .flight_recorder = 0ms,
                                      .on_status = told.callback()});
  if (!omni) BOOST_FAIL(omni.error().message);
  return std::move(*omni);
}

// Three requests that the first stage works on.
struct ThreeOpen {
  explicit ThreeOpen(Omni& omni)
      : asks([&] { outputs = omni.generate(std::vector<std::string>(3, "drain")); }) {
    while (omni.status().replicas.front().requests < 3) std::this_thread::sleep_for(1ms);
  }
  std::vector<limelight::RequestOutput> outputs;  // once `asks` has ended
  std::thread asks;
};

void same(const limelight::RequestOutput& output, const limelight::RequestOutput& expected) {
  BOOST_TEST(output.error.message == "");
  BOOST_TEST(output.text == expected.text);
  BOOST_TEST((output.audio == expected.audio));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_killed_rank_fails_what_it_worked_on_and_then_serves_again) {
  Told told;
  const auto omni = start(configs / "omni_tiny.yaml", told);
  const auto calm = omni->generate({"a calm run"}).front();
  int restarts = 0;
  for (int rank = 0; rank < 3; ++rank) {
    const int pid = omni->rank_pid(rank);
    bool killed = false;
    const auto outputs = omni->generate({"a calm run"}, {}, [&](const auto& progress) {
      if (killed || progress.text_bytes == 0) return;
      killed = kill(pid, SIGKILL) == 0;
    });
    BOOST_REQUIRE(killed);
    const auto& error = outputs.front().error;
    BOOST_TEST((error.code == ErrorCode::rank_failed));
    for (const std::string& part :
         {"rank " + std::to_string(rank), "pid " + std::to_string(pid), std::string("signal 9")})
      BOOST_TEST(error.message.find(part) != std::string::npos, error.message);
    // The next one waits until the rank is there again.
    same(omni->generate({"a calm run"}).front(), calm);
    told.wait_for_restart(++restarts);
    BOOST_TEST(omni->rank_pid(rank) != pid);
  }
  const auto status = omni->status();
  BOOST_TEST((status.health == Health::running));
  for (const auto& one : status.replicas) {
    BOOST_TEST(one.restarts == 1);
    BOOST_TEST(one.last_failure.find("signal 9") != std::string::npos);
    BOOST_TEST(one.requests == 0u);
  }
}

BOOST_AUTO_TEST_CASE(limits_of_supervision_that_make_no_sense_are_refused) {
  for (const limelight::stages::Supervision& wrong :
       {limelight::stages::Supervision{.max_failures = 0},
        {.failure_window = 0ms},
        {.restart_backoff = -1ms},
        {.max_retries = -1}}) {
    const auto omni =
        Omni::from_engine_args({.config = configs / "omni_tiny.yaml", .supervision = wrong});
    BOOST_REQUIRE(!omni.ok());
    BOOST_TEST((omni.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(omni.error().message.starts_with("supervision: found max_failures "));
  }
}

BOOST_AUTO_TEST_CASE(a_rank_that_stands_still_for_too_long_is_replaced) {
  Told told;
  const auto omni = start(configs / "omni_tiny.yaml", told);
  const auto calm = omni->generate({"patience"}).front();
  const int pid = omni->rank_pid(1);
  kill(pid, SIGSTOP);
  const auto output = omni->generate({"patience"}).front();
  BOOST_TEST((output.error.code == ErrorCode::rank_failed));
  BOOST_TEST(output.error.message.find("did not answer for") != std::string::npos);
  same(omni->generate({"patience"}).front(), calm);
  told.wait_for_restart(1);
  BOOST_TEST(kill(pid, 0) != 0);  // it is gone
}

BOOST_AUTO_TEST_CASE(a_request_of_which_nothing_was_delivered_is_begun_anew) {
  const Folder folder;
  Told told;
  // The sound alone is wanted, which comes late.
  const auto omni = start(with_supervision(folder, "max_retries: 2"), told);
  const auto one = [&] {
    limelight::RequestOutput output;
    bool asked = false;
    omni->generate_each(
        [&]() -> std::optional<limelight::GenerateRequest> {
          if (std::exchange(asked, true)) return std::nullopt;
          return limelight::GenerateRequest{.prompt = "again", .modalities = {"audio"}};
        },
        [&](limelight::RequestOutput done) { output = std::move(done); });
    return output;
  };
  const auto calm = one();
  BOOST_TEST(calm.text == "");
  BOOST_TEST(!calm.audio.empty());
  for (int rank = 0; rank < 2; ++rank) {
    std::thread killer([&, pid = omni->rank_pid(rank)] {
      while (omni->status().replicas[static_cast<std::size_t>(rank)].requests == 0)
        std::this_thread::sleep_for(1ms);
      kill(pid, SIGKILL);
    });
    const auto output = one();
    killer.join();
    same(output, calm);
    BOOST_TEST(output.retries == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_stage_that_fails_too_often_is_given_up_and_what_does_not_need_it_goes_on) {
  const Folder folder;
  Told told;
  const auto omni = start(with_supervision(folder, "max_failures: 2, restart_backoff_ms: 1"), told);
  for (int i = 0; i < 2; ++i) {
    told.wait_until(Health::running);
    kill(omni->rank_pid(2), SIGKILL);
    const auto status = told.wait([=](const auto& now) {
      return now.replicas[2].phase == (i == 0 ? ReplicaPhase::restarting : ReplicaPhase::given_up);
    });
    BOOST_TEST((status.health == Health::degraded));
  }
  const auto refused = omni->generate({"sound"}).front();
  BOOST_TEST((refused.error.code == ErrorCode::rank_failed));
  BOOST_TEST(
      refused.error.message.find(
          "stage 2 (code2wav) was given up after 2 failures within 60000 ms; the last one:") !=
          std::string::npos,
      refused.error.message);
  bool asked = false;
  omni->generate_each(
      [&]() -> std::optional<limelight::GenerateRequest> {
        if (std::exchange(asked, true)) return std::nullopt;
        return limelight::GenerateRequest{.prompt = "text", .modalities = {"text"}};
      },
      [&](const limelight::RequestOutput& done) {
        BOOST_TEST(done.error.message == "");
        BOOST_TEST(done.text.size() > 0u);
        BOOST_TEST(done.stages.size() == 1u);
      });
  // Without the first stage there is nothing to be had.
  for (int i = 0; i < 2; ++i) {
    told.wait([](const auto& now) { return now.replicas[0].phase == ReplicaPhase::serving; });
    kill(omni->rank_pid(0), SIGKILL);
    told.wait([](const auto& now) { return now.replicas[0].phase != ReplicaPhase::serving; });
  }
  const auto failed = told.wait_until(Health::failed);
  BOOST_TEST(failed.why.find("was given up") != std::string::npos, failed.why);
}

BOOST_AUTO_TEST_CASE(a_profile_goes_on_in_the_rank_that_took_another_s_place) {
  const Folder folder;
  Told told;
  const auto omni = start(configs / "omni_tiny.yaml", told, folder.path);
  BOOST_REQUIRE(omni->start_profile());
  kill(omni->rank_pid(1), SIGKILL);
  told.wait_for_restart(1);
  BOOST_TEST(omni->generate({"profiled"}).front().error.message == "");
  const auto traces = omni->stop_profile();
  if (!traces) BOOST_FAIL(traces.error().message);
  BOOST_REQUIRE(traces->size() == 3u);
  BOOST_TEST((*traces)[1].note.find("took its place") != std::string::npos, (*traces)[1].note);
  std::string files;
  for (const auto& trace : *traces) {
    BOOST_TEST(trace.events > 0u);
    files += " " + trace.file.string();
  }
  const Ran valid = limelight_command("trace validate" + files);
  BOOST_TEST(valid.code == 0, valid.output);
}

// The stop waits for a rank that stands still no longer than it takes to give the rank up.
BOOST_AUTO_TEST_CASE(a_stop_names_the_files_of_those_that_answer_within_the_timeout_of_a_rank) {
  for (const bool cancelled : {false, true}) {
    const Folder folder;
    Told told;
    const auto omni = start(configs / "omni_tiny.yaml", told, folder.path);
    BOOST_REQUIRE(omni->start_profile());
    BOOST_TEST(omni->generate({"profiled"}).front().error.message == "");
    kill(omni->rank_pid(1), SIGSTOP);
    if (cancelled) omni->cancel("Ctrl-C");
    const auto begin = std::chrono::steady_clock::now();
    const auto traces = omni->stop_profile();
    BOOST_TEST((std::chrono::steady_clock::now() - begin < 20s));
    if (!traces) BOOST_FAIL(traces.error().message);
    BOOST_REQUIRE(traces->size() == 3u);
    for (const std::size_t rank : {0, 2}) {
      BOOST_TEST((*traces)[rank].error.message == "");
      BOOST_TEST(fs::exists((*traces)[rank].file));
    }
    BOOST_TEST(((*traces)[1].error.code == ErrorCode::rank_failed));
  }
}

BOOST_AUTO_TEST_CASE(the_ranks_of_a_group_die_together_and_others_go_on) {
  const Folder folder;
  Told told;
  const auto omni = start(changed_config(folder, "model_stage: thinker",
                                         "model_stage: thinker\n      tensor_parallel_size: 2"),
                          told);
  const auto calm = omni->generate({"two halves"}).front();
  for (const int rank : {0, 1}) {
    const int other = omni->rank_pid(1 - rank), third = omni->rank_pid(2);
    kill(omni->rank_pid(rank), SIGKILL);
    told.wait_for_restart(rank + 1);
    same(omni->generate({"two halves"}).front(), calm);
    BOOST_TEST(omni->rank_pid(1 - rank) != other);
    BOOST_TEST(omni->rank_pid(2) == third);
  }
}

BOOST_AUTO_TEST_CASE(replicas_share_the_work_and_one_goes_on_without_the_other) {
  const Folder folder;
  Told told;
  const auto omni = start(
      changed_config(folder, "  - stage_id: 1\n", "  - stage_id: 1\n    num_replicas: 2\n"), told);
  BOOST_TEST(omni->status().replicas.size() == 4u);
  const std::vector<std::string> prompts(8, "the same");
  const auto outputs = omni->generate(prompts);
  std::set<int> served;
  for (const auto& output : outputs) {
    same(output, outputs.front());
    for (const auto& stage : output.stages)
      if (stage.stage_id == 1) served.insert(stage.replica);
  }
  BOOST_TEST((served == std::set<int>{0, 1}));
  bool killed = false;
  const int pid = omni->rank_pid(1);
  std::size_t failures = 0;
  for (const auto& output : omni->generate(prompts, {}, [&](const auto& progress) {
         if (killed || progress.text_bytes == 0) return;
         killed = kill(pid, SIGKILL) == 0;
       })) {
    if (output.error.code == ErrorCode::none) same(output, outputs.front());
    else ++failures;
  }
  BOOST_TEST(failures > 0u);
  BOOST_TEST(failures < 8u);
  told.wait_for_restart(1);
}

BOOST_AUTO_TEST_CASE(a_drained_pipeline_finishes_what_is_open_and_takes_nothing_more) {
  Told told;
  const auto omni = start(configs / "omni_tiny.yaml", told);
  ThreeOpen three(*omni);
  BOOST_TEST(omni->drain(60s).ok());
  three.asks.join();
  for (const auto& output : three.outputs) BOOST_TEST(output.error.message == "");
  BOOST_TEST((omni->generate({"late"}).front().error.code == ErrorCode::cancelled));
  BOOST_TEST(omni->drain(0ms).ok());  // again
}

BOOST_AUTO_TEST_CASE(what_a_drain_does_not_wait_for_is_cancelled) {
  Told told;
  const auto omni = start(configs / "omni_tiny.yaml", told);
  ThreeOpen three(*omni);
  const auto drained = omni->drain(1ms);
  three.asks.join();
  BOOST_REQUIRE(!drained.ok());
  BOOST_TEST(drained.error().message == "3 requests were not over within 1 ms, and were cancelled");
  for (const auto& output : three.outputs) BOOST_TEST((output.error.code == ErrorCode::cancelled));
}

// Every request ends, those that fail say why, and those that do not have the output of a calm run.
BOOST_AUTO_TEST_CASE(under_random_kills_every_request_is_accounted_for) {
  const Folder folder;
  Told told;
  const auto omni = start(
      with_supervision(folder, "max_failures: 1000, restart_backoff_ms: 1, max_retries: 1"), told);
  std::vector<std::string> prompts;
  for (int i = 0; i < 6; ++i) prompts.push_back("prompt number " + std::to_string(i));
  const auto calm = omni->generate(prompts);
  std::atomic<bool> over = false;
  std::atomic<int> kills = 0;
  std::thread killer([&] {
    std::mt19937 random(7);
    while (kills < 12) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 2000));
      kills += kill(omni->rank_pid(static_cast<int>(random() % 3)), SIGKILL) == 0;
    }
    over = true;
  });
  std::size_t good = 0, bad = 0;
  while (!over) {
    const auto outputs = omni->generate(prompts);
    BOOST_REQUIRE(outputs.size() == prompts.size());
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].error.code == ErrorCode::none) {
        ++good;
        same(outputs[i], calm[i]);
      } else {
        ++bad;
        BOOST_TEST((outputs[i].error.code == ErrorCode::rank_failed));
      }
  }
  killer.join();
  BOOST_TEST_MESSAGE(kills << " kills: " << good << " requests done, " << bad << " failed");
  const auto after = omni->generate(prompts);
  for (std::size_t i = 0; i < after.size(); ++i) same(after[i], calm[i]);
}
