// Which requests are in a step: by budget, by arrival and by memory; and that nobody's answer
// depends on it.
#include <boost/test/unit_test.hpp>
#include <map>
#include <random>

#include "actors/rank/scheduler.hpp"
#include "stages/stage_factory.hpp"
#include "stages/thinker.hpp"
#include "tests/stages/collected.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;
using stages::StageConfig;

namespace {

// Memory of `room` tokens, and requests that want what the test says.
struct Counted final : stages::Stage {
  std::map<std::uint64_t, stages::Demand> wants;
  std::map<std::uint64_t, int> has;
  int room = 1000;

  Result<void> begin(const stages::Request&) override { return {}; }
  Result<void> consume(
      std::uint64_t, int, const ipc::TensorSpec&, std::span<const std::byte>, bool) override {
    return {};
  }
  stages::Demand demand(std::uint64_t request) const override { return wants.at(request); }
  bool reserve(std::uint64_t request, int tokens) override {
    if (tokens > room) return false;
    room -= tokens;
    has[request] += tokens;
    return true;
  }
  void preempt(std::uint64_t request) override { room += std::exchange(has[request], 0); }
  Result<void> step(std::span<stages::Turn>) override { return {}; }
  void end(std::uint64_t) override {}
  std::uint64_t tokens_out(std::uint64_t) const override { return 0; }
};

struct Planned {
  Counted stage;
  Scheduler scheduler{{.requests = 4, .tokens = 100}};

