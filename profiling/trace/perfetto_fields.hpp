// The numbers of the fields of Perfetto's messages, for who writes and who reads them. Each group
// belongs to the messages that stand above it; numbers of different messages are no relatives.
//
// Source: https://perfetto.dev/docs/reference/trace-packet-proto
#pragma once

#include <cstdint>

namespace limelight::profiling::perfetto_field {

constexpr std::uint32_t trace_packet = 1;  // Trace
// TracePacket
constexpr std::uint32_t process_tree = 2, clock_snapshot = 6, timestamp = 8, sequence = 10,
                        track_event = 11, interned_data = 12, sequence_flags = 13,
                        state_cleared_before = 41, packets_dropped = 42, process_packet = 43,
                        thread_packet = 44, compressed_packets = 50, packet_clock = 58,
                        default_clock = 58, packet_defaults = 59, track_descriptor = 60,
                        perf_sample = 66, first_on_sequence = 87;
// TracePacketDefaults
constexpr std::uint32_t event_defaults = 11;
// ClockSnapshot and Clock
constexpr std::uint32_t clocks = 1, primary_clock = 2, clock_id = 1, clock_time = 2,
                        clock_is_incremental = 3, clock_unit_ns = 4;
// TrackDescriptor, ProcessDescriptor and ThreadDescriptor
constexpr std::uint32_t uuid = 1, track_name = 2, process = 3, thread = 4, parent = 5, counter = 8,
                        static_name = 10, pid = 1, process_name = 6, process_labels = 8, tid = 2,
                        thread_name = 5, reference_us = 6;
// CounterDescriptor
constexpr std::uint32_t counter_type = 1, counter_unit_factor = 4, counter_is_incremental = 5;
// TrackEvent
constexpr std::uint32_t delta_us = 1, category_number = 3, annotation = 4, legacy_event = 6,
                        type = 9, name_number = 10, track = 11, more_counts = 12, absolute_us = 16,
                        category = 22, event_name = 23, counter_value = 30, more_counters = 31,
                        flows_before = 36, last_flows_before = 42, real_counter_value = 44,
                        more_real_counters = 45, more_real_counts = 46, flows = 47, last_flows = 48;
// LegacyEvent
constexpr std::uint32_t legacy_name = 1, phase = 2, duration_us = 3, unscoped_id = 6, local_id = 10,
                        global_id = 11, binds_to_enclosing = 12, pid_override = 18,
                        tid_override = 19;
// InternedData and what it consists of
constexpr std::uint32_t categories = 1, names = 2, annotation_names = 3, number = 1, text = 2;
constexpr std::uint32_t functions = 5, frames = 6, callstacks = 7, mapping_paths = 17,
                        mappings = 19, annotation_texts = 29, function_of = 2, mapping_of = 3,
                        frames_of = 2, path_of = 7;
// PerfSample
constexpr std::uint32_t sample_pid = 2, sample_tid = 3, callstack_number = 4;
// DebugAnnotation
constexpr std::uint32_t name_of = 1, boolean = 2, whole = 3, negative = 4, real = 5, string = 6,
                        pointer = 7, nested = 8, json = 9, plain_name = 10, entries = 11,
                        array = 12, text_number = 17;
// NestedValue, as older writers have it
constexpr std::uint32_t nested_keys = 2, nested_values = 3, nested_array = 4, nested_whole = 5,
                        nested_real = 6, nested_boolean = 7, nested_text = 8;
// ProcessTree and its processes and threads
constexpr std::uint32_t tree_processes = 1, tree_threads = 2, tree_pid = 1, tree_command = 3,
                        tree_tid = 1, tree_thread_name = 2, tree_thread_pid = 3;

}  // namespace limelight::profiling::perfetto_field
