#include "profiling/trace/perfetto_writer.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <protozero/pbf_writer.hpp>

#include "profiling/record/event_names.hpp"
#include "profiling/trace/device_words.hpp"
#include "profiling/trace/perfetto_fields.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

namespace {

using protozero::pbf_writer;

namespace field = perfetto_field;

constexpr std::int32_t slice_begins = 1, slice_ends = 2, instant = 3, counts = 4;
constexpr std::uint32_t realtime = 1, boottime = 6;
constexpr std::uint32_t state_cleared = 1, needs_state = 2;
constexpr std::uint32_t our_sequence = 1;

// A track's number has to be unique beyond this file: FNV-1a of what makes it so.
std::uint64_t unique_number(std::string_view what) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : what) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash | 1;
}

std::uint64_t now_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}
}  // namespace

void PerfettoWriter::packet(std::uint64_t at_ns, std::string_view event) {
  last_ns_ = std::max(last_ns_, at_ns);
  packet_.clear();
  pbf_writer packet(packet_);
  packet.add_uint64(field::timestamp, at_ns);
  packet.add_uint32(field::sequence, our_sequence);
  packet.add_uint32(field::sequence_flags, needs_state);
  packet.add_message(field::track_event, event.data(), event.size());
  pbf_writer(text_).add_message(field::trace_packet, packet_);
}

void PerfettoWriter::describe(std::string_view track) {
  pbf_writer all(text_);
  pbf_writer packet(all, field::trace_packet);
  packet.add_uint32(field::sequence, our_sequence);
  packet.add_message(field::track_descriptor, track.data(), track.size());
}

// Says the number of a name in the file before it is used for the first time.
std::uint64_t PerfettoWriter::number_of(Numbers& numbers,
                                        std::uint32_t kind,
                                        std::string_view name) {
  const auto [at, fresh] = numbers.try_emplace(std::string(name), numbers.size() + 1);
  if (!fresh) return at->second;
  pbf_writer all(text_);
  pbf_writer packet(all, field::trace_packet);
  packet.add_uint32(field::sequence, our_sequence);
  pbf_writer data(packet, field::interned_data);
  pbf_writer entry(data, kind);
  entry.add_uint64(field::number, at->second);
  entry.add_string(field::text, at->first);
  return at->second;
}

void PerfettoWriter::begin(const char* clock_source) {
  clock_source_ = clock_source;
  host_pid_ = options_.pid != 0 ? options_.pid : getpid();
  {
    pbf_writer all(text_);
    pbf_writer packet(all, field::trace_packet);
    pbf_writer snapshot(packet, field::clock_snapshot);
    for (const auto& [id, time] : {std::pair(realtime, now_ns(CLOCK_REALTIME)),
                                   std::pair(boottime, now_ns(CLOCK_BOOTTIME))}) {
      pbf_writer clock(snapshot, field::clocks);
      clock.add_uint32(field::clock_id, id);
      clock.add_uint64(field::clock_time, time);
    }
    snapshot.add_enum(field::primary_clock, static_cast<std::int32_t>(realtime));
  }
  {
    pbf_writer all(text_);
    pbf_writer packet(all, field::trace_packet);
    packet.add_uint32(field::sequence, our_sequence);
    packet.add_uint32(field::sequence_flags, state_cleared);
    packet.add_bool(field::first_on_sequence, true);
    pbf_writer defaults(packet, field::packet_defaults);
    defaults.add_uint32(field::default_clock, realtime);
  }
  std::string name = options_.stage_name;
  if (options_.stage_id >= 0) {
    name = "rank " + std::to_string(options_.rank) + ": stage " +
           std::to_string(options_.stage_id) + " " + options_.stage_name;
    if (options_.num_replicas != 1) name += ", replica " + std::to_string(options_.replica);
  }
  std::string track;
  pbf_writer descriptor(track);
  descriptor.add_uint64(field::uuid, unique_number("process " + std::to_string(host_pid_)));
  {
    pbf_writer process(descriptor, field::process);
    process.add_int32(field::pid, static_cast<std::int32_t>(host_pid_));
    process.add_string(field::process_name, name);
    process.add_string(field::process_labels, "CPU");
  }
  describe(track);
}

