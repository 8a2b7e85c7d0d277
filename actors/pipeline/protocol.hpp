// What actors say to each other, and who understands what. The only header that differs between
// versions of CAF.
//
// Every message is a type of its own; payloads never travel here (they go through ipc), so messages
// stay small. A rank joins the orchestrator with its handle; from then on the orchestrator submits
// requests to it, and the profiling supervisor starts and stops its trace.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace limelight::actors {

struct Submit {
  std::uint64_t number = 0;
  std::string id, prompt;
  float temperature = 0, top_p = 1, repetition_penalty = 1;
  std::int32_t top_k = 0, max_tokens = 0;
  std::uint64_t seed = 0;
  std::vector<std::int32_t> stop_token_ids;
};
struct Cancel {
  std::uint64_t number = 0;
};
struct EndRank {};
// A sign of life; Beat is what the heartbeat tells itself.
struct Ping {};
struct Pong {};
struct Beat {};

// One stage is done with one request, or failed at it. Sent by the stage's first rank.
struct StageReport {
  std::uint64_t number = 0;
  std::int32_t stage = 0;
  std::int32_t error_code = 0;  // ErrorCode; 0: done
  std::string error;
  std::uint64_t tokens_out = 0;
  double gen_ms = 0;  // time in this stage's steps
  // Chunks received from the stage before, if any.
  std::int32_t from_stage = -1;
  std::uint64_t rx_chunks = 0, rx_bytes = 0;
  double rx_tx_ms = 0;         // from the wish for a loan to publish, summed
  double rx_in_flight_ms = 0;  // from publish to take, summed
  double rx_decode_ms = 0;     // in consume()
};

// What to record; empty and 0 stand for all and no limit.
struct TraceLimits {
  std::int64_t start_at_ns = 0;
  std::uint64_t steps = 0, milliseconds = 0, bytes = 0;
  std::string request;
  std::uint32_t activities = 0;  // a set of profiling::Activity
};
struct StartProfile {
  std::string run_id;
  std::vector<std::int32_t> stages, ranks;
  std::string directory, timestamp, prefix, format;
  std::int64_t base_ns = 0;
  TraceLimits limits;
};
struct StopProfile {};
struct StartTrace {
  std::string directory, timestamp, prefix, format;
  std::int64_t base_ns = 0;
  TraceLimits limits;
};
struct StopTrace {
  bool discard = false;  // the start was in vain: no file is left of it
};
// What the flight recorders keep, as traces.
struct DumpProfile {
  std::string directory;
  std::uint64_t last_ms = 0;
};
struct DumpTrace {
  std::string directory, timestamp;
  std::int64_t base_ns = 0;
  std::uint64_t last_ms = 0;
};
// Switches a rank's flight recorder; 0: off.
struct SetFlight {
  std::uint64_t keep_ms = 0;
};
// A full queue holds a rank back, for so long by now.
struct HeldBack {
  std::int32_t rank = 0, stage = 0;
  std::uint64_t number = 0, milliseconds = 0;
};
struct OpRow {
  std::string name;
  std::uint64_t calls = 0, total_ns = 0, self_ns = 0;
};
// The answer of one rank to StartTrace and StopTrace.
struct TraceAnswer {
  std::int32_t rank = 0, stage = 0;
  std::int32_t error_code = 0;  // ErrorCode; 0: done
  std::string error;
  std::string note;  // such as "was already running"
  std::string file;
  std::uint64_t events = 0, drops = 0, bytes = 0;
  std::int64_t clock_error_ns = 0, begin_skew_ns = 0;
  double overhead_percent = 0;
  std::uint64_t profiler_cpu_ns = 0;
  std::vector<OpRow> ops;
};
// The answer of all ranks together. Its error names each rank that failed; the other ranks' answers
// count all the same, except those to a start that failed: no rank has a file then.
struct ProfileAnswer {
  std::int32_t error_code = 0;  // ErrorCode; 0: done
  std::string error;
  std::string note;
  std::vector<TraceAnswer> ranks;
};

