// What a stage emits, and where it arrives.
#include "actors/rank/chunk_output.hpp"
#include "tests/actors/rank/two_talkers.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {

const auto tensor = ipc::TensorSpec::of(ipc::DType::float32, {4});
void nothing(std::span<std::byte>) {}

// Of the thinker.
struct Sending {
  explicit Sending(Ends& ends)
      : sender{.stage_id = 0,
               .outlets = &ends.thinker.outlets,
               .unwanted = [this](auto) { return unwanted; },
               .held_back = [this](auto, auto) { ++told, unwanted = told > 1; }} {}
  ChunkSender sender;
  bool unwanted = false;
  int told = 0;  // how often it was said that a window is full
  std::map<int, std::uint32_t> sequence;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(chunk_output)

BOOST_AUTO_TEST_CASE(a_chunk_arrives_where_the_route_leads_and_nowhere_else) {
  BOOST_TEST(with_ends([](const stages::PipelineConfig& config, Ends& ends) {
               Sending sending(ends);
               const Route route{{0, 1, 0}, false};
               ChunkOutput output(sending.sender, 9, route, sending.sequence);
               const int hidden = config.edges.front().output;
               if (!output.emit(hidden, tensor, false, nothing)) return 1;
               if (!output.emit(hidden, tensor, true, nothing)) return 2;
               if (!output.emit(config.stages[0].user_output, tensor, true, nothing)) return 3;
               for (const std::uint32_t sequence : {0u, 1u}) {
                 auto chunk = ends.second.input->take(5s);
                 if (!chunk || !*chunk) return 4;
                 const auto& header = (*chunk)->header();
                 if (header.request != 9 || header.sequence != sequence) return 5;
                 if (header.last != sequence) return 6;
               }
               const auto other = ends.first.input->take(20ms), user = ends.user.take(20ms);
               return other && !*other && user && !*user ? 0 : 7;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(a_rank_that_does_not_send_takes_no_memory) {
  BOOST_TEST(with_ends([](const stages::PipelineConfig& config, Ends& ends) {
               Sending sending(ends);
               sending.sender.sends = false;
               const Route route{{0, 0, 0}, true};
               ChunkOutput output(sending.sender, 9, route, sending.sequence);
               const auto never = [](auto) { _exit(1); };
               if (!output.emit(config.edges.front().output, tensor, true, never)) return 2;
               const auto chunk = ends.first.input->take(20ms);
               return chunk && !*chunk ? 0 : 3;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(a_full_window_holds_it_back_until_nobody_wants_it_or_the_consumer_is_another) {
  BOOST_TEST(with_ends([](const stages::PipelineConfig& config, Ends& ends) {
               Sending sending(ends);
               const Route route{{0, 0, 0}, false};
               ChunkOutput output(sending.sender, 9, route, sending.sequence);
               const stages::Edge& edge = config.edges.front();
               for (int i = 0; i < edge.window_size; ++i)
                 if (!output.emit(edge.output, tensor, false, nothing)) return 1;
               if (sending.told != 0) return 2;
               const auto given_up = output.emit(edge.output, tensor, false, nothing);
               if (given_up || given_up.error().code != ErrorCode::cancelled) return 3;
               if (sending.told != 2) return 4;
               ends.thinker.consumer_replaced(1, 1);  // the other one
               if (output.emit(edge.output, tensor, false, nothing)) return 5;
               ends.thinker.consumer_replaced(1, 0);
               return output.emit(edge.output, tensor, false, nothing) ? 0 : 6;
             }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
