// What outputs say, as spans.
#include <boost/test/unit_test.hpp>

#include "actors/telemetry/request_spans.hpp"

using namespace limelight;
using namespace limelight::telemetry;

namespace {

constexpr const char* given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

RequestOutput output(int index, std::int64_t from_ns) {
  RequestOutput out;
  out.index = index;
  out.answer.prompt_tokens = 5;
  out.answer.output_tokens = 3;
  out.answer.finish_reason = "stop";
  out.stages = {{.stage_id = 0, .num_tokens_out = 3}, {.stage_id = 1}};
  out.stages[0].begin_ns = from_ns;
  out.stages[0].end_ns = from_ns + 10;
  out.stages[1].begin_ns = out.stages[1].end_ns = from_ns + 2;
  out.transfers = {{.from_stage = 0, .to_stage = 1, .chunks = 2, .size_bytes = 64}};
  out.transfers[0].begin_ns = from_ns + 4;
  out.transfers[0].end_ns = from_ns + 8;
  return out;
}
const AttributeValue* find(const Span& span, const std::string& name) {
  for (const auto& [key, value] : span.attributes)
    if (key == name) return &value;
  return nullptr;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_spans)

BOOST_AUTO_TEST_CASE(a_request_has_its_stages_and_hops_below_it) {
  const RequestTrace trace = begin_trace(given, "a=b");
  BOOST_TEST(trace.begin_ns > 1'700'000'000'000'000'000);
  const auto spans = spans_of(trace, {.request_id = "r", .model = "m"}, {{0, "thinker"}},
                              {output(0, trace.begin_ns + 500)}, trace.begin_ns + 1000);
  BOOST_REQUIRE(spans.size() == 4u);
  const Span& request = spans[0];
  BOOST_TEST(request.name == "llm_request");
  BOOST_TEST(to_hex(request.trace) == "4bf92f3577b34da6a3ce929d0e0e4736");
  BOOST_TEST(to_hex(request.parent) == "00f067aa0ba902b7");
  BOOST_TEST(request.remote_parent);
  BOOST_TEST((request.id == trace.own.span));
  BOOST_TEST(request.end_ns - request.begin_ns == 1000);
  BOOST_TEST(std::get<std::int64_t>(*find(request, "gen_ai.usage.output_tokens")) == 3);
  BOOST_TEST(std::get<std::string>(*find(request, "gen_ai.request.id")) == "r");
  BOOST_TEST(std::get<double>(*find(request, "gen_ai.latency.time_in_queue")) == 5e-7);
  for (std::size_t i = 1; i < spans.size(); ++i) {
    BOOST_TEST((spans[i].trace == request.trace));
    BOOST_TEST((spans[i].parent == request.id));
    BOOST_TEST((spans[i].id != request.id));
    BOOST_TEST(!spans[i].remote_parent);
    BOOST_TEST(spans[i].trace_state == "a=b");
    BOOST_TEST(find(spans[i], "limelight.answer") == nullptr);
  }
  BOOST_TEST(spans[1].name == "thinker");
  BOOST_TEST(spans[2].name == "stage 1");
  BOOST_TEST(spans[3].name == "thinker -> stage 1");
  BOOST_TEST(spans[3].end_ns - spans[3].begin_ns == 4);
  BOOST_TEST(std::get<std::int64_t>(*find(spans[3], "limelight.hop.size_bytes")) == 64);
}

BOOST_AUTO_TEST_CASE(several_answers_are_told_apart_and_a_failure_is_told) {
  const RequestTrace trace = begin_trace("");
  BOOST_TEST((trace.parent == SpanId{}));
  std::vector<RequestOutput> outputs{output(0, trace.begin_ns), output(1, trace.begin_ns)};
  outputs[1].error = {ErrorCode::rank_failed, "rank 1 failed"};
  const auto spans = spans_of(trace, {}, {}, outputs, trace.begin_ns);
  BOOST_REQUIRE(spans.size() == 7u);
  BOOST_TEST(spans[0].error == "rank 1 failed");
  BOOST_TEST(!spans[0].remote_parent);
  BOOST_TEST(std::get<std::int64_t>(*find(spans[0], "gen_ai.usage.input_tokens")) == 5);
  BOOST_TEST(std::get<std::int64_t>(*find(spans[0], "gen_ai.usage.output_tokens")) == 6);
  BOOST_TEST(std::get<std::int64_t>(*find(spans[6], "limelight.answer")) == 1);
}

BOOST_AUTO_TEST_CASE(who_does_not_want_a_trace_gets_none) {
  const RequestTrace trace = begin_trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  BOOST_TEST(spans_of(trace, {}, {}, {output(0, 1)}, 2).empty());
  BOOST_TEST(to_traceparent(trace.own).ends_with("-00"));
}

BOOST_AUTO_TEST_SUITE_END()