PerfettoWriter::Thread& PerfettoWriter::thread_of(int thread_id) {
  Thread& thread = threads_[thread_id];
  if (thread.track != 0) return thread;
  thread.track =
      unique_number("thread " + std::to_string(host_pid_) + " " + std::to_string(thread_id));
  std::string track;
  pbf_writer descriptor(track);
  descriptor.add_uint64(field::uuid, thread.track);
  descriptor.add_uint64(field::parent, unique_number("process " + std::to_string(host_pid_)));
  {
    pbf_writer one(descriptor, field::thread);
    one.add_int32(field::pid, static_cast<std::int32_t>(host_pid_));
    one.add_int32(field::tid, thread_id);
  }
  describe(track);
  return thread;
}

std::string PerfettoWriter::slice_begin(std::uint64_t track,
                                        std::string_view name,
                                        std::string_view category) {
  std::string event;
  const std::uint64_t name_number = number_of(names_, field::names, name),
                      category_number = number_of(categories_, field::categories, category);
  pbf_writer writer(event);
  writer.add_enum(field::type, slice_begins);
  writer.add_uint64(field::track, track);
  writer.add_uint64(field::name_number, name_number);
  writer.add_uint64(field::category_number, category_number);
  return event;
}

void PerfettoWriter::put_end(std::uint64_t track, std::uint64_t end_ns) {
  std::string event;
  pbf_writer writer(event);
  writer.add_enum(field::type, slice_ends);
  writer.add_uint64(field::track, track);
  packet(end_ns, event);
}

void PerfettoWriter::put(Begins& begins) {
  for (const std::string& event : begins.events) packet(begins.at_ns, event);
  begins.events.clear();
}

void PerfettoWriter::put_slice(Thread& thread,
                               std::uint32_t depth,
                               std::uint64_t begin_ns,
                               std::string begin,
                               std::uint64_t end_ns) {
  if (thread.first.size() <= depth + 1) thread.first.resize(depth + 2);
  Begins &own = thread.first[depth], &inner = thread.first[depth + 1];
  if (depth > 0 && own.events.empty() && begin_ns < end_ns) {
    own.at_ns = begin_ns;
    own.events.push_back(std::move(begin));
    if (inner.at_ns == begin_ns) {
      std::move(inner.events.begin(), inner.events.end(), std::back_inserter(own.events));
      inner.events.clear();
    }
  } else {
    packet(begin_ns, begin);
  }
  for (std::size_t deeper = depth + 1; deeper < thread.first.size(); ++deeper)
    put(thread.first[deeper]);
  put_end(thread.track, end_ns);
}

bool PerfettoWriter::event(const Record& record,
                           std::int64_t begin_ns,
                           std::uint64_t duration_ns,
                           int thread_id,
                           std::uint64_t external) {
  auto info = infos_.find(record.name);
  if (info == infos_.end()) info = infos_.emplace(record.name, words_.name(record.name)).first;
  const auto begin =
      static_cast<std::uint64_t>(std::max<std::int64_t>(begin_ns, 0) + options_.base_ns);
  if (info->second.value_kind == ValueKind::counter) {
    put_counter(record, begin);
    return false;
  }
  Thread& thread = thread_of(thread_id);
  const bool step = info->second.value_kind == ValueKind::step;
  // Each step has a name of its own, which is not worth a number.
  std::string begins;
  if (step) {
    const std::uint64_t category =
        number_of(categories_, field::categories, to_string(info->second.category));
    pbf_writer writer(begins);
    writer.add_enum(field::type, slice_begins);
    writer.add_uint64(field::track, thread.track);
    writer.add_string(field::event_name,
                      std::string(event_names::step_prefix) + std::to_string(record.value));
    writer.add_uint64(field::category_number, category);
  } else {
    begins = slice_begin(thread.track, info->second.name, to_string(info->second.category));
  }
  add_args(begins, record, external);
  put_slice(thread, record.depth, begin, std::move(begins), begin + duration_ns);
  return true;
}

