#include "profiling/analysis/perfetto_tracks.hpp"

#include <algorithm>
#include <charconv>

#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/perfetto_fields.hpp"

namespace limelight::profiling {

namespace field = perfetto_field;

namespace {

constexpr int most_parents = 64;
// Numbers that systems give to no process and no thread.
constexpr std::int64_t first_made_pid = 2'000'000'000, first_made_tid = 1'500'000'000;
constexpr std::uint64_t thread_uuids = 0x6c696d65'00000000u;  // of threads without a descriptor

std::string metadata_line(const char* what,
                          std::int64_t pid,
                          std::int64_t tid,
                          const char* key,
                          const std::string& value) {
  std::string line;
  JsonWriter json(line, JsonWriter::Style::compact);
  json.begin_object().member("ph", "M").member("name", what).key("ts").microseconds(0);
  json.member("pid", pid).member("tid", tid);
  json.key("args").begin_object().member(key, value).end_object().end_object();
  return line;
}

// The number in "rank 3: GPU 0 ...".
std::optional<std::int64_t> gpu_of(const std::string& name) {
  constexpr std::string_view mark = ": GPU ";
  const std::size_t at = name.find(mark);
  std::int64_t number = 0;
  if (at == std::string::npos ||
      std::from_chars(name.data() + at + mark.size(), name.data() + name.size(), number).ec !=
          std::errc{})
    return std::nullopt;
  return number;
}

std::int64_t whole32(PacketFields& fields) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(fields.number()));
}

}  // namespace

PerfettoTracks::Thread PerfettoTracks::read_thread(PacketFields message) {
  Thread thread;
  while (message.next()) switch (message.tag()) {
      case field::pid: thread.pid = whole32(message); break;
      case field::tid: thread.tid = static_cast<std::int64_t>(message.number()); break;
      case field::thread_name: thread.name = message.text(); break;
      case field::reference_us: thread.reference_us = message.whole(); break;
      default: message.skip();
    }
  return thread;
}

PerfettoTracks::Track PerfettoTracks::of_uuid(std::uint64_t uuid) {
  const auto [at, fresh] = by_uuid_.try_emplace(uuid, static_cast<Track>(tracks_.size()));
  if (fresh) tracks_.push_back({.uuid = uuid, .name = {}, .pid = {}, .tid = {}, .counter = {}});
  return at->second;
}

PerfettoTracks::One& PerfettoTracks::one(std::uint64_t uuid) { return tracks_[of_uuid(uuid)]; }

PerfettoTracks::Process& PerfettoTracks::process(std::int64_t pid) {
  const auto [at, fresh] = processes_.try_emplace(pid);
  if (fresh) at->second.order = processes_.size();
  return at->second;
}

PerfettoTracks::Track PerfettoTracks::of_thread(const Thread& thread) {
  const auto known = by_thread_.find({thread.pid, thread.tid});
  if (known != by_thread_.end()) return known->second;
  std::uint64_t uuid = thread_uuids;
  while (by_uuid_.contains(uuid)) ++uuid;
  const Track track = of_uuid(uuid);
  tracks_[track].pid = thread.pid;
  tracks_[track].tid = thread.tid;
  by_thread_[{thread.pid, thread.tid}] = track;
  return track;
}

void PerfettoTracks::name_thread(const Thread& thread) {
  std::string& known = process(thread.pid).threads[thread.tid];
  if (!thread.name.empty()) known = thread.name;
}

void PerfettoTracks::describe(PacketFields descriptor) {
  std::uint64_t uuid = 0, parent = 0;
  std::string_view name, thread, process_of;
  std::optional<Counter> counter;
  bool is_thread = false, is_process = false;
  while (descriptor.next()) switch (descriptor.tag()) {
      case field::uuid: uuid = descriptor.number(); break;
      case field::parent: parent = descriptor.number(); break;
      case field::track_name:
      case field::static_name: name = descriptor.text(); break;
      case field::thread:
        thread = descriptor.text();
        is_thread = true;
        break;
      case field::process:
        process_of = descriptor.text();
        is_process = true;
        break;
      case field::counter: {
        counter = Counter();
        std::uint64_t type = 0;
        PacketFields its = descriptor.message();
        while (its.next()) switch (its.tag()) {
            case field::counter_type: type = its.number(); break;
            case field::counter_unit_factor: counter->factor = its.whole(); break;
            case field::counter_is_incremental: counter->incremental = its.flag(); break;
            default: its.skip();
          }
        if (name.empty() && type == 1) name = "thread time";
        if (name.empty() && type == 2) name = "thread instruction count";
        break;
      }
      default: descriptor.skip();
    }
  One& track = one(uuid);
  if (parent != 0) track.parent = parent;
  if (!name.empty()) track.name = name;
  if (counter) track.counter = counter;
  if (is_thread) {
    const Thread read = read_thread(PacketFields(thread));
    track.pid = read.pid;
    track.tid = read.tid;
    by_thread_.try_emplace({read.pid, read.tid}, by_uuid_.at(uuid));
    std::string& known = process(read.pid).threads[read.tid];
    if (!read.name.empty()) known = read.name;
    else if (!name.empty()) known = name;
  } else if (is_process) {
    describe_process(PacketFields(process_of));
    PacketFields its(process_of);
    std::int64_t pid = 0;
    while (its.next())
      if (its.tag() == field::pid) pid = whole32(its);
      else its.skip();
    track.pid = pid;
    if (!name.empty() && process(pid).name.empty()) process(pid).name = name;
  }
}

