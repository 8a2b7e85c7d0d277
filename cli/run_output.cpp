#include "cli/run_output.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "actors/formats/output_json.hpp"
#include "actors/formats/wav.hpp"

namespace limelight::cli {

using formats::to_json;
using formats::write_wav;
using nlohmann::json;

namespace {

// Text of a model need not be UTF-8.
std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

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

Result<void> RunOutput::add(std::size_t place,
                            const RequestOutput& output,
                            const std::string& traceparent) {
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
  json line = to_json(output);
  if (!traceparent.empty()) line["traceparent"] = traceparent;
  waiting_.emplace(place, line_of(line));
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
