#include "actors/formats/output_json.hpp"

#include <nlohmann/json.hpp>

namespace limelight::formats {

using nlohmann::json;

namespace {

json to_json(const TokenLogprob& token) {
  return {{"token", token.token},
          {"token_id", token.token_id},
          {"logprob", token.logprob},
          {"rank", token.rank}};
}
}  // namespace

json stop_reason(const AnswerInfo& answer) {
  if (!answer.stop_string.empty()) return answer.stop_string;
  return answer.stop_token_id >= 0 ? json(answer.stop_token_id) : json();
}

json to_json(const RequestOutput& out) {
  json stages = json::array(), transfers = json::array();
  std::uint64_t bytes = 0;
  double transfer_ms = 0;
  for (const StageStats& s : out.stages)
    stages.push_back(
        {{"stage_id", s.stage_id},
         {"replica", s.replica},
         {"request_id", out.request_id},
         {"batch_size", s.mean_batch_size},
         {"num_tokens_out", s.num_tokens_out},
         {"stage_gen_time_ms", s.stage_gen_time_ms},
         {"tokens_per_s", s.stage_gen_time_ms > 0
                              ? static_cast<double>(s.num_tokens_out) / s.stage_gen_time_ms * 1000
                              : 0},
         {"remarks", s.remarks}});
  for (const TransferStats& t : out.transfers) {
    transfers.push_back({{"from_stage", t.from_stage},
                         {"from_replica", t.from_replica},
                         {"to_stage", t.to_stage},
                         {"to_replica", t.to_replica},
                         {"request_id", out.request_id},
                         {"chunks", t.chunks},
                         {"size_bytes", t.size_bytes},
                         {"tx_time_ms", t.tx_time_ms},
                         {"in_flight_time_ms", t.in_flight_time_ms},
                         {"rx_decode_time_ms", t.rx_decode_time_ms},
                         {"total_time_ms", t.total_time_ms()}});
    bytes += t.size_bytes;
    transfer_ms += t.total_time_ms();
  }
  json result{{"request_id", out.request_id},
              {"index", out.index},
              {"retries", out.retries},
              {"prompt", out.prompt},
              {"text", out.text},
              {"finish_reason", out.answer.finish_reason},
              {"stop_reason", stop_reason(out.answer)},
              {"prompt_tokens", out.answer.prompt_tokens},
              {"output_tokens", out.answer.output_tokens},
              {"seed", out.answer.seed},
              {"audio_samples", out.audio.size()},
              {"sample_rate", out.sample_rate},
              {"e2e_time_ms", out.e2e_time_ms},
              {"transfers_total_bytes", bytes},
              {"transfers_total_time_ms", transfer_ms},
              {"stages", stages},
              {"transfers", transfers}};
  for (const PositionLogprobs& position : out.answer.logprobs) {
    json entry = to_json(position.chosen);
    for (const TokenLogprob& top : position.top) entry["top_logprobs"].push_back(to_json(top));
    result["logprobs"].push_back(std::move(entry));
  }
  if (out.error.code != ErrorCode::none)
    result["error"] = {{"code", to_string(out.error.code)}, {"message", out.error.message}};
  return result;
}

json to_json(const RankTrace& t) {
  json result{{"rank", t.rank},          {"stage_id", t.stage_id}, {"replica", t.replica},
              {"file", t.file.string()}, {"events", t.events},     {"drops", t.drops},
              {"bytes", t.bytes}};
  if (!t.earlier_files.empty()) result["earlier_files"] = t.earlier_files;
  if (!t.truncated.empty()) result["truncated"] = t.truncated;
  if (!t.stacks.file.empty()) result["folded_stacks"] = t.stacks.file;
  if (const AllocationFailures& failed = t.failed_allocations; failed.times > 0)
    result["failed_allocations"] = {
        {"times", failed.times}, {"last", failed.last}, {"file", failed.file}};
  if (t.memory.recorded) {
    json& memory = result["memory"] = {{"peak_bytes", t.memory.peak_bytes},
                                       {"device_bytes", t.memory.device_bytes},
                                       {"peak_resident_bytes", t.memory.peak_resident_bytes},
                                       {"kv_blocks", t.memory.kv_blocks},
                                       {"peak_kv_blocks", t.memory.peak_kv_blocks},
                                       {"pool_chunks", t.memory.pool_chunks},
                                       {"peak_pool_chunks", t.memory.peak_pool_chunks},
                                       {"holders", json::object()}};
    for (const MemoryHolding& holding : t.memory.holders)
      memory["holders"][holding.name] = holding.bytes;
    if (!t.memory.failed.empty()) memory["failed"] = t.memory.failed;
  }
  if (t.error.code != ErrorCode::none)
    result["error"] = {{"code", to_string(t.error.code)}, {"message", t.error.message}};
  return result;
}

}  // namespace limelight::formats
