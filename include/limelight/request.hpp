// The output of a pipeline for one request. Omni and AsyncOmni share it.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight {

struct StageStats {
  int stage_id = 0;
  std::uint64_t num_tokens_out = 0;
  double stage_gen_time_ms = 0;  // time in the steps of this request
};
template <class Inspector>
auto inspect(Inspector& f, StageStats& x) {
  return f(x.stage_id, x.num_tokens_out, x.stage_gen_time_ms);
}
// The chunks of one request on one edge. Sizes and times are sums over these chunks.
//
//   sender   loan -- write -- publish                tx_time
//   channel                   |------ take           in_flight_time
//   receiver                          |-- consumed   rx_decode_time
struct TransferStats {
  int from_stage = 0, to_stage = 0;
  std::uint64_t chunks = 0, size_bytes = 0;
  double tx_time_ms = 0;         // waiting for the loan, and the stage's writing
  double in_flight_time_ms = 0;  // from publish to take
  double rx_decode_time_ms = 0;  // Stage::consume() of the receiving stage
  double total_time_ms() const { return tx_time_ms + in_flight_time_ms + rx_decode_time_ms; }
};
template <class Inspector>
auto inspect(Inspector& f, TransferStats& x) {
  return f(x.from_stage, x.to_stage, x.chunks, x.size_bytes, x.tx_time_ms, x.in_flight_time_ms,
           x.rx_decode_time_ms);
}

// The output of one request. In a stream it is a part of the output: `text` and `audio` hold only
// what is new, and all other members are valid once `finished` is set.
struct RequestOutput {
  std::string request_id, prompt;
  bool finished = false;
  Error error{ErrorCode::none, {}};
  std::string text;
  std::vector<float> audio;  // 24 kHz, -1 to 1
  double e2e_time_ms = 0;    // from the submission, the time in the queue included
  std::vector<StageStats> stages;
  std::vector<TransferStats> transfers;
};

}  // namespace limelight