  void add(std::uint64_t request, int tokens, bool divisible) {
    stage.wants[request] = {tokens, divisible};
    scheduler.add(request);
  }
  std::vector<std::pair<std::uint64_t, std::uint32_t>> turns(std::vector<Action>* all = nullptr) {
    std::vector<Action> actions;
    scheduler.plan(stage, actions);
    std::vector<std::pair<std::uint64_t, std::uint32_t>> turns;
    for (const Action& action : actions)
      if (action.kind == Action::Kind::turn) turns.emplace_back(action.request, action.tokens);
    if (all != nullptr) *all = actions;
    return turns;
  }
};

using Turns = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(scheduler, Planned)

BOOST_AUTO_TEST_CASE(a_long_prompt_gets_what_the_others_decoding_leaves) {
  add(1, 1000, true);
  add(2, 1, false);
  add(3, 1, false);
  BOOST_TEST((turns() == Turns{{2, 1}, {3, 1}, {1, 98}}));
}

BOOST_AUTO_TEST_CASE(a_step_has_no_more_requests_than_its_limit_and_the_oldest_come_first) {
  for (std::uint64_t request = 1; request <= 6; ++request) add(request, 1, false);
  BOOST_TEST((turns() == Turns{{1, 1}, {2, 1}, {3, 1}, {4, 1}}));
  scheduler.remove(2);
  BOOST_TEST((turns() == Turns{{1, 1}, {3, 1}, {4, 1}, {5, 1}}));
}

BOOST_AUTO_TEST_CASE(who_waits_for_input_is_left_out_until_it_comes) {
  add(1, 1, false);
  add(2, 0, false);
  scheduler.starve(1);
  BOOST_TEST(turns().empty());
  scheduler.feed(1);
  BOOST_TEST((turns() == Turns{{1, 1}}));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_divided_and_exceeds_the_budget_gets_a_step_of_its_own) {
  add(1, 30, false);
  add(2, 150, false);
  BOOST_TEST((turns() == Turns{{1, 30}}));
  scheduler.starve(1);
  BOOST_TEST((turns() == Turns{{2, 150}}));
}

BOOST_AUTO_TEST_CASE(without_memory_the_newest_gives_way_and_the_oldest_goes_on) {
  stage.room = 3;
  for (std::uint64_t request = 1; request <= 3; ++request) add(request, 1, false);
  BOOST_TEST(turns().size() == 3u);
  std::vector<Action> all;
  BOOST_TEST((turns(&all) == Turns{{1, 1}}));  // by the memory of 3; 2 waits for 1
  const Action wanted{Action::Kind::preempt, 0, 3};
  BOOST_TEST((std::find(all.begin(), all.end(), wanted) != all.end()));
  // In the order in which the stage was asked: the other ranks ask it the same.
  BOOST_TEST((all.front() == Action{Action::Kind::reserve, 1, 1}));
}

BOOST_AUTO_TEST_CASE(a_prompt_goes_on_where_taking_memory_from_others_helped_nobody) {
  stage.room = 10;
  add(1, 8, true);
  BOOST_TEST((turns() == Turns{{1, 8}}));
  add(2, 1, false);
  add(3, 1, false);
  stage.wants[1] = {1, true};
  BOOST_TEST((turns() == Turns{{2, 1}, {3, 1}}));  // no memory is left
  stage.wants[2] = {3, false};
  stage.wants[3] = {2, false};
  BOOST_TEST((turns() == Turns{{1, 1}}));  // by the memory of 3, which is too little for 2
}

BOOST_AUTO_TEST_CASE(a_prompt_takes_no_memory_from_those_that_decode) {
  stage.room = 2;
  add(1, 50, true);
  add(2, 1, false);
  std::vector<Action> all;
  BOOST_TEST((turns(&all) == Turns{{2, 1}}));
  for (const Action& action : all) BOOST_TEST((action.kind != Action::Kind::preempt));
}

BOOST_AUTO_TEST_SUITE_END()

// Whatever is in the batch, and however often a request loses its memory, the answer is the same.
BOOST_AUTO_TEST_CASE(no_answer_depends_on_its_neighbours_or_on_the_memory) {
  struct Serving {
    StageConfig config;
    std::unique_ptr<stages::Device> device = stages::make_cpu_device();
    std::unique_ptr<stages::Stage> stage;
    Serving() = default;
    explicit Serving(StageConfig c) : config(std::move(c)) {
      stage = std::move(*stages::make_stage(config, *device, nullptr));
    }
  };
  StageConfig config;
  config.model_stage = "thinker";
  config.shape.max_model_len = 96;
  config.max_batch_size = 32;
  config.max_num_batched_tokens = 40;
  config.cache.block_size = 4;
  const auto request = [](std::uint64_t number) {
    const std::string beginning(number % 3 == 0 ? 30 : 0, 'b');
    stages::Request r{number, "r", beginning + std::string(number % 17 + 1, 'x') + "y", {}};
    r.sampling.max_tokens = static_cast<int>(5 + number % 20);
    r.sampling.temperature = number % 4 == 0 ? 0.8f : 0.0f;
    r.sampling.seed = number;
    return r;
  };
  const auto states = [](const Collected& out) {
    std::vector<std::byte> all;
    for (const auto& chunk : out.of(stages::Thinker::hidden_port))
      all.insert(all.end(), chunk.data.begin(), chunk.data.end());
    return all;
  };
  constexpr std::uint64_t count = 32;
  std::vector<Collected> alone(count + 1);
  {
    Serving one(config);
    for (std::uint64_t n = 1; n <= count; ++n) {
      BOOST_REQUIRE(one.stage->begin(request(n)).ok());
      while (*step_one(*one.stage, n, alone[n]) == stages::StepState::more) {}
      one.stage->end(n);
    }
  }
  for (const int blocks : {10'000, 60, 24}) {  // 24: one sequence of max_model_len
    config.cache.blocks = blocks;
    Serving many(config);
    Scheduler scheduler(
        {.requests = config.max_batch_size, .tokens = config.max_num_batched_tokens});
    std::vector<Collected> together(count + 1);
    std::mt19937 random(static_cast<unsigned>(blocks));
    std::uint64_t begun = 0, ended = 0;
    int preempted = 0, most = 0;
    while (ended < count) {
      for (std::uint64_t more = random() % 9; more > 0 && begun < count; --more) {
        BOOST_REQUIRE(many.stage->begin(request(++begun)).ok());
        scheduler.add(begun);
      }
      std::vector<Action> actions;
      scheduler.plan(*many.stage, actions);
      std::vector<stages::Turn> batch;
      for (const Action& action : actions) {
        preempted += action.kind == Action::Kind::preempt ? 1 : 0;
        if (action.kind == Action::Kind::turn)
          batch.push_back({.request = action.request,
                           .tokens = static_cast<int>(action.tokens),
                           .output = &together[action.request]});
      }
      BOOST_REQUIRE((!batch.empty() || begun < count));
      most = std::max(most, static_cast<int>(batch.size()));
      if (!batch.empty()) BOOST_REQUIRE(many.stage->step(batch).ok());
      for (const stages::Turn& turn : batch) {
        BOOST_REQUIRE((turn.error.code == ErrorCode::none));
        if (turn.state != stages::StepState::done) continue;
        scheduler.remove(turn.request);
        many.stage->end(turn.request);
        ++ended;
      }
    }
    BOOST_TEST_MESSAGE(blocks << " blocks: " << preempted << " preempted, at most " << most
                              << " requests in a step");
    BOOST_TEST((preempted > 0) == (blocks < 1000));
    for (std::uint64_t n = 1; n <= count; ++n) {
      BOOST_TEST(together[n].text() == alone[n].text(), "request " << n);
      BOOST_TEST((states(together[n]) == states(alone[n])), "hidden states of request " << n);
      BOOST_TEST(together[n].of(stages::Thinker::hidden_port).back().last);
    }
  }
}
