#include "profiling/trace_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "profiling/registry.hpp"

namespace limelight::profiling {

namespace {
// Length of the valid UTF-8 sequence at the front, 0 if there is none (RFC 3629: no overlong forms,
// no surrogates).
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u;
  };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF)
    return follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
  if (lead >= 0xF0 && lead <= 0xF4)
    return follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && follows(2) &&
                   follows(3)
               ? 4
               : 0;
  return 0;
}

std::string device_properties(const std::vector<DeviceProperties>& devices) {
  std::string text;
  for (const DeviceProperties& d : devices) {
    const auto field = [&](const char* key, std::uint64_t value) {
      text += std::string(", \"") + key + "\": " + std::to_string(value);
    };
    const auto count = [](int value) { return static_cast<std::uint64_t>(value); };
    text += (text.empty() ? "\n{\"id\": " : ",\n{\"id\": ") + std::to_string(d.id) +
            ", \"name\": " + json_string(d.name);
    field("totalGlobalMem", d.total_memory);
    field("computeMajor", count(d.compute_major));
    field("computeMinor", count(d.compute_minor));
    field("maxThreadsPerBlock", count(d.max_threads_per_block));
    field("maxThreadsPerMultiprocessor", count(d.max_threads_per_sm));
    field("regsPerBlock", count(d.registers_per_block));
    field("warpSize", count(d.warp_size));
    field("sharedMemPerBlock", count(d.shared_per_block));
    field("numSms", count(d.sm_count));
    field("regsPerMultiprocessor", count(d.registers_per_sm));
    field("sharedMemPerBlockOptin", count(d.shared_per_sm));
    field("sharedMemPerMultiprocessor", count(d.shared_per_sm));
    text += "}";
  }
  return text;
}
}  // namespace

Words own_words() {
  return {[](NameId id) { return name_info(id); },
          [](std::uint32_t request) { return detail::request_name(request); }};
}

std::string json_string(std::string_view raw) {
  std::string out = "\"";
  while (!raw.empty()) {
    const char c = raw.front();
    const std::size_t length = utf8_length(raw);
    if (length == 0) out += "\xEF\xBF\xBD";
    else if (c == '"' || c == '\\') (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char hex[] = "0123456789abcdef";
      (out += "\\u00") += hex[c >> 4];
      out += hex[c & 15];
    } else out += raw.substr(0, length);
    raw.remove_prefix(length == 0 ? 1 : length);
  }
  return out += '"';
}

void TraceText::number(std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  text_.append(digits, end);
}

