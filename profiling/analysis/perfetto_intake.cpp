#include "profiling/analysis/perfetto_intake.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/try.hpp"
#include "profiling/analysis/json_members.hpp"
#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/perfetto_fields.hpp"

namespace limelight::profiling {

namespace field = perfetto_field;

namespace {

constexpr std::size_t most_word_bytes = std::size_t{256} << 20;
constexpr std::uint64_t most_flow = (std::uint64_t{1} << 53) - 1;  // of what doubles hold
constexpr int begins = 1, ends = 2, instant = 3, counts_only = 4;

// Packets in which nothing happens on a track: settings, statistics and marks of the service.
bool is_of_service(std::uint32_t kind) {
  static const std::set<std::uint32_t> known{33, 34, 35, 36, 45, 46,  47,  51,  67, 69,
                                             72, 78, 89, 90, 95, 107, 124, 126, 128};
  return known.contains(kind);
}

bool is_understood(std::uint32_t kind) {
  switch (kind) {
    case 0:
    case field::process_tree:
    case field::clock_snapshot:
    case field::track_event:
    case field::process_packet:
    case field::thread_packet:
    case field::track_descriptor:
    case field::perf_sample: return true;
    default: return false;
  }
}

std::string real_text(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  if (value == std::floor(value) && std::abs(value) < 9e15)
    return {text, std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value)).ptr};
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace

Result<void> PerfettoIntake::packet(std::string_view bytes, std::uint64_t offset) {
  ++packets_;
  try {
    return take(read_packet(bytes));
  } catch (const protozero::exception&) {
    ++damaged_;
    if (!damaged_at_) damaged_at_ = offset;
  }
  return {};
}

void PerfettoIntake::defaults(Sequence& sequence, PacketFields message) {
  while (message.next()) {
    if (message.tag() == field::default_clock)
      sequence.clock = static_cast<std::uint32_t>(message.number());
    else if (message.tag() == field::event_defaults) {
      const Read read = read_event(message.message());
      sequence.track = read.track;
      sequence.counters = read.counters;
      sequence.real_counters = read.real_counters;
    } else {
      message.skip();
    }
  }
}

Result<void> PerfettoIntake::take(const Packet& packet) {
  auto at = sequences_.find(packet.sequence);
  if (at == sequences_.end()) {
    if (sequences_.size() >= most_sequences) {
      ++of_too_many_;
      return {};
    }
    at = sequences_.try_emplace(packet.sequence).first;
  } else if (packet.dropped && !packet.first) {
    ++dropped_;
  }
  Sequence& sequence = at->second;
  if (packet.dropped) sequence.valid = false;
  if ((packet.flags & 1) != 0) {
    sequence.words.clear();
    sequence.counts.clear();
    sequence.clock = PerfettoClock::boottime;
    sequence.track.reset();
    sequence.valid = true;
  }
  if (packet.defaults) defaults(sequence, PacketFields(*packet.defaults));
  if (packet.interned) {
    sequence.words.add(PacketFields(*packet.interned));
    if (sequence.words.bytes() > most_word_bytes)
      return Error{ErrorCode::too_large,
                   "found more than 256 MiB of names, expected a trace whose names repeat"};
  }
  PerfettoTracks& tracks = trace_.tracks_;
  switch (packet.kind) {
    case field::clock_snapshot:
      clock_.snapshot(PacketFields(packet.data), packet.sequence);
      return {};
    case field::track_descriptor: tracks.describe(PacketFields(packet.data)); return {};
    case field::process_packet: tracks.describe_process(PacketFields(packet.data)); return {};
    case field::process_tree: tracks.describe_tree(PacketFields(packet.data)); return {};
    case field::thread_packet: {
      sequence.thread = PerfettoTracks::read_thread(PacketFields(packet.data));
      sequence.thread_us = sequence.thread->reference_us;
      tracks.name_thread(*sequence.thread);
      return {};
    }
    case field::track_event:
    case field::perf_sample:
      if ((packet.flags & 2) != 0 && !sequence.valid) {
        ++no_state_;
        return {};
      }
      return packet.kind == field::perf_sample ? sample(packet, sequence) : event(packet, sequence);
    default:
      if (!is_understood(packet.kind) && !is_of_service(packet.kind)) ++unknown_[packet.kind];
      return {};
  }
}

std::optional<std::int64_t> PerfettoIntake::time_of(const Packet& packet,
                                                    const Sequence& sequence) {
  if (!packet.time) return std::nullopt;
  return clock_.time(packet.clock.value_or(sequence.clock), *packet.time, packet.sequence);
}

std::string PerfettoIntake::head_of(const Read& event, const Sequence& sequence) {
  std::string categories;
  const auto add = [&categories](std::string_view one) {
    if (one.empty()) return;
    categories.append(categories.empty() ? "" : ",").append(one);
  };
  const auto known = [&](PerfettoWords::Kind kind, std::uint64_t number) {
    const std::string* text = sequence.words.text(kind, number);
    if (text == nullptr) ++unknown_words_;
    return text != nullptr ? std::string_view(*text) : std::string_view();
  };
  for (const std::uint64_t number : event.category_numbers)
    add(known(PerfettoWords::categories, number));
  for (const std::string_view one : event.categories) add(one);
  std::string_view name = event.name;
  if (event.name_number) name = known(PerfettoWords::names, *event.name_number);
  else if (name.empty() && event.legacy && event.legacy->name)
    name = known(PerfettoWords::names, *event.legacy->name);
  std::string head;
  if (!categories.empty()) head.append("\"cat\":").append(json_string(categories)).append(",");
  return head.append("\"name\":").append(json_string(name));
}

Result<void> PerfettoIntake::put(std::int64_t ns, const Event& event) {
  text_.clear();
  event.write_to(text_);
  return trace_.events_.add(ns, text_);
}

// Whether this is the instant in which a trace of ours says what JSON has beside its events.
bool PerfettoIntake::statement(const Read& event, const Sequence& sequence) {
  if (event.type != instant || event.name != "limelight") return false;
  std::string own, trace;
  for (const std::string_view one : event.annotations) {
    PerfettoAnnotation annotation = read_annotation(PacketFields(one), sequence.words);
    if (!annotation.value.starts_with('{')) continue;
    if (annotation.name == "limelight") own = std::move(annotation.value);
    else if (annotation.name == "trace") trace = std::move(annotation.value);
  }
  if (own.empty() || trace.empty()) return false;
  own_json_ = std::move(own);
  trace_json_ = std::move(trace);
  return true;
}

Result<void> PerfettoIntake::event(const Packet& packet, Sequence& sequence) {
  const Read read = read_event(PacketFields(packet.data));
  std::optional<std::int64_t> ns = time_of(packet, sequence);
  const std::int64_t most_us = INT64_MAX / 2000;
  if (read.delta_us && sequence.thread && *read.delta_us >= -most_us && *read.delta_us <= most_us &&
      !__builtin_add_overflow(sequence.thread_us, *read.delta_us, &sequence.thread_us) && !ns)
    ns = std::clamp(sequence.thread_us, -most_us, most_us) * 1000;
  if (read.absolute_us && !ns) ns = std::clamp(*read.absolute_us, -most_us, most_us) * 1000;
  if (!ns) {
    ++no_time_;
    return {};
  }
  if (statement(read, sequence)) return {};
  LIMELIGHT_TRY(counts(read, *ns, sequence));
  if (read.type == counts_only) return {};
  PerfettoTracks& tracks = trace_.tracks_;
  Track track = 0;
  if (read.track) track = tracks.of_uuid(*read.track);
  else if (sequence.track) track = tracks.of_uuid(*sequence.track);
  else if (sequence.thread) track = tracks.of_thread(*sequence.thread);
  else track = tracks.of_uuid(0);
  std::string args;
  for (const std::string_view one : read.annotations)
    add_annotation(PacketFields(one), sequence.words, args);
  const auto join = [&](const std::vector<std::uint64_t>& ids, std::uint32_t last) {
    Result<void> done;
    for (const std::uint64_t id : ids)
      if (done) done = flows_.add({id, *ns, track, last});
    return done;
  };
  if (read.type == ends) return put(*ns, {.kind = 'E', .track = track, .args = args});
  const std::string head = head_of(read, sequence);
  if (read.legacy && read.legacy->phase != 0 && read.type == 0)
    return legacy(read, *ns, track, head, args, sequence);
  if (read.type == begins || read.type == instant) {
    LIMELIGHT_TRY(
        put(*ns,
            {.kind = read.type == begins ? 'B' : 'I', .track = track, .head = head, .args = args}));
    LIMELIGHT_TRY(join(read.flows, 0));
    return join(read.last_flows, 1);
  }
  ++unknown_[field::track_event];
  return {};
}

// Events as Chrome's format has them, in packets.
Result<void> PerfettoIntake::legacy(const Read& event,
                                    std::int64_t ns,
                                    Track track,
                                    std::string_view head,
                                    std::string_view args,
                                    Sequence& sequence) {
  const Legacy& its = *event.legacy;
  PerfettoTracks& tracks = trace_.tracks_;
  if ((its.pid || its.tid) && sequence.thread)
    track = tracks.of_thread({.pid = its.pid.value_or(sequence.thread->pid),
                              .tid = its.tid.value_or(sequence.thread->tid)});
  switch (its.phase) {
    case 'B': return put(ns, {.kind = 'B', .track = track, .head = head, .args = args});
    case 'E': return put(ns, {.kind = 'E', .track = track, .args = args});
    case 'i':
    case 'I': return put(ns, {.kind = 'I', .track = track, .head = head, .args = args});
    case 'X': {
      const std::int64_t us = std::clamp<std::int64_t>(its.duration_us, 0, INT64_MAX / 4000);
      return put(ns,
                 {.kind = 'X', .track = track, .number = us * 1000, .head = head, .args = args});
    }
    case 'b':
    case 'e':
    case 'n':
    case 'S':
    case 'T':
    case 'F':
    case 's':
    case 't':
    case 'f':
    case 'C': {
      std::string all = "\"ph\":\"";
      all.append(1, its.phase).append("\",").append(head);
      if (its.id) {
        char digits[20];
        const auto end = std::to_chars(digits, digits + sizeof digits, *its.id, 16).ptr;
        const std::string id = "\"0x" + std::string(digits, end) + "\"";
        if (its.id_key == "local") all.append(",\"id2\":{\"local\":").append(id).append("}");
        else all.append(",\"id\":").append(id);
      }
      if (its.phase == 'f' && its.binds) all += ",\"bp\":\"e\"";
      return put(ns, {.kind = 'L', .track = track, .head = all, .args = args});
    }
    case 'M': return {};
    default: ++unknown_[field::track_event]; return {};
  }
}

Result<void> PerfettoIntake::counts(const Read& event, std::int64_t ns, Sequence& sequence) {
  PerfettoTracks& tracks = trace_.tracks_;
  if (event.type == counts_only) {
    const auto uuid = event.track ? event.track : sequence.track;
    if (uuid && event.count)
      LIMELIGHT_TRY(count(tracks.of_uuid(*uuid), ns, static_cast<double>(*event.count), event.count,
                          sequence));
    else if (uuid && event.real_count)
      LIMELIGHT_TRY(count(tracks.of_uuid(*uuid), ns, *event.real_count, {}, sequence));
  }
  const auto& counters = event.counters.empty() ? sequence.counters : event.counters;
  for (std::size_t i = 0; i < event.counts.size() && i < counters.size(); ++i)
    LIMELIGHT_TRY(count(tracks.of_uuid(counters[i]), ns, static_cast<double>(event.counts[i]),
                        event.counts[i], sequence));
  const auto& real = event.real_counters.empty() ? sequence.real_counters : event.real_counters;
  for (std::size_t i = 0; i < event.real_counts.size() && i < real.size(); ++i)
    LIMELIGHT_TRY(count(tracks.of_uuid(real[i]), ns, event.real_counts[i], {}, sequence));
  return {};
}

Result<void> PerfettoIntake::count(Track track,
                                   std::int64_t ns,
                                   double value,
                                   std::optional<std::int64_t> whole,
                                   Sequence& sequence) {
  const PerfettoTracks::Counter* counter = trace_.tracks_.counter(track);
  if (counter != nullptr && counter->incremental) {
    value = sequence.counts[track] += value;
    whole.reset();
  }
  if (counter != nullptr && counter->factor != 0 && counter->factor != 1) {
    value *= static_cast<double>(counter->factor);
    whole.reset();
  }
  const std::string text = whole ? std::to_string(*whole) : real_text(value);
  return put(ns, {.kind = 'C', .track = track, .head = text});
}

Result<void> PerfettoIntake::sample(const Packet& packet, Sequence& sequence) {
  PacketFields message(packet.data);
  std::int64_t pid = 0, tid = 0;
  std::uint64_t stack = 0;
  while (message.next()) switch (message.tag()) {
      case field::sample_pid: pid = message.whole(); break;
      case field::sample_tid: tid = message.whole(); break;
      case field::callstack_number: stack = message.number(); break;
      default: message.skip();
    }
  if (stack == 0) return {};
  const auto ns = time_of(packet, sequence);
  if (!ns) {
    ++no_time_;
    return {};
  }
  const std::string* function = sequence.words.function_of_stack(stack);
  if (function == nullptr) ++unknown_words_;
  return put(*ns, {.kind = 'P',
                   .track = trace_.tracks_.of_thread({.pid = pid, .tid = tid}),
                   .number = static_cast<std::int64_t>(stack & INT64_MAX),
                   .head = function != nullptr ? std::string_view(*function) : "(unknown)"});
}

// The direction of a flow is that of time: its first event is where it begins.
Result<void> PerfettoIntake::put_flows() {
  std::optional<Flow> before;
  bool begun = false;
  Result<void> done;
  const auto arrow = [&](const Flow& at, char phase) {
    std::string head = "\"ph\":\"";
    head.append(1, phase).append("\",\"cat\":\"flow\",\"name\":\"flow\",\"id\":");
    head += std::to_string(at.id & most_flow);
    if (phase == 'f') head += ",\"bp\":\"e\"";
    if (done) done = put(at.ns, {.kind = 'L', .track = at.track, .head = head});
  };
  // One that is alone is no arrow.
  const auto end_flow = [&] {
    if (before && begun) arrow(*before, 'f');
    before.reset();
    begun = false;
  };
  LIMELIGHT_TRY(flows_.finish([&](const Flow& flow) {
    if (before && before->id != flow.id) end_flow();
    if (before) arrow(*before, begun ? 't' : 's');
    begun = begun || before.has_value();
    before = flow;
    if (flow.last != 0) end_flow();
  }));
  end_flow();
  return done;
}

void PerfettoIntake::keys() {
  TraceKeys& keys = trace_.keys_;
  trace_.own_ = !own_json_.empty();
  if (!trace_.own_) {
    keys["perfetto"] = "true";
    if (const auto base = clock_.base_ns()) keys["baseTimeNanoseconds"] = std::to_string(*base);
    return;
  }
  keys["schemaVersion"] = "1";
  keys["limelight"] = own_json_;
  std::string distributed;
  JsonMembers members(trace_json_);
  while (const auto member = members.next()) {
    if (member->key == "rank" || member->key == "world_size" || member->key == "backend" ||
        member->key == "pg_config")
      distributed.append(distributed.empty() ? "\"" : ",\"")
          .append(member->key)
          .append("\": ")
          .append(member->value);
    else keys[std::string(member->key)] = member->value;
  }
  keys["distributedInfo"] = "{" + distributed + "}";
  const auto base = keys.find("baseTimeNanoseconds");
  if (base == keys.end()) {  // recovered: its times are those of the clock
    if (const auto since = clock_.base_ns()) keys["baseTimeNanoseconds"] = std::to_string(*since);
  } else {
    const std::string& text = base->second;
    std::from_chars(text.data(), text.data() + text.size(), trace_.base_ns_);
  }
}

Result<void> PerfettoIntake::finish(const std::string& broken, std::uint64_t compressed_damaged) {
  keys();
  trace_.tracks_.finish(trace_.own_);
  LIMELIGHT_TRY(put_flows());
  LIMELIGHT_TRY(trace_.events_.finish());
  trace_.losses_ = losses(broken, compressed_damaged);
  trace_.ends_early_ = !broken.empty();
  trace_.damaged_ = !broken.empty() || damaged_ > 0 || compressed_damaged > 0;
  return {};
}

}  // namespace limelight::profiling