// A frame, a function and a stack for each node, by its number; all in one mapping without a file.
void PerfettoWriter::say_stack(std::uint32_t node) {
  if (node <= said_nodes_) return;
  pbf_writer all(text_);
  pbf_writer packet(all, field::trace_packet);
  packet.add_uint32(field::sequence, our_sequence);
  pbf_writer data(packet, field::interned_data);
  if (said_nodes_ == 0) {
    {
      pbf_writer path(data, field::mapping_paths);
      path.add_uint64(field::number, 1);
      path.add_string(field::text, "native");
    }
    pbf_writer mapping(data, field::mappings);
    mapping.add_uint64(field::number, 1);
    mapping.add_uint64(field::path_of, 1);
  }
  for (std::uint32_t one = said_nodes_ + 1; one <= node; ++one) {
    {
      pbf_writer function(data, field::functions);
      function.add_uint64(field::number, one);
      function.add_string(field::text, stacks_->function(one));
    }
    {
      pbf_writer frame(data, field::frames);
      frame.add_uint64(field::number, one);
      frame.add_uint64(field::function_of, one);
      frame.add_uint64(field::mapping_of, 1);
    }
    pbf_writer stack(data, field::callstacks);
    stack.add_uint64(field::number, one);
    for (const std::uint32_t caller : stacks_->path(one))
      stack.add_uint64(field::frames_of, caller);
  }
  said_nodes_ = node;
}

void PerfettoWriter::stack(int thread_id, std::int64_t at_ns, std::uint32_t node) {
  say_stack(node);
  (void)thread_of(thread_id);
  const auto at = static_cast<std::uint64_t>(std::max<std::int64_t>(at_ns, 0) + options_.base_ns);
  last_ns_ = std::max(last_ns_, at);
  pbf_writer all(text_);
  pbf_writer packet(all, field::trace_packet);
  packet.add_uint64(field::timestamp, at);
  packet.add_uint32(field::sequence, our_sequence);
  packet.add_uint32(field::sequence_flags, needs_state);
  pbf_writer sample(packet, field::perf_sample);
  sample.add_uint32(field::sample_pid, static_cast<std::uint32_t>(host_pid_));
  sample.add_uint32(field::sample_tid, static_cast<std::uint32_t>(thread_id));
  sample.add_uint64(field::callstack_number, node);
}

void PerfettoWriter::put_counter(const Record& record, std::uint64_t at_ns) {
  std::uint64_t& number = counters_[record.name];
  if (number == 0) {
    const std::string& name = infos_.at(record.name).name;
    number = unique_number("counter " + std::to_string(host_pid_) + " " + name);
    std::string track;
    pbf_writer descriptor(track);
    descriptor.add_uint64(field::uuid, number);
    descriptor.add_uint64(field::parent, unique_number("process " + std::to_string(host_pid_)));
    descriptor.add_string(field::track_name, name);
    descriptor.add_message(field::counter, std::string());
    describe(track);
  }
  std::string event;
  pbf_writer writer(event);
  writer.add_enum(field::type, counts);
  writer.add_uint64(field::track, number);
  writer.add_int64(field::counter_value, static_cast<std::int64_t>(record.value));
  packet(at_ns, event);
}

// Tracks of a device are none of a process: they hang below one with the device's name.
std::uint64_t PerfettoWriter::device_track(const DeviceActivity& a) {
  const DeviceTrack place = track_of(a, host_pid_);
  const std::string host = std::to_string(host_pid_);
  const auto name_of = [&](std::int64_t pid, std::int64_t tid) {
    return unique_number("device " + host + " " + std::to_string(pid) + " " + std::to_string(tid));
  };
  std::uint64_t& number = device_tracks_[{place.pid, place.tid}];
  if (number != 0) return number;
  std::uint64_t parent = 0;
  if (is_host_call(a.kind)) parent = unique_number("process " + host);
  else if (place.pid >= 0) {
    parent = name_of(place.pid, -2);
    if (std::uint64_t& device = device_tracks_[{place.pid, -2}]; device == 0) {
      device = parent;
      std::string track;
      pbf_writer descriptor(track);
      descriptor.add_uint64(field::uuid, parent);
      descriptor.add_string(field::track_name,
                            device_name(options_.rank, place.pid, options_.devices));
      describe(track);
    }
  }
  number = name_of(place.pid, place.tid);
  std::string track;
  pbf_writer descriptor(track);
  descriptor.add_uint64(field::uuid, number);
  if (parent != 0) descriptor.add_uint64(field::parent, parent);
  descriptor.add_string(field::track_name, track_name(a));
  describe(track);
  return number;
}

