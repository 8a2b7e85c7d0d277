#include "cli/run_output.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "cli/wav.hpp"

namespace limelight::cli {

using nlohmann::json;

namespace {

json to_json(const TokenLogprob& token) {
  return {{"token", token.token},
          {"token_id", token.token_id},
          {"logprob", token.logprob},
          {"rank", token.rank}};
}
json stop_reason(const AnswerInfo& answer) {
  if (!answer.stop_string.empty()) return answer.stop_string;
  return answer.stop_token_id >= 0 ? json(answer.stop_token_id) : json();
}
// Text of a model need not be UTF-8.
std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

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
  if (t.error.code != ErrorCode::none)
    result["error"] = {{"code", to_string(t.error.code)}, {"message", t.error.message}};
  return result;
}

Result<RunOutput> RunOutput::create(const std::filesystem::path& folder, bool keep_json) {
  RunOutput out;
  out.folder_ = folder;
  if (!folder.empty()) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed)
      return Error{ErrorCode::io,
                   folder.string() + ": cannot make the output folder: " + failed.message()};
    out.lines_.open(folder / "outputs.jsonl");
    if (!out.lines_) return Error{ErrorCode::io, folder.string() + ": cannot write outputs.jsonl"};
  }
  if (keep_json) {
    out.kept_ = {std::tmpfile(), std::fclose};
    if (!out.kept_) return Error{ErrorCode::io, "cannot make a temporary file for --json"};
  }
  return out;
}

Result<void> RunOutput::add(std::size_t place, const RequestOutput& output) {
  if (!folder_.empty()) {
    const std::string name =
        output.request_id + (output.index > 0 ? "." + std::to_string(output.index) : "");
    if (!(std::ofstream(folder_ / (name + ".txt")) << output.text << "\n").flush())
      return Error{ErrorCode::io, (folder_ / name).string() + ".txt: cannot write the text"};
    if (!output.audio.empty())
      if (auto written = write_wav(folder_ / (name + ".wav"), output.audio, output.sample_rate);
          !written)
        return written;
  }
  if (folder_.empty() && !kept_) return {};
  waiting_.emplace(place, line_of(to_json(output)));
  for (; !waiting_.empty() && waiting_.begin()->first == next_; ++next_) {
    write_line(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
  }
  return {};
}

void RunOutput::write_line(const std::string& line) {
  if (!folder_.empty()) lines_ << line << "\n";
  if (!kept_) return;
  std::fputs(any_ ? ",\n    " : "\n    ", kept_.get());
  std::fputs(line.c_str(), kept_.get());
  any_ = true;
}

Result<void> RunOutput::finish() {
  for (const auto& [place, line] : waiting_) write_line(line);
  waiting_.clear();
  if (!folder_.empty() && !lines_.flush())
    return Error{ErrorCode::io, folder_.string() + ": cannot write outputs.jsonl"};
  return {};
}

Result<void> RunOutput::write_json(std::FILE* to, const json& traces, double wall_ms) {
  std::fputs("{\n  \"requests\": [", to);
  std::rewind(kept_.get());
  std::array<char, 1 << 16> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), kept_.get()))
    std::fwrite(buffer.data(), 1, n, to);
  std::fprintf(to, "%s],\n  \"traces\": %s,\n  \"wall_ms\": %s\n}\n", any_ ? "\n  " : "",
               line_of(traces).c_str(), json(wall_ms).dump().c_str());
  if (std::fflush(to) != 0 || std::ferror(kept_.get()) != 0)
    return Error{ErrorCode::io, "cannot write the results of --json"};
  return {};
}

}  // namespace limelight::cli
