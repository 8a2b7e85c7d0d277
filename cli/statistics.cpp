#include "cli/statistics.hpp"

#include <cstdio>

namespace limelight::cli {

namespace {
template <class... A>
std::string line(const char* format, A... args) {
  char text[256];
  std::snprintf(text, sizeof text, format, args...);
  return std::string(text) + "\n";
}
std::string source(int stage) {
  return stage == TransferStats::from_request ? "request" : std::to_string(stage);
}
}  // namespace

std::string statistics_table(const std::vector<RequestOutput>& outputs, double wall_ms) {
  Statistics statistics;
  for (const RequestOutput& output : outputs) statistics.add(output);
  return statistics.table(wall_ms);
}

void Statistics::add(const RequestOutput& out) {
  ++requests_;
  if (out.error.code == ErrorCode::none) {
    ++done_;
    e2e_ms_ += out.e2e_time_ms;
  }
  for (const StageStats& s : out.stages) {
    StageSum& sum = stages_[{s.stage_id, s.replica}];
    ++sum.requests;
    sum.tokens += s.num_tokens_out;
    sum.ms += s.stage_gen_time_ms;
  }
  for (const TransferStats& t : out.transfers) {
    TransferStats& sum = edges_[{t.from_stage, t.to_stage}];
    sum.chunks += t.chunks;
    sum.size_bytes += t.size_bytes;
    sum.tx_time_ms += t.tx_time_ms;
    sum.in_flight_time_ms += t.in_flight_time_ms;
    sum.rx_decode_time_ms += t.rx_decode_time_ms;
  }
}

std::string Statistics::table(double wall_ms) const {
  // Replicas are told apart where a stage has more than one.
  const auto name = [&](const std::pair<int, int>& replica) {
    const auto next = stages_.upper_bound(replica);
    const bool several =
        replica.second > 0 || (next != stages_.end() && next->first.first == replica.first);
    return std::to_string(replica.first) + (several ? "/" + std::to_string(replica.second) : "");
  };
  std::string text = line("%-8s %9s %15s %18s %13s", "stage", "requests", "num_tokens_out",
                          "stage_gen_time_ms", "tokens_per_s");
  for (const auto& [replica, s] : stages_)
    text += line("%-8s %9lu %15lu %18.1f %13.1f", name(replica).c_str(), s.requests, s.tokens, s.ms,
                 s.ms > 0 ? static_cast<double>(s.tokens) / s.ms * 1000 : 0.0);
  text += "\n" + line("%-12s %9s %15s %12s %18s %18s", "edge", "chunks", "size_bytes", "tx_time_ms",
                      "in_flight_time_ms", "rx_decode_time_ms");
  for (const auto& [ends, t] : edges_)
    text += line("%-12s %9lu %15lu %12.3f %18.3f %18.3f",
                 (source(ends.first) + " -> " + std::to_string(ends.second)).c_str(), t.chunks,
                 t.size_bytes, t.tx_time_ms, t.in_flight_time_ms, t.rx_decode_time_ms);
  text += "\n" + line("%zu of %zu requests done in %.1f ms, mean e2e_time_ms %.1f", done_,
                      requests_, wall_ms, done_ > 0 ? e2e_ms_ / static_cast<double>(done_) : 0.0);
  return text;
}

}  // namespace limelight::cli