void PerfettoWriter::device(const DeviceActivity& a) {
  const std::uint64_t track = device_track(a);
  std::string begins = slice_begin(track, a.name, device_category(a.kind));
  args_.clear();
  append_device_args(a, options_.devices, args_);
  add_json(begins, args_);
  // The arrow is what two slices share: its number.
  const bool work = is_device_work(a.kind);
  const DeviceTrack place = track_of(a, host_pid_);
  if (a.correlation != 0 && (work || is_host_call(a.kind)) &&
      arrows_.add(a.correlation, {place.pid, place.tid, a.begin_ns}, !work,
                  [](const LaunchArrows::Place&, const LaunchArrows::Place&) {}))
    pbf_writer(begins).add_fixed64(
        field::flows,
        unique_number("launch " + std::to_string(host_pid_) + " " + std::to_string(a.correlation)));
  packet(static_cast<std::uint64_t>(a.begin_ns + options_.base_ns), begins);
  put_end(track, static_cast<std::uint64_t>(a.end_ns + options_.base_ns));
}

void PerfettoWriter::end(const RankTrace& report,
                         const std::vector<std::pair<int, std::string>>& thread_names,
                         std::string_view trace_name) {
  for (auto& [thread_id, thread] : threads_) {
    for (Begins& begins : thread.first) put(begins);
  }
  for (const auto& [thread_id, name] : thread_names) {
    std::string track;
    pbf_writer descriptor(track);
    descriptor.add_uint64(field::uuid, thread_of(thread_id).track);
    descriptor.add_uint64(field::parent, unique_number("process " + std::to_string(host_pid_)));
    {
      pbf_writer one(descriptor, field::thread);
      one.add_int32(field::pid, static_cast<std::int32_t>(host_pid_));
      one.add_int32(field::tid, thread_id);
      one.add_string(field::thread_name, name);
    }
    describe(track);
  }
  nlohmann::ordered_json trace{{"rank", options_.rank},
                               {"world_size", options_.world_size},
                               {"backend", options_.backend},
                               {"baseTimeNanoseconds", options_.base_ns},
                               {"limelight_clock", clock_source_},
                               {"traceName", trace_name}};
  if (!options_.peak_json.empty())
    trace["limelight_peak"] = nlohmann::ordered_json::parse(options_.peak_json, nullptr, false);
  text_ += perfetto_statement(
      information_json(information_of(report, session_name(options_))),
      trace.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace),
      unique_number("process " + std::to_string(host_pid_)),
      last_ns_ != 0 ? last_ns_ : now_ns(CLOCK_REALTIME));
}

std::string perfetto_statement(std::string_view information,
                               std::string_view trace,
                               std::uint64_t track,
                               std::uint64_t at_ns) {
  // Without numbers: what said them may have been cut off, where the disk is full.
  std::string event;
  {
    pbf_writer writer(event);
    writer.add_enum(field::type, instant);
    writer.add_uint64(field::track, track);
    writer.add_string(field::event_name, "limelight");
    for (const auto& [name, json] :
         {std::pair("limelight", information), std::pair("trace", trace)}) {
      pbf_writer annotation(writer, field::annotation);
      annotation.add_string(field::plain_name, name);
      annotation.add_string(field::json, json.data(), json.size());
    }
  }
  std::string text;
  pbf_writer all(text);
  pbf_writer packet(all, field::trace_packet);
  packet.add_uint64(field::timestamp, at_ns);
  packet.add_uint32(field::sequence, our_sequence);
  packet.add_uint32(field::sequence_flags, needs_state);
  packet.add_message(field::track_event, event);
  packet.commit();
  return text;
}

}  // namespace limelight::profiling
