#include "profiling/analysis/merge_input.hpp"

#include <charconv>

#include "profiling/analysis/json_members.hpp"
#include "profiling/trace/json_writer.hpp"

namespace limelight::profiling {

namespace {

constexpr std::int64_t ids_per_file = std::int64_t{1} << 40;
constexpr std::int64_t most_tid = UINT32_MAX;  // what readers keep of a tid

bool has_id(std::string_view key) { return key == "id" || key == "bind_id"; }

}  // namespace

std::int64_t MergedPids::take(std::int64_t pid) {
  if (pid >= 0 && pid < requests_pid && taken_.try_emplace(pid, true).second) return pid;
  return next_++;
}

std::string MergeInput::label() const {
  const TraceOrigin& origin = reader_.origin();
  std::string label =
      origin.rank ? "rank " + std::to_string(number_) : reader_.path().filename().string();
  if (!origin.stage.empty()) label += ": stage " + origin.stage;
  return label;
}

Result<void> MergeInput::advance() {
  do {
    auto next = reader_.next();
    if (!next) return next.error();
    event_ = *next;
    // Stacks refer to a key of their file, which a merged file does not have.
  } while (event_ && event_->phase == 'P');
  if (!event_) return {};
  const std::int64_t pid = pid_of(*event_), tid = tid_of(event_->tid, pid);
  const bool ours = reader_.origin().limelight;
  const bool renamed = !ours && event_->phase == 'M' && event_->name == "process_name";
  const bool has_ids = !event_->id.empty() || event_->text.find("\"bind_id\"") != std::string::npos;
  if (pid == event_->pid && tid == event_->tid && !has_ids && shift_ns_ == 0 && !renamed) return {};
  rewrite(*event_, pid, tid);
  auto rewritten = read_event_line(text_);
  if (!rewritten)
    return Error{ErrorCode::corrupt, reader_.path().string() + ":" +
                                         std::to_string(reader_.line()) +
                                         ": found a time that does not fit the common clock"};
  event_ = rewritten;
  return {};
}

std::int64_t MergeInput::pid_of(const EventLine& event) {
  const std::int64_t pid = event.pid;
  if (const auto known = own_pids_.find(pid); known != own_pids_.end()) return known->second;
  std::int64_t made = 0;
  if (reader_.origin().limelight) {
    // The first process is the rank itself. Without this GPU 0 of all ranks would be one process.
    if (!host_pid_ && event.phase == 'M') host_pid_ = pid;
    made = host_pid_ == pid || pid < 0 || pid >= gpu_pids_per_rank
               ? pids_->take(pid)
               : first_gpu_pid + number_ * gpu_pids_per_rank + pid;
  } else {
    made = pids_->take(pid);
    const std::string text = reader_.text_of(pid);
    name("process_name", made, 0,
         label() + ": " +
             (text.empty() ? pid < first_of_texts ? std::to_string(pid) : "unnamed" : text));
  }
  return own_pids_[pid] = made;
}

std::int64_t MergeInput::tid_of(std::int64_t tid, std::int64_t pid) {
  if (tid >= -1 && tid <= most_tid) return tid;
  const auto [at, fresh] =
      own_tids_.try_emplace(tid, first_free_pid + static_cast<std::int64_t>(own_tids_.size()));
  const std::string text = reader_.text_of(tid);
  if (fresh)
    name("thread_name", pid, at->second,
         text.empty() ? tid < first_of_texts ? std::to_string(tid) : "unnamed" : text);
  return at->second;
}

std::int64_t MergeInput::id_of(std::string_view id) const {
  const std::string_view text = without_quotes(id);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  std::int64_t value = 0;
  const char *from = text.data() + (hex ? 2 : 0), *to = text.data() + text.size();
  const auto [end, failed] = std::from_chars(from, to, value, hex ? 16 : 10);
  if (failed != std::errc{} || end != to || value < 0 || value >= ids_per_file) {
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    value = static_cast<std::int64_t>(hash % ids_per_file);
  }
  return value + (number_ + 1) * ids_per_file;
}

void MergeInput::rewrite(const EventLine& event, std::int64_t pid, std::int64_t tid) {
  const bool renamed =
      !reader_.origin().limelight && event.phase == 'M' && event.name == "process_name";
  std::string text = "{";
  JsonMembers members(event.text);
  while (const auto member = members.next()) {
    const auto& [key, value] = *member;
    if (text.size() > 1) text += ',';
    text.append("\"").append(key).append("\":");
    if (key == "pid") text += std::to_string(pid);
    else if (key == "tid") text += std::to_string(tid);
    else if (has_id(key)) text += std::to_string(id_of(value));
    else if (key == "ts" && event.phase != 'M') {
      std::int64_t begin = 0;
      if (__builtin_add_overflow(event.begin_ns, shift_ns_, &begin)) text += "null";
      else add_microseconds(begin, text);
    } else if (key == "args" && renamed) {
      const std::string name = event.text_arg("name").value_or("");
      text.append("{\"name\":").append(json_string(label() + ": " + name)).append("}");
    } else {
      text += value;
    }
  }
  text_ = text += '}';
}

void MergeInput::name(const char* what,
                      std::int64_t pid,
                      std::int64_t tid,
                      const std::string& name) {
  std::string line;
  JsonWriter json(line, JsonWriter::Style::compact);
  json.begin_object().member("ph", "M").member("name", what).key("ts").microseconds(0);
  json.member("pid", pid).member("tid", tid);
  json.key("args").begin_object().member("name", name).end_object().end_object();
  before_.push_back(std::move(line));
}

}  // namespace limelight::profiling
