// What stands for a rank: it passes on what it is told, names files by the machine, and ends with
// the rank.
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <vector>

#include "actors/node/rank_stand_in.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace std::chrono_literals;

namespace {

struct Seen {
  std::mutex mutex;
  std::vector<std::string> words;
  void add(const std::string& word) {
    const std::lock_guard lock(mutex);
    words.push_back(word);
  }
};

RankTrace trace() {
  RankTrace made{.rank = 3, .file = "/traces/a.gz"};
  made.earlier_files = {"/traces/b.gz"};
  made.stacks.file = "/traces/c.txt";
  return made;
}

RankActor::behavior_type real_rank(RankActor::pointer self, Seen* seen) {
  return {
      [=](const Submit& m) { seen->add("submit " + m.id); },
      [=](const Cancel&) { seen->add("cancel"); },
      [=](const EndRank&) { self->quit(); },
      [=](const ReplicaAnew&) { seen->add("anew"); },
      [=](const SetClock& m) { seen->add("clock " + std::to_string(m.offset_ns)); },
      [](const Ping&) { return Pong{.kv_blocks = 8, .used_kv_blocks = 3}; },
      [](const StartTrace&) { return trace(); },
      [](const StopTrace&) { return trace(); },
      [](const DumpTrace&) -> caf::result<RankTrace> { return caf::sec::bad_function_call; },
      [](const SetFlight&) { return RankTrace{.rank = 3}; },
  };
}

struct Config : caf::actor_system_config {
  Config() {
    add_message_types<caf::id_block::limelight>();
    set("scheduler.max-threads", 2u);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(it_passes_on_names_the_machine_and_ends_with_the_rank) {
  Seen seen, files;
  Config config;
  caf::actor_system system(config);
  caf::scoped_actor self(system);
  const RankActor rank = system.spawn(real_rank, &seen);
  const RankActor one =
      system.spawn(rank_stand_in, rank, "gpu2", [&](const std::string& file) { files.add(file); });
  const auto ask = [&](const auto& message) {
    RankTrace answer;
    self->request(one, 5s, message)
        .receive([&](RankTrace& said) { answer = said; },
                 [&](const caf::error&) { answer.note = "failed"; });
    return answer;
  };
  Submit submit;
  submit.id = "x";
  self->send(one, submit);
  self->send(one, SetClock{7, 1});
  const RankTrace stopped = ask(StopTrace{});
  BOOST_TEST(stopped.host == "gpu2");
  BOOST_TEST(stopped.file.string() == "gpu2:/traces/a.gz");
  BOOST_TEST(stopped.earlier_files.front() == "gpu2:/traces/b.gz");
  BOOST_TEST(stopped.stacks.file == "gpu2:/traces/c.txt");
  BOOST_TEST(stopped.failed_allocations.file == "");
  BOOST_TEST(ask(SetFlight{}).file.empty());
  BOOST_TEST(ask(DumpTrace{}).note == "failed");
  self->request(one, 5s, Ping{})
      .receive([](const Pong& pong) { BOOST_TEST(pong.used_kv_blocks == 3u); },
               [](const caf::error&) { BOOST_ERROR("no answer"); });
  {
    const std::lock_guard lock(seen.mutex);
    BOOST_TEST((seen.words == std::vector<std::string>{"submit x", "clock 7"}));
    const std::lock_guard too(files.mutex);
    BOOST_TEST(
        (files.words == std::vector<std::string>{"/traces/b.gz", "/traces/a.gz", "/traces/c.txt"}));
  }
  self->monitor(one);
  self->send(one, EndRank{});
  bool down = false;
  self->receive([&](const caf::down_msg&) { down = true; }, caf::after(5s) >> [] {});
  BOOST_TEST(down);
}