// Whole microseconds and three decimals, at most `most_times / 2` characters less the key's.
char* TraceText::microseconds_to(char* at, std::uint64_t ns) {
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

void TraceText::microseconds(std::uint64_t ns) {
  char digits[most_times];
  text_.append(digits, microseconds_to(digits, ns));
}

void TraceText::metadata(const char* name,
                         std::int64_t pid,
                         std::int64_t tid,
                         const std::string& args) {
  text_ += "{\"ph\":\"M\",\"name\":\"";
  (((text_ += name) += "\",\"ts\":0.000,\"pid\":") += std::to_string(pid)) += ",\"tid\":";
  ((text_ += std::to_string(tid)) += ",\"args\":{") += args;
  text_ += "}}";
}

void TraceText::begin(const char* clock_source) {
  host_pid_ = options_.pid != 0 ? options_.pid : getpid();
  pid_ = std::to_string(host_pid_);
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  const std::string rank = std::to_string(options_.rank);
  text_ +=
      "{\n\"schemaVersion\": 1,\n\"deviceProperties\": [" + device_properties(options_.devices) +
      "],\n\"host_name\": " + json_string(host) +
      ",\n\"distributedInfo\": {\"backend\": \"shm\",\n\"rank\": " + rank +
      ",\n\"world_size\": " + std::to_string(options_.world_size) +
      ", \"pg_count\": 0, \"pg_config\": []},\n\"record_shapes\": 1,\n\"limelight_clock\": \"" +
      clock_source + "\",\n\"displayTimeUnit\": \"ms\",\n\"baseTimeNanoseconds\": " +
      std::to_string(options_.base_ns) + ",\n\"traceEvents\": [\n";
  const std::string name = options_.stage_id < 0
                               ? options_.stage_name
                               : "rank " + rank + ": stage " + std::to_string(options_.stage_id) +
                                     " " + options_.stage_name;
  metadata("process_name", host_pid_, 0, "\"name\":" + json_string(name));
  text_ += ",\n";
  metadata("process_labels", host_pid_, 0, "\"labels\":\"CPU\"");
  text_ += ",\n";
  metadata("process_sort_index", host_pid_, 0, "\"sort_index\":" + rank);
}

// Up to and with the key of the time.
void TraceText::head(const Record& record, int thread_id) {
  if (record.name >= heads_.size()) heads_.resize(record.name + 1);
  auto& [info, head] = heads_[record.name];
  if (head.empty()) {
    info = words_.name(record.name);
    head = std::string(",\n{\"ph\":\"X\",\"cat\":\"") + to_string(info.category) +
           "\",\"pid\":" + pid_ + ",\"name\":";
    head += info.value_kind == ValueKind::step ? "\"ProfilerStep#"
                                               : json_string(info.name) + ",\"tid\":";
  }
  text_ += head;
  if (info.value_kind == ValueKind::step) {
    number(record.value);
    text_ += "\",\"tid\":";
  }
  number(static_cast<std::uint64_t>(thread_id));
  text_ += ",\"ts\":";
}

// From the duration's end on.
void TraceText::tail(const Record& record, std::uint64_t external) {
  const NameInfo& info = heads_[record.name].first;
  text_ += ",\"args\":{";
  const Dims d = unpack_dims(record.value);
  switch (info.value_kind) {
    case ValueKind::none: break;
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
    case ValueKind::step: (text_ += "\"step of\":") += json_string(info.name); break;
    case ValueKind::dims:
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

// An operation comes again and again with the same shape: then all but its times is there already.
const TraceText::Line& TraceText::line_of(const Record& record, int thread_id) {
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

void TraceText::event(const Record& record,
                      std::int64_t begin_ns,
                      std::uint64_t duration_ns,
                      int thread_id,
                      std::uint64_t external) {
  const std::uint64_t begin = begin_ns < 0 ? 0 : static_cast<std::uint64_t>(begin_ns);
  const auto differs_each_time = [](const NameInfo& info) {
    return info.correlated || info.value_kind == ValueKind::chunk ||
           info.value_kind == ValueKind::step;
  };
  if (record.name < heads_.size() && !heads_[record.name].second.empty() &&
      !differs_each_time(heads_[record.name].first)) {
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
    return;
  }
  head(record, thread_id);
  microseconds(begin);
  text_ += ",\"dur\":";
  microseconds(duration_ns);
  tail(record, external);
}

void TraceText::end(const SessionReport& report,
                    const std::vector<std::pair<int, std::string>>& thread_names,
                    std::string_view trace_name) {
  for (const auto& [tid, name] : thread_names) {
    text_ += ",\n";
    metadata("thread_name", host_pid_, tid, "\"name\":" + json_string(name));
  }
  const auto ratio = [](double percent) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.3f", percent);
    return std::string(digits);
  };
  text_ += "\n],\n\"limelight\": {\"events\": " + std::to_string(report.events) +
           ", \"drops\": " + std::to_string(report.drops) +
           ", \"ring_drops\": " + std::to_string(report.ring_drops) +
           ", \"device_drops\": " + std::to_string(report.losses.dropped) +
           ", \"zero_time_records\": " + std::to_string(report.losses.zero_time) +
           ", \"unknown_records\": " + std::to_string(report.losses.unknown) +
           ", \"unmatched_correlations\": " + std::to_string(report.unmatched) +
           ",\n\"clock_error_ns\": " + std::to_string(report.clock_error_ns) +
           ", \"begin_skew_ns\": " + std::to_string(report.begin_skew_ns) +
           ", \"session_ns\": " + std::to_string(report.session_ns) +
           ", \"profiler_cpu_ns\": " + std::to_string(report.profiler_cpu_ns) +
           ", \"span_ns\": " + ratio(report.span_ns) +
           ", \"overhead_percent\": " + ratio(report.overhead_percent()) +
           ", \"gpu\": " + json_string(report.gpu) +
           (report.note.empty() ? "" : ", \"note\": " + json_string(report.note)) +
           "},\n\"traceName\": " + json_string(trace_name) + "\n}\n";
}

std::string TraceText::recovered_end(std::uint64_t events, std::string_view trace_name) {
  std::string text =
      "\n],\n\"limelight\": {\"events\": " + std::to_string(events) + ", \"recovered\": true";
  for (const char* unknown : {"drops", "ring_drops", "device_drops", "zero_time_records",
                              "unknown_records", "unmatched_correlations", "clock_error_ns",
                              "session_ns", "profiler_cpu_ns", "overhead_percent", "gpu"})
    text += std::string(", \"") + unknown + "\": null";
  return text + "},\n\"traceName\": " + json_string(trace_name) + "\n}\n";
}

}  // namespace limelight::profiling
