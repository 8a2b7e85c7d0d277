// What comes out of a pipeline for a request: shared by Omni and AsyncOmni.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight {

struct StageStats {
  int stage_id = 0;
  std::uint64_t num_tokens_out = 0;
  double stage_gen_time_ms = 0;  // in this request's steps
};
template <class Inspector>
auto inspect(Inspector& f, StageStats& x) {
  return f(x.stage_id, x.num_tokens_out, x.stage_gen_time_ms);
}
// The chunks of one request over one edge: sizes and times are sums over its chunks.
struct TransferStats {
  int from_stage = 0, to_stage = 0;
  std::uint64_t chunks = 0, size_bytes = 0;
  double tx_time_ms =
      0;  // from the wish for a loan to its publishing, the stage's writing included
  double in_flight_time_ms = 0;  // from publishing to taking
  double rx_decode_time_ms = 0;  // the consuming stage's reading
  double total_time_ms() const { return tx_time_ms + in_flight_time_ms + rx_decode_time_ms; }
};
template <class Inspector>
auto inspect(Inspector& f, TransferStats& x) {
  return f(x.from_stage, x.to_stage, x.chunks, x.size_bytes, x.tx_time_ms, x.in_flight_time_ms,
           x.rx_decode_time_ms);
}

// One request's output, or a part of it when it comes as a stream: then text and audio are what is
// new, and the rest counts once finished.
struct RequestOutput {
  std::string request_id, prompt;
  bool finished = false;
  Error error{ErrorCode::none, {}};
  std::string text;
  std::vector<float> audio;  // 24 kHz, -1 to 1
  double e2e_time_ms = 0;    // from submission, waiting for its turn included
  std::vector<StageStats> stages;
  std::vector<TransferStats> transfers;
};

}  // namespace limelight
