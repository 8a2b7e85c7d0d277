#include "profiling/trace/trace_writer.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>

#include "profiling/record/event_names.hpp"
#include "profiling/record/registry.hpp"
#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

namespace {
void write_group(JsonWriter& json, const ProcessGroup& group) {
  json.begin_object().member("pg_name", group.name).member("pg_desc", group.description);
  json.member("backend_config", group.backend).member("pg_size", group.ranks.size());
  json.key("ranks").begin_array();
  for (const int rank : group.ranks) json.value(rank);
  json.end_array().end_object();
}

void write_device(JsonWriter& json, const DeviceProperties& d) {
  json.line().begin_object();
  json.member("id", d.id).member("name", d.name);
  json.member("totalGlobalMem", d.total_memory);
  json.member("computeMajor", d.compute_major).member("computeMinor", d.compute_minor);
  json.member("maxThreadsPerBlock", d.max_threads_per_block);
  json.member("maxThreadsPerMultiprocessor", d.max_threads_per_sm);
  json.member("regsPerBlock", d.registers_per_block).member("warpSize", d.warp_size);
  json.member("sharedMemPerBlock", d.shared_per_block).member("numSms", d.sm_count);
  json.member("regsPerMultiprocessor", d.registers_per_sm);
  json.member("sharedMemPerBlockOptin", d.shared_per_block_optin);
  json.member("sharedMemPerMultiprocessor", d.shared_per_sm);
  json.end_object();
}
}  // namespace

void TraceWriter::number(std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  text_.append(digits, end);
}

// Writes microseconds with three decimals: at most half of most_times, with the key.
char* TraceWriter::microseconds_to(char* at, std::uint64_t ns) {
  const auto three = [&at](std::uint64_t value) {
    *at++ = static_cast<char>('0' + value / 100);
    *at++ = static_cast<char>('0' + value / 10 % 10);
    *at++ = static_cast<char>('0' + value % 10);
  };
  const std::uint64_t seconds = ns / 1'000'000'000, rest = ns % 1'000'000'000;
  if (seconds == 0) {
    at = std::to_chars(at, at + 20, ns / 1000).ptr;
  } else {
    if (seconds != seconds_) {
      seconds_ = seconds;
      seconds_end_ = std::to_chars(seconds_text_, std::end(seconds_text_), seconds).ptr;
    }
    at = std::copy(static_cast<const char*>(seconds_text_), static_cast<const char*>(seconds_end_),
                   at);
    three(rest / 1'000'000);
    three(rest / 1000 % 1000);
  }
  *at++ = '.';
  three(rest % 1000);
  return at;
}

void TraceWriter::microseconds(std::uint64_t ns) {
  char digits[most_times];
  text_.append(digits, microseconds_to(digits, ns));
}

void TraceWriter::metadata(const char* name,
                           std::int64_t pid,
                           std::int64_t tid,
                           const std::string& args) {
  text_ += "{\"ph\":\"M\",\"name\":\"";
  (((text_ += name) += "\",\"ts\":0.000,\"pid\":") += std::to_string(pid)) += ",\"tid\":";
  ((text_ += std::to_string(tid)) += ",\"args\":{") += args;
  text_ += "}}";
}

void TraceWriter::begin(const char* clock_source) {
  host_pid_ = options_.pid != 0 ? options_.pid : getpid();
  pid_ = std::to_string(host_pid_);
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  JsonWriter json(text_);
  json.begin_object();
  json.line().member("schemaVersion", 1);
  json.line().key("deviceProperties").begin_array();
  for (const DeviceProperties& d : options_.devices) write_device(json, d);
  json.end_array();
  json.line().member("host_name", host);
  json.line().key("distributedInfo").begin_object().member("backend", options_.backend);
  json.line().member("rank", options_.rank);  // on a line of its own: see the header
  json.line().member("world_size", options_.world_size).member("pg_count", options_.groups.size());
  json.line()
      .key("pg_config")
      .begin_array();  // on a line of its own, where older readers expect it
  for (const ProcessGroup& group : options_.groups) write_group(json, group);
  json.end_array().end_object();
  json.line().member("record_shapes", options_.profile.record_shapes ? 1 : 0);
  json.line().member("limelight_clock", clock_source);
  if (!options_.peak_json.empty()) json.line().key("limelight_peak").raw(options_.peak_json);
  json.line().member("displayTimeUnit", "ms");
  json.line().member("baseTimeNanoseconds", options_.base_ns);
  json.line().key("traceEvents").begin_array();
  text_ += '\n';
  const std::string rank = std::to_string(options_.rank);
  const std::string name =
      options_.stage_id < 0
          ? options_.stage_name
          : "rank " + rank + ": stage " + std::to_string(options_.stage_id) + " " +
                options_.stage_name +
                (options_.num_replicas == 1 ? "" : ", replica " + std::to_string(options_.replica));
  metadata("process_name", host_pid_, 0, "\"name\":" + json_string(name));
  text_ += ",\n";
  metadata("process_labels", host_pid_, 0, "\"labels\":\"CPU\"");
  text_ += ",\n";
  metadata("process_sort_index", host_pid_, 0, "\"sort_index\":" + rank);
}

