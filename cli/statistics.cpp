#include "cli/statistics.hpp"

#include <cstdio>
#include <map>

namespace limelight::cli {

namespace {
template <class... A>
std::string line(const char* format, A... args) {
  char text[256];
  std::snprintf(text, sizeof text, format, args...);
  return std::string(text) + "\n";
}
}  // namespace

std::string statistics_table(const std::vector<RequestOutput>& outputs, double wall_ms) {
  struct StageSum {
    std::uint64_t requests = 0, tokens = 0;
    double ms = 0;
  };
  std::map<int, StageSum> stages;
  std::map<std::pair<int, int>, TransferStats> edges;
  double e2e = 0;
  std::size_t done = 0;
  for (const RequestOutput& out : outputs) {
    if (out.error.code == ErrorCode::none) {
      ++done;
      e2e += out.e2e_time_ms;
    }
    for (const StageStats& s : out.stages) {
      StageSum& sum = stages[s.stage_id];
      ++sum.requests;
      sum.tokens += s.num_tokens_out;
      sum.ms += s.stage_gen_time_ms;
    }
    for (const TransferStats& t : out.transfers) {
      TransferStats& sum = edges[{t.from_stage, t.to_stage}];
      sum.chunks += t.chunks;
      sum.size_bytes += t.size_bytes;
      sum.tx_time_ms += t.tx_time_ms;
      sum.in_flight_time_ms += t.in_flight_time_ms;
      sum.rx_decode_time_ms += t.rx_decode_time_ms;
    }
  }
  std::string text = line("%-8s %9s %15s %18s %13s", "stage", "requests", "num_tokens_out",
                          "stage_gen_time_ms", "tokens_per_s");
  for (const auto& [id, s] : stages)
    text += line("%-8d %9lu %15lu %18.1f %13.1f", id, s.requests, s.tokens, s.ms,
                 s.ms > 0 ? static_cast<double>(s.tokens) / s.ms * 1000 : 0.0);
  text += "\n" + line("%-8s %9s %15s %12s %18s %18s", "edge", "chunks", "size_bytes", "tx_time_ms",
                      "in_flight_time_ms", "rx_decode_time_ms");
  for (const auto& [ends, t] : edges)
    text += line("%-8s %9lu %15lu %12.3f %18.3f %18.3f",
                 (std::to_string(ends.first) + " -> " + std::to_string(ends.second)).c_str(),
                 t.chunks, t.size_bytes, t.tx_time_ms, t.in_flight_time_ms, t.rx_decode_time_ms);
  text += "\n" + line("%zu of %zu requests done in %.1f ms, mean e2e_time_ms %.1f", done,
                      outputs.size(), wall_ms, done > 0 ? e2e / static_cast<double>(done) : 0.0);
  return text;
}

}  // namespace limelight::cli
