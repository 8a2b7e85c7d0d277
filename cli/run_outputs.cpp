#include "cli/run_outputs.hpp"

#include <fstream>

#include "base/try.hpp"
#include "cli/wav.hpp"

namespace limelight::cli {

using nlohmann::json;

json to_json(const RequestOutput& out) {
  json stages = json::array(), transfers = json::array();
  std::uint64_t bytes = 0;
  double transfer_ms = 0;
  for (const StageStats& s : out.stages)
    stages.push_back(
        {{"stage_id", s.stage_id},
         {"request_id", out.request_id},
         {"batch_size", 1},
         {"num_tokens_out", s.num_tokens_out},
         {"stage_gen_time_ms", s.stage_gen_time_ms},
         {"tokens_per_s", s.stage_gen_time_ms > 0
                              ? static_cast<double>(s.num_tokens_out) / s.stage_gen_time_ms * 1000
                              : 0}});
  for (const TransferStats& t : out.transfers) {
    transfers.push_back({{"from_stage", t.from_stage},
                         {"to_stage", t.to_stage},
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
              {"prompt", out.prompt},
              {"text", out.text},
              {"audio_samples", out.audio.size()},
              {"e2e_time_ms", out.e2e_time_ms},
              {"transfers_total_bytes", bytes},
              {"transfers_total_time_ms", transfer_ms},
              {"stages", stages},
              {"transfers", transfers}};
  if (out.error.code != ErrorCode::none)
    result["error"] = {{"code", to_string(out.error.code)}, {"message", out.error.message}};
  return result;
}

json to_json(const RankTrace& t) {
  json result{{"rank", t.rank},     {"stage_id", t.stage_id}, {"file", t.file.string()},
              {"events", t.events}, {"drops", t.drops},       {"bytes", t.bytes}};
  if (t.error.code != ErrorCode::none)
    result["error"] = {{"code", to_string(t.error.code)}, {"message", t.error.message}};
  return result;
}

std::string text_of(const json& json, int indent) {
  return json.dump(indent, ' ', false, json::error_handler_t::replace);
}

Result<void> write_outputs(const std::filesystem::path& folder,
                           const std::vector<RequestOutput>& outputs) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return Error{ErrorCode::io,
                 folder.string() + ": cannot make the output folder: " + failed.message()};
  std::ofstream lines(folder / "outputs.jsonl");
  for (const RequestOutput& out : outputs) {
    lines << text_of(to_json(out), -1) << "\n";
    const auto text = folder / (out.request_id + ".txt");
    if (!(std::ofstream(text) << out.text << "\n").flush())
      return Error{ErrorCode::io, text.string() + ": cannot write the text"};
    if (!out.audio.empty()) LIMELIGHT_TRY(write_wav(folder / (out.request_id + ".wav"), out.audio));
  }
  if (!lines.flush())
    return Error{ErrorCode::io, (folder / "outputs.jsonl").string() + ": cannot write it"};
  return {};
}

}  // namespace limelight::cli