// Also makes the text with which the events of that name begin.
const NameInfo& TraceWriter::known(NameId name) {
  if (name >= heads_.size()) heads_.resize(name + 1);
  auto& [info, head] = heads_[name];
  if (!head.empty()) return info;
  info = words_.name(name);
  head = info.value_kind == ValueKind::counter ? ",\n{\"ph\":\"C\"" : ",\n{\"ph\":\"X\"";
  head.append(",\"cat\":\"").append(to_string(info.category));
  head.append("\",\"pid\":").append(pid_).append(",\"name\":");
  if (info.value_kind == ValueKind::step) head.append("\"").append(event_names::step_prefix);
  else head.append(json_string(info.name)).append(",\"tid\":");
  return info;
}

// A counter belongs to the process.
void TraceWriter::counter(const Record& record, std::uint64_t ns) {
  (text_ += heads_[record.name].second) += "0,\"ts\":";
  microseconds(ns);
  text_ += ",\"args\":{\"value\":";
  number(record.value);
  text_ += "}}";
}

// Writes the text of an event before the time of its begin.
void TraceWriter::head(const Record& record, int thread_id) {
  const NameInfo& info = known(record.name);
  text_ += heads_[record.name].second;
  if (info.value_kind == ValueKind::step) {
    number(record.value);
    text_ += "\",\"tid\":";
  }
  number(static_cast<std::uint64_t>(thread_id));
  text_ += ",\"ts\":";
}

// Writes the text of an event after its duration.
void TraceWriter::tail(const Record& record, std::uint64_t external) {
  const NameInfo& info = heads_[record.name].first;
  text_ += ",\"args\":{";
  const Dims d = unpack_dims(record.value);
  switch (info.value_kind) {
    case ValueKind::none:
    case ValueKind::counter: break;
    case ValueKind::bytes:
      text_ += "\"bytes\":";
      number(record.value);
      break;
    case ValueKind::chunk: {
      const ChunkTag chunk = unpack_chunk(record.value);
      field("bytes", chunk.bytes);
      field("channel", chunk.channel);
      field("chunk", chunk.number);
      break;
    }
    case ValueKind::number:
      text_ += "\"value\":";
      number(record.value);
      break;
    case ValueKind::turn:
      field("tokens", record.value >> 48);
      field("share us", record.value >> 24 & 0xffffff);
      field("step us", record.value & 0xffffff);
      break;
    case ValueKind::step: (text_ += "\"step of\":") += json_string(info.name); break;
    case ValueKind::dims:
      if (!options_.profile.record_shapes) break;
      text_ += "\"Input Dims\":[[";
      number(d.a);
      if (d.b != 0) {
        text_ += ',';
        number(d.b);
      }
      if (d.c != 0) {
        text_ += ',';
        number(d.c);
      }
      text_ += "]]";
      break;
    case ValueKind::matmul:
      if (options_.profile.with_flops) {
        field("flops", std::uint64_t{2} * d.a * d.b * d.c);
        if (info.weight_centibits != 0) field("bytes moved", bytes_moved(d, info.weight_centibits));
      }
      if (!options_.profile.record_shapes) break;
      if (text_.back() != '{') text_ += ',';
      text_ += "\"Input Dims\":[[";
      number(d.a);
      text_ += ',';
      number(d.c);
      text_ += "],[";
      number(d.c);
      text_ += ',';
      number(d.b);
      text_ += "]]";
      break;
  }
  if (info.correlated) {
    if (text_.back() != '{') text_ += ',';
    text_ += "\"External id\":";
    number(external);
  }
  if (record.request != 0) {
    if (text_.back() != '{') text_ += ',';
    if (record.request != request_) {
      request_ = record.request;
      request_name_ = json_string(words_.request(request_));
    }
    (text_ += "\"request\":") += request_name_;
  }
  text_ += "}}";
}