template <class I>
auto inspect(I& f, Submit& x) {
  return f(caf::meta::type_name("Submit"), x.number, x.id, x.prompt, x.temperature, x.top_p,
           x.repetition_penalty, x.top_k, x.max_tokens, x.seed, x.stop_token_ids);
}
template <class I>
auto inspect(I& f, Cancel& x) {
  return f(caf::meta::type_name("Cancel"), x.number);
}
template <class I>
auto inspect(I& f, EndRank&) {
  return f(caf::meta::type_name("EndRank"));
}
template <class I>
auto inspect(I& f, Ping&) {
  return f(caf::meta::type_name("Ping"));
}
template <class I>
auto inspect(I& f, Pong&) {
  return f(caf::meta::type_name("Pong"));
}
template <class I>
auto inspect(I& f, Beat&) {
  return f(caf::meta::type_name("Beat"));
}
template <class I>
auto inspect(I& f, StageReport& x) {
  return f(caf::meta::type_name("StageReport"), x.number, x.stage, x.error_code, x.error,
           x.tokens_out, x.gen_ms, x.from_stage, x.rx_chunks, x.rx_bytes, x.rx_tx_ms,
           x.rx_in_flight_ms, x.rx_decode_ms);
}
template <class I>
auto inspect(I& f, TraceLimits& x) {
  return f(caf::meta::type_name("TraceLimits"), x.start_at_ns, x.steps, x.milliseconds, x.bytes,
           x.request, x.activities);
}
template <class I>
auto inspect(I& f, StartProfile& x) {
  return f(caf::meta::type_name("StartProfile"), x.run_id, x.stages, x.ranks, x.directory,
           x.timestamp, x.prefix, x.format, x.base_ns, x.limits);
}
template <class I>
auto inspect(I& f, StopProfile&) {
  return f(caf::meta::type_name("StopProfile"));
}
template <class I>
auto inspect(I& f, StartTrace& x) {
  return f(caf::meta::type_name("StartTrace"), x.directory, x.timestamp, x.prefix, x.format,
           x.base_ns, x.limits);
}
template <class I>
auto inspect(I& f, StopTrace& x) {
  return f(caf::meta::type_name("StopTrace"), x.discard);
}
template <class I>
auto inspect(I& f, DumpProfile& x) {
  return f(caf::meta::type_name("DumpProfile"), x.directory, x.last_ms);
}
template <class I>
auto inspect(I& f, DumpTrace& x) {
  return f(caf::meta::type_name("DumpTrace"), x.directory, x.timestamp, x.base_ns, x.last_ms);
}
template <class I>
auto inspect(I& f, SetFlight& x) {
  return f(caf::meta::type_name("SetFlight"), x.keep_ms);
}
template <class I>
auto inspect(I& f, HeldBack& x) {
  return f(caf::meta::type_name("HeldBack"), x.rank, x.stage, x.number, x.milliseconds);
}
template <class I>
auto inspect(I& f, OpRow& x) {
  return f(caf::meta::type_name("OpRow"), x.name, x.calls, x.total_ns, x.self_ns);
}
template <class I>
auto inspect(I& f, TraceAnswer& x) {
  return f(caf::meta::type_name("TraceAnswer"), x.rank, x.stage, x.error_code, x.error, x.note,
           x.file, x.events, x.drops, x.bytes, x.clock_error_ns, x.begin_skew_ns,
           x.overhead_percent, x.profiler_cpu_ns, x.ops);
}
template <class I>
auto inspect(I& f, ProfileAnswer& x) {
  return f(caf::meta::type_name("ProfileAnswer"), x.error_code, x.error, x.note, x.ranks);
}

using RankActor = caf::typed_actor<caf::reacts_to<Submit>,
                                   caf::reacts_to<Cancel>,
                                   caf::reacts_to<EndRank>,
                                   caf::replies_to<Ping>::with<Pong>,
                                   caf::replies_to<StartTrace>::with<TraceAnswer>,
                                   caf::replies_to<StopTrace>::with<TraceAnswer>,
                                   caf::replies_to<DumpTrace>::with<TraceAnswer>,
                                   caf::replies_to<SetFlight>::with<TraceAnswer>>;

struct Join {
  std::int32_t rank = 0, stage = 0, pid = 0;
  RankActor actor;
};
template <class I>
auto inspect(I& f, Join& x) {
  return f(caf::meta::type_name("Join"), x.rank, x.stage, x.pid, x.actor);
}

using OrchestratorActor =
    caf::typed_actor<caf::reacts_to<Join>, caf::reacts_to<StageReport>, caf::reacts_to<HeldBack>>;
using SupervisorActor = caf::typed_actor<caf::reacts_to<Join>,
                                         caf::replies_to<StartProfile>::with<ProfileAnswer>,
                                         caf::replies_to<StopProfile>::with<ProfileAnswer>,
                                         caf::replies_to<DumpProfile>::with<ProfileAnswer>,
                                         caf::replies_to<SetFlight>::with<ProfileAnswer>>;

}  // namespace limelight::actors

CAF_BEGIN_TYPE_ID_BLOCK(limelight, first_custom_type_id)
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Submit))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Cancel))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::EndRank))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Ping))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Pong))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Beat))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StageReport))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::TraceLimits))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StartProfile))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StopProfile))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StartTrace))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StopTrace))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::DumpProfile))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::DumpTrace))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::SetFlight))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::HeldBack))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::OpRow))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::TraceAnswer))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::ProfileAnswer))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::RankActor))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Join))
CAF_END_TYPE_ID_BLOCK(limelight)
