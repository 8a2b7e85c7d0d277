// The names of events that tools look for in a trace: each is said here, for those that record it
// and those that read it.
//
// They are part of the trace's format: files of older versions have them too. Names of other
// events, such as those of operations, are said where they are recorded.
#pragma once

#include <string_view>

namespace limelight::profiling::event_names {

// Chunks from one process to another (Activity::ipc). A publish and a take carry ValueKind::chunk.
// Each take begins after the publish of its chunk has begun.
inline constexpr std::string_view ipc_loan = "ipc.loan";
inline constexpr std::string_view ipc_publish = "ipc.publish";
inline constexpr std::string_view ipc_take = "ipc.take";

// What these wait for, as spans of their own: a chunk to take, room in a full queue before a
// publish, and, inside a loan, memory. A thread does nothing meanwhile. (In files of older versions
// the wait is part of the take and of the publish.)
inline constexpr std::string_view wait_for_chunk = "wait.chunk";
inline constexpr std::string_view wait_for_room = "wait.room";
inline constexpr std::string_view wait_for_memory = "wait.memory";
inline constexpr std::string_view wait_prefix = "wait.";

// Of the ranks of one stage (Activity::collectives); the prefix begins all of them.
inline constexpr std::string_view collective_prefix = "collective.";
inline constexpr std::string_view all_reduce = "collective.all_reduce";
inline constexpr std::string_view broadcast = "collective.broadcast";

// Messages (Activity::actors): a rank is told a request; the orchestrator hears of a stage's end.
inline constexpr std::string_view actor_submit = "actor.submit";
inline constexpr std::string_view actor_stage_report = "actor.stage_report";

// What the orchestrator does for a request.
inline constexpr std::string_view orchestrator_submit = "orchestrator.submit";
inline constexpr std::string_view orchestrator_admit = "orchestrator.admit";
inline constexpr std::string_view orchestrator_deliver = "orchestrator.deliver";
inline constexpr std::string_view orchestrator_finish = "orchestrator.finish";

// What the name of a step (ValueKind::step) becomes, with its number behind it.
inline constexpr std::string_view step_prefix = "ProfilerStep#";

// Counters of a rank's memory (Activity::memory): see memory_sampler.hpp.
inline constexpr std::string_view memory_host = "memory.host";
inline constexpr std::string_view memory_device = "memory.device";
inline constexpr std::string_view memory_chunks = "memory.chunks";
inline constexpr std::string_view memory_resident = "memory.resident";
inline constexpr std::string_view kv_used_blocks = "kv.used_blocks";
inline constexpr std::string_view kv_free_blocks = "kv.free_blocks";
inline constexpr std::string_view pool_used_chunks = "pool.used_chunks";
// An allocation that failed: a span of no length, and a counter for each holder of memory,
// "memory.failed: weights" and so on.
inline constexpr std::string_view memory_failed = "memory.failed";

// Before a step, where a profile is of one phase: see step_phase.hpp.
inline constexpr std::string_view step_phase = "step.prefill";

// Inside a step that several requests share: what one of them had of it (ValueKind::turn).
inline constexpr std::string_view turn = "turn";

}  // namespace limelight::profiling::event_names