void PerfettoTracks::describe_process(PacketFields message) {
  std::int64_t pid = 0;
  std::string_view name;
  while (message.next())
    if (message.tag() == field::pid) pid = whole32(message);
    else if (message.tag() == field::process_name) name = message.text();
    else message.skip();
  Process& its = process(pid);
  if (!name.empty()) its.name = name;
}

void PerfettoTracks::describe_tree(PacketFields tree) {
  while (tree.next()) {
    if (tree.tag() == field::tree_processes) {
      PacketFields one = tree.message();
      std::int64_t pid = 0;
      std::string_view command;
      while (one.next())
        if (one.tag() == field::tree_pid) pid = whole32(one);
        else if (one.tag() == field::tree_command && command.empty()) command = one.text();
        else one.skip();
      if (Process& its = process(pid); its.name.empty()) its.name = command;
    } else if (tree.tag() == field::tree_threads) {
      PacketFields one = tree.message();
      std::int64_t pid = 0, tid = 0;
      std::string_view name;
      while (one.next()) switch (one.tag()) {
          case field::tree_tid: tid = whole32(one); break;
          case field::tree_thread_pid: pid = whole32(one); break;
          case field::tree_thread_name: name = one.text(); break;
          default: one.skip();
        }
      std::string& known = process(pid).threads[tid];
      if (known.empty()) known = name;
    } else {
      tree.skip();
    }
  }
}

const PerfettoTracks::Counter* PerfettoTracks::counter(Track track) const {
  return tracks_[track].counter ? &*tracks_[track].counter : nullptr;
}

const PerfettoTracks::One* PerfettoTracks::parent_of(const One& one) const {
  const auto at = by_uuid_.find(one.parent);
  return one.parent == 0 || at == by_uuid_.end() ? nullptr : &tracks_[at->second];
}

PerfettoTracks::Place PerfettoTracks::make_place(Track track, bool own) {
  const One& one = tracks_[track];
  Place place;
  const One* top = &one;
  for (int i = 0; i < most_parents && !top->pid; ++i) {
    const One* parent = parent_of(*top);
    if (parent == nullptr) break;
    top = parent;
  }
  if (top->pid) {
    place.pid = *top->pid;
  } else {
    const auto [at, fresh] = made_pids_.try_emplace(
        top->uuid, first_made_pid + static_cast<std::int64_t>(made_pids_.size()));
    if (fresh) {
      const auto gpu = own ? gpu_of(top->name) : std::nullopt;
      if (gpu) at->second = *gpu;
      Process& its = process(at->second);
      its.gpu = gpu.has_value();
      its.name = top->name.empty() ? "events of no process" : top->name;
    }
    place.pid = at->second;
  }
  if (one.counter) {
    place.counter_name = one.name.empty() ? "counter" : one.name;
    // Counters of one name belong to the threads or tracks above them.
    if (const One* parent = parent_of(one); parent != nullptr && (parent->tid || !parent->pid)) {
      std::string of = parent->name;
      if (parent->tid) {
        of = process(place.pid).threads[*parent->tid];
        if (of.empty()) of = "thread " + std::to_string(*parent->tid);
      }
      if (!of.empty()) place.counter_name += " of " + of;
    }
    return place;
  }
  if (one.tid) {
    place.tid = *one.tid;
    place.of_thread = true;
    return place;
  }
  place.tid = first_made_tid + track;
  if (top != &one || !one.pid) {
    std::string name = one.name;
    if (const One* parent = parent_of(one); !own && parent != nullptr && parent->tid) {
      const std::string& thread = process(place.pid).threads[*parent->tid];
      if (!thread.empty()) name = name.empty() ? thread : thread + ": " + name;
    }
    if (!name.empty()) process(place.pid).threads[place.tid] = name;
  }
  return place;
}

void PerfettoTracks::finish(bool own) {
  places_.clear();
  for (std::size_t i = 0; i < tracks_.size(); ++i)
    places_.push_back(make_place(static_cast<Track>(i), own));
  std::vector<std::pair<std::int64_t, const Process*>> ordered;
  for (const auto& [pid, its] : processes_) ordered.emplace_back(pid, &its);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a.second->order < b.second->order; });
  for (const auto& [pid, its] : ordered) {
    if (!its->name.empty())
      metadata_.push_back(metadata_line("process_name", pid, 0, "name", its->name));
    if (its->gpu)
      metadata_.push_back(
          metadata_line("process_labels", pid, 0, "labels", "GPU " + std::to_string(pid)));
    for (const auto& [tid, name] : its->threads)
      if (!name.empty()) metadata_.push_back(metadata_line("thread_name", pid, tid, "name", name));
  }
}

}  // namespace limelight::profiling
