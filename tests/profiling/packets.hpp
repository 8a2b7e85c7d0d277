// Makes files in Perfetto's own format, packet by packet, as other programs write them.
#pragma once

#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>

#include "profiling/trace/perfetto_fields.hpp"

namespace limelight::tests {

namespace field = profiling::perfetto_field;
using protozero::pbf_writer;

// A message, filled by a function that gets its writer.
template <class Fill>
std::string message(Fill fill) {
  std::string text;
  pbf_writer writer(text);
  fill(writer);
  return text;
}

class Packets {
 public:
  // at_ns: nothing where it is negative. Other fields of the packet by `more`.
  template <class Fill>
  Packets& add(std::int64_t at_ns, std::uint32_t kind, std::string_view data, Fill more) {
    pbf_writer all(text);
    pbf_writer packet(all, field::trace_packet);
    if (at_ns >= 0) packet.add_uint64(field::timestamp, static_cast<std::uint64_t>(at_ns));
    packet.add_uint32(field::sequence, sequence);
    more(packet);
    if (kind != 0) packet.add_message(kind, data.data(), data.size());
    return *this;
  }
  Packets& add(std::int64_t at_ns, std::uint32_t kind, std::string_view data) {
    return add(at_ns, kind, data, [](pbf_writer&) {});
  }
  Packets& thread(std::uint64_t uuid, int pid, int tid, std::string_view name) {
    return add(-1, field::track_descriptor, message([&](pbf_writer& track) {
      track.add_uint64(field::uuid, uuid);
      pbf_writer one(track, field::thread);
      one.add_int32(field::pid, pid);
      one.add_int32(field::tid, tid);
      one.add_string(field::thread_name, name.data(), name.size());
    }));
  }
  Packets& track(std::uint64_t uuid, std::uint64_t parent, std::string_view name) {
    return add(-1, field::track_descriptor, message([&](pbf_writer& track) {
      track.add_uint64(field::uuid, uuid);
      if (parent != 0) track.add_uint64(field::parent, parent);
      track.add_string(field::track_name, name.data(), name.size());
    }));
  }
  template <class Fill>
  Packets& event(std::int64_t at_ns, int type, std::uint64_t track, Fill more) {
    return add(at_ns, field::track_event, message([&](pbf_writer& event) {
                 event.add_enum(field::type, type);
                 event.add_uint64(field::track, track);
                 more(event);
               }));
  }
  Packets& begin(std::int64_t at_ns, std::uint64_t track, std::string_view name) {
    return event(at_ns, 1, track, [&](pbf_writer& event) {
      event.add_string(field::event_name, name.data(), name.size());
    });
  }
  Packets& end(std::int64_t at_ns, std::uint64_t track) {
    return event(at_ns, 2, track, [](pbf_writer&) {});
  }

  std::uint32_t sequence = 1;
  std::string text;
};

}  // namespace limelight::tests
