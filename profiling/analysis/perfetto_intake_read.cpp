// The part of PerfettoIntake that reads messages, before anything is made of them.
#include <bit>
#include <type_traits>

#include "profiling/analysis/perfetto_intake.hpp"
#include "profiling/trace/perfetto_fields.hpp"

namespace limelight::profiling {

namespace field = perfetto_field;

PerfettoIntake::Packet PerfettoIntake::read_packet(std::string_view bytes) {
  Packet packet;
  PacketFields message(bytes);
  while (message.next()) switch (message.tag()) {
      case field::timestamp: packet.time = message.number(); break;
      case field::packet_clock: packet.clock = static_cast<std::uint32_t>(message.number()); break;
      case field::sequence: packet.sequence = static_cast<std::uint32_t>(message.number()); break;
      case field::sequence_flags: packet.flags |= message.number(); break;
      case field::state_cleared_before: packet.flags |= message.flag() ? 1 : 0; break;
      case field::packets_dropped: packet.dropped = message.flag(); break;
      case field::first_on_sequence: packet.first = message.flag(); break;
      case field::interned_data: packet.interned = message.text(); break;
      case field::packet_defaults: packet.defaults = message.text(); break;
      case 3:   // trusted_uid
      case 79:  // trusted_pid
      case 98: message.skip(); break;
      default: packet.kind = message.tag(); packet.data = message.text();
    }
  return packet;
}

PerfettoIntake::Legacy PerfettoIntake::read_legacy(PacketFields event) {
  Legacy legacy;
  while (event.next()) switch (event.tag()) {
      case field::legacy_name: legacy.name = event.number(); break;
      case field::phase: legacy.phase = static_cast<char>(event.number() & 0x7f); break;
      case field::duration_us: legacy.duration_us = event.whole(); break;
      case field::unscoped_id:
      case field::global_id:
        legacy.id = event.number();
        legacy.id_key = "id";
        break;
      case field::local_id:
        legacy.id = event.number();
        legacy.id_key = "local";
        break;
      case field::binds_to_enclosing: legacy.binds = event.flag(); break;
      case field::pid_override: legacy.pid = event.whole(); break;
      case field::tid_override: legacy.tid = event.whole(); break;
      default: event.skip();
    }
  return legacy;
}

PerfettoIntake::Read PerfettoIntake::read_event(PacketFields event) {
  Read read;
  const auto to = [](auto& numbers) {
    return [&numbers](std::uint64_t one) {
      numbers.push_back(static_cast<typename std::decay_t<decltype(numbers)>::value_type>(one));
    };
  };
  while (event.next()) switch (event.tag()) {
      case field::type: read.type = static_cast<int>(event.number() & 0xff); break;
      case field::track: read.track = event.number(); break;
      case field::name_number: read.name_number = event.number(); break;
      case field::event_name: read.name = event.text(); break;
      case field::category_number: event.numbers(false, to(read.category_numbers)); break;
      case field::category: read.categories.push_back(event.text()); break;
      case field::annotation: read.annotations.push_back(event.text()); break;
      case field::legacy_event: read.legacy = read_legacy(event.message()); break;
      case field::delta_us: read.delta_us = event.whole(); break;
      case field::absolute_us: read.absolute_us = event.whole(); break;
      case field::counter_value: read.count = event.whole(); break;
      case field::real_counter_value: read.real_count = event.real(); break;
      case field::more_counters: event.numbers(false, to(read.counters)); break;
      case field::more_counts: event.numbers(false, to(read.counts)); break;
      case field::more_real_counters: event.numbers(false, to(read.real_counters)); break;
      case field::more_real_counts:
        event.numbers(true, [&](std::uint64_t bits) {
          read.real_counts.push_back(std::bit_cast<double>(bits));
        });
        break;
      case field::flows_before: event.numbers(false, to(read.flows)); break;
      case field::flows: event.numbers(true, to(read.flows)); break;
      case field::last_flows_before: event.numbers(false, to(read.last_flows)); break;
      case field::last_flows: event.numbers(true, to(read.last_flows)); break;
      default: event.skip();
    }
  return read;
}

}  // namespace limelight::profiling