// The same operation with the same shape occurs many times, so the text without its times is
// cached.
const TraceWriter::Line& TraceWriter::line_of(const Record& record, int thread_id) {
  std::uint64_t hash = record.value * 0x9e3779b97f4a7c15u ^ record.name;
  hash = (hash ^ hash >> 32 ^ static_cast<std::uint64_t>(thread_id) << 16 ^ record.request) *
         0x9e3779b97f4a7c15u;
  if (lines_.empty()) lines_.resize(std::size_t{1} << line_bits);
  Line& line = lines_[hash >> (64 - line_bits)];
  if (line.head.empty() || line.name != record.name || line.value != record.value ||
      line.request != record.request || line.thread_id != thread_id) {
    const std::size_t before = text_.size();
    const auto cut = [&] {
      std::string piece = text_.substr(before);
      text_.resize(before);
      return piece;
    };
    head(record, thread_id);
    std::string head = cut();
    tail(record, 0);
    line = {record.name, thread_id, record.value, record.request, std::move(head), cut()};
  }
  return line;
}

bool TraceWriter::event(const Record& record,
                        std::int64_t begin_ns,
                        std::uint64_t duration_ns,
                        int thread_id,
                        std::uint64_t external) {
  const std::uint64_t begin = begin_ns < 0 ? 0 : static_cast<std::uint64_t>(begin_ns);
  if (known(record.name).value_kind == ValueKind::counter) {
    counter(record, begin);
    return false;
  }
  const auto differs_each_time = [](const NameInfo& info) {
    return info.correlated || info.value_kind == ValueKind::chunk ||
           info.value_kind == ValueKind::step || info.value_kind == ValueKind::turn;
  };
  if (!differs_each_time(heads_[record.name].first)) {
    const Line& line = line_of(record, thread_id);
    const std::size_t before = text_.size();
    text_.resize(before + line.head.size() + line.tail.size() + most_times);
    char* at = text_.data() + before;
    const auto put = [&at](std::string_view piece) {
      std::memcpy(at, piece.data(), piece.size());
      at += piece.size();
    };
    put(line.head);
    at = microseconds_to(at, begin);
    put(",\"dur\":");
    at = microseconds_to(at, duration_ns);
    put(line.tail);
    text_.resize(static_cast<std::size_t>(at - text_.data()));
    return true;
  }
  head(record, thread_id);
  microseconds(begin);
  text_ += ",\"dur\":";
  microseconds(duration_ns);
  tail(record, external);
  return true;
}

void TraceWriter::stack(int thread_id, std::int64_t at_ns, std::uint32_t node) {
  ((text_ += ",\n{\"ph\":\"P\",\"cat\":\"stack\",\"pid\":") += pid_) += ",\"name\":";
  (text_ += json_string(stacks_->function(node))) += ",\"tid\":";
  number(static_cast<std::uint64_t>(thread_id));
  text_ += ",\"ts\":";
  microseconds(static_cast<std::uint64_t>(std::max<std::int64_t>(at_ns, 0)));
  text_ += ",\"sf\":";
  number(node);
  text_ += '}';
}

void TraceWriter::end(const RankTrace& report,
                      const std::vector<std::pair<int, std::string>>& thread_names,
                      std::string_view trace_name) {
  for (const auto& [tid, name] : thread_names) {
    text_ += ",\n";
    metadata("thread_name", host_pid_, tid, "\"name\":" + json_string(name));
  }
  text_ += trace_end(information_of(report, session_name(options_)), trace_name,
                     stacks_ == nullptr || stacks_->empty() ? "" : stacks_->frames_json());
}

}  // namespace limelight::profiling
