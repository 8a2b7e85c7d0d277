// A stage that breaks the rules, behind the one that keeps them. tests/test_plugins.cpp has the
// same with real processes.
#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "stages/guarded_stage.hpp"
#include "tests/stages/collected.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;

namespace {

// Does in each call what the test says.
struct Scripted final : Stage {
  std::function<Result<void>(std::span<Turn>)> on_step;
  bool throws_at_end = false;
  int ends = 0;
  Result<void> begin(const Request&) override { return {}; }
  Result<void> consume(
      std::uint64_t, int, const ipc::TensorSpec&, std::span<const std::byte>, bool) override {
    throw 1;
  }
  Result<void> step(std::span<Turn> batch) override { return on_step(batch); }
  void preempt(std::uint64_t request) override {
    if (request == 1) throw std::runtime_error("not now");
  }
  void end(std::uint64_t) override {
    ++ends;
    if (throws_at_end) throw std::runtime_error("no end");
  }
  std::uint64_t tokens_out(std::uint64_t) const override { throw std::runtime_error("uncounted"); }
};

struct Guarded {
  Scripted* script = new Scripted;
  GuardedStage stage{std::unique_ptr<Stage>(script),
                     "scripted",
                     {.outputs = {{"sound", "audio", 16}, {"other", "rows", 8}}},
                     {1}};
  Collected out, out2;

  Guarded() {
    for (const std::uint64_t request : {1, 2}) BOOST_REQUIRE(stage.begin({request, "r", ""}));
  }
  // The error of a turn that emits this to a port.
  std::string emits(int port, const ipc::TensorSpec& tensor, bool last = true) {
    std::string error;
    script->on_step = [&](std::span<Turn> batch) -> Result<void> {
      const auto sent = batch[0].output->emit(port, tensor, last, [](auto) {});
      if (!sent) error = sent.error().message;
      return {};
    };
    Turn turn{.request = 1, .output = &out};
    BOOST_TEST(stage.step({&turn, 1}).ok());
    return error;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(guarded_stage)

BOOST_AUTO_TEST_CASE(only_tensors_that_the_ports_announce_are_sent) {
  Guarded g;
  const auto floats = [](std::uint64_t n) { return ipc::TensorSpec::of(ipc::DType::float32, {n}); };
  BOOST_TEST(g.emits(-1, floats(1)) ==
             "stage 'scripted': emit() found the output -1, expected 0 to 1");
  BOOST_TEST(g.emits(2, floats(1)).find("found the output 2") != std::string::npos);
  BOOST_TEST(g.emits(0, floats(5)).find("expected 16 bytes or less") != std::string::npos);
  BOOST_TEST(g.emits(0, ipc::TensorSpec::of(ipc::DType::int32, {1}))
                 .ends_with("expected float32, for it carries audio"));
  BOOST_TEST(g.out.ports.empty());
  BOOST_TEST(g.emits(0, floats(4), true) == "");
  BOOST_TEST(g.emits(0, floats(4), true)
                 .ends_with("a chunk after the last of the output 'sound', "
                            "expected none"));
  BOOST_TEST(g.out.of(0).size() == 1u);
}

BOOST_AUTO_TEST_CASE(done_without_a_last_chunk_is_an_error_where_somebody_reads) {
  Guarded g;
  g.script->on_step = [](std::span<Turn> batch) -> Result<void> {
    (void)batch[0].output->emit(0, ipc::TensorSpec::of(ipc::DType::float32, {0}), true,
                                [](auto) {});
    for (Turn& turn : batch) turn.state = StepState::done;
    return {};
  };
  Turn turns[] = {{.request = 1, .output = &g.out}, {.request = 2, .output = &g.out2}};
  BOOST_REQUIRE(g.stage.step(turns).ok());
  BOOST_TEST(turns[0].error.message == "");  // nobody reads the output 'other'
  BOOST_TEST(turns[1].error.message.find("the output 'sound' has no last chunk") !=
             std::string::npos);
  BOOST_TEST((turns[0].output == &g.out));
}

BOOST_AUTO_TEST_CASE(what_is_thrown_where_there_is_no_result_is_the_error_of_the_next_step) {
  Guarded g;
  int served = 0;
  g.script->on_step = [&](std::span<Turn> batch) -> Result<void> {
    served += static_cast<int>(batch.size());
    return {};
  };
  for (const std::uint64_t request : {1, 2}) g.stage.preempt(request);
  Turn turns[] = {{.request = 1, .output = &g.out}, {.request = 2, .output = &g.out}};
  BOOST_REQUIRE(g.stage.step(turns).ok());
  BOOST_TEST(turns[0].error.message == "stage 'scripted': preempt() threw an exception: not now");
  BOOST_TEST((turns[1].error.code == ErrorCode::none));
  BOOST_TEST(served == 1);
  BOOST_TEST(g.stage.tokens_out(2) == 0u);
  const auto consumed = g.stage.consume(2, 0, {}, {}, true);
  BOOST_TEST(consumed.error().message ==
             "stage 'scripted': consume() threw something that is no std::exception");
}

BOOST_AUTO_TEST_CASE(a_request_ends_once_whatever_its_end_throws) {
  Guarded g;
  g.script->throws_at_end = true;
  for (int i = 0; i < 2; ++i) g.stage.end(1);
  g.stage.end(77);  // it was never begun
  BOOST_TEST(g.script->ends == 1);
}

BOOST_AUTO_TEST_SUITE_END()
