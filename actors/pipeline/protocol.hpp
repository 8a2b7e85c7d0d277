// What actors say to each other, and who understands what. The only header that differs between
// versions of CAF.
//
// Every message is a type of its own; tensors never travel here (they go through ipc), so messages
// stay small. The sounds and pictures of a prompt are part of it: files of a few megabytes that
// each rank of the first stage reads once. A rank joins the orchestrator with its handle; from then
// on the orchestrator submits requests to it, and the profiling supervisor starts and stops its
// trace.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <limelight/config.hpp>
#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <string>
#include <vector>

#include "actors/pipeline/stage_report.hpp"

namespace limelight::actors {

// For one stage. Numbers grow in the order of submission; a request that is begun anew has another.
struct Submit {
  std::uint64_t number = 0;
  std::string id, prompt;
  stages::SamplingParams sampling;
  std::vector<Message> messages;
  std::vector<std::int32_t> prompt_token_ids = {};
  bool use_chat_template = true;
  // Where it goes: the replica of each stage, in the order of the config; -1: not to that stage.
  std::vector<std::int32_t> replicas = {};
  bool to_user = true;  // the stage's output for the user is wanted
};
// The ranks of that replica were started anew: what they had not taken is lost.
struct ReplicaAnew {
  std::int32_t stage = 0, replica = 0;
};
struct Cancel {
  std::uint64_t number = 0;
};
struct EndRank {};
// A sign of life; Beat is what the heartbeat tells itself.
struct Ping {};
struct Pong {
  std::uint64_t kv_blocks = 0, used_kv_blocks = 0;  // of the rank's caches
};
struct Beat {};

// How the clock of a rank's machine differs from the orchestrator's, as it is known now.
struct SetClock {
  std::int64_t offset_ns = 0, error_ns = -1;
};
// A rank on another machine has ended. What a Join is for its beginning.
struct RankGone {
  std::int32_t rank = 0, pid = 0;
  std::string cause, log_tail;
};

struct StartProfile {
  std::vector<std::int32_t> stages;  // empty: all
  std::string directory, timestamp;
  std::int64_t base_ns = 0;
  ProfileOptions options;
};
struct StopProfile {
  std::vector<std::int32_t> stages = {};  // empty: all
};
struct StartTrace {
  std::string directory, timestamp;
  std::int64_t base_ns = 0;
  ProfileOptions options;
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
// The answers of all ranks together. Its error names each rank that failed; the other ranks'
// answers count all the same, except those to a start that failed: no rank has a file then.
struct ProfileAnswer {
  Error error = {ErrorCode::none, {}};
  std::string note;
  std::vector<RankTrace> ranks;
  bool goes_on = false;  // of a stop: other stages still record
};

template <class I>
auto inspect(I& f, Submit& x) {
  return f(caf::meta::type_name("Submit"), x.number, x.id, x.prompt, x.sampling, x.messages,
           x.prompt_token_ids, x.use_chat_template, x.replicas, x.to_user);
}
template <class I>
auto inspect(I& f, ReplicaAnew& x) {
  return f(caf::meta::type_name("ReplicaAnew"), x.stage, x.replica);
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
auto inspect(I& f, Pong& x) {
  return f(caf::meta::type_name("Pong"), x.kv_blocks, x.used_kv_blocks);
}
template <class I>
auto inspect(I& f, Beat&) {
  return f(caf::meta::type_name("Beat"));
}
template <class I>
auto inspect(I& f, StartProfile& x) {
  return f(caf::meta::type_name("StartProfile"), x.stages, x.directory, x.timestamp, x.base_ns,
           x.options);
}
template <class I>
auto inspect(I& f, StopProfile& x) {
  return f(caf::meta::type_name("StopProfile"), x.stages);
}
template <class I>
auto inspect(I& f, StartTrace& x) {
  return f(caf::meta::type_name("StartTrace"), x.directory, x.timestamp, x.base_ns, x.options);
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
auto inspect(I& f, SetClock& x) {
  return f(caf::meta::type_name("SetClock"), x.offset_ns, x.error_ns);
}
template <class I>
auto inspect(I& f, RankGone& x) {
  return f(caf::meta::type_name("RankGone"), x.rank, x.pid, x.cause, x.log_tail);
}
template <class I>
auto inspect(I& f, ProfileAnswer& x) {
  return f(caf::meta::type_name("ProfileAnswer"), x.error, x.note, x.ranks, x.goes_on);
}

using RankActor = caf::typed_actor<caf::reacts_to<Submit>,
                                   caf::reacts_to<Cancel>,
                                   caf::reacts_to<EndRank>,
                                   caf::reacts_to<ReplicaAnew>,
                                   caf::reacts_to<SetClock>,
                                   caf::replies_to<Ping>::with<Pong>,
                                   caf::replies_to<StartTrace>::with<RankTrace>,
                                   caf::replies_to<StopTrace>::with<RankTrace>,
                                   caf::replies_to<DumpTrace>::with<RankTrace>,
                                   caf::replies_to<SetFlight>::with<RankTrace>>;

struct Join {
  std::int32_t rank = 0, stage = 0, pid = 0, incarnation = 0;
  RankActor actor;
  std::string startup_trace = {};  // its file; empty: there is none
};
template <class I>
auto inspect(I& f, Join& x) {
  return f(caf::meta::type_name("Join"), x.rank, x.stage, x.pid, x.incarnation, x.actor,
           x.startup_trace);
}

using OrchestratorActor = caf::typed_actor<caf::reacts_to<Join>,
                                           caf::reacts_to<StageReport>,
                                           caf::reacts_to<HeldBack>,
                                           caf::reacts_to<RankGone>>;
using SupervisorActor = caf::typed_actor<caf::reacts_to<Join>,
                                         caf::replies_to<StartProfile>::with<ProfileAnswer>,
                                         caf::replies_to<StopProfile>::with<ProfileAnswer>,
                                         caf::replies_to<DumpProfile>::with<ProfileAnswer>,
                                         caf::replies_to<SetFlight>::with<ProfileAnswer>>;

}  // namespace limelight::actors

#include "actors/pipeline/node_protocol.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(limelight, first_custom_type_id)
  CAF_ADD_TYPE_ID(limelight, (limelight::stages::SamplingParams))
  CAF_ADD_TYPE_ID(limelight, (limelight::ContentPart))
  CAF_ADD_TYPE_ID(limelight, (limelight::Message))
  CAF_ADD_TYPE_ID(limelight, (limelight::TokenLogprob))
  CAF_ADD_TYPE_ID(limelight, (limelight::PositionLogprobs))
  CAF_ADD_TYPE_ID(limelight, (limelight::AnswerInfo))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Submit))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Cancel))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::ReplicaAnew))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::EndRank))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Ping))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Pong))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Beat))
  CAF_ADD_TYPE_ID(limelight, (limelight::Error))
  CAF_ADD_TYPE_ID(limelight, (limelight::StageStats))
  CAF_ADD_TYPE_ID(limelight, (limelight::TransferStats))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StageReport))
  CAF_ADD_TYPE_ID(limelight, (limelight::ProfileOptions))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StartProfile))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StopProfile))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StartTrace))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StopTrace))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::DumpProfile))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::DumpTrace))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::SetFlight))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::HeldBack))
  CAF_ADD_TYPE_ID(limelight, (limelight::OpTotal))
  CAF_ADD_TYPE_ID(limelight, (limelight::RankTrace))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::ProfileAnswer))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::RankActor))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::Join))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::SetClock))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::RankGone))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::DialledChannel))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::PrepareNode))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::StartRank))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::KillRank))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::EndRanks))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::NodeAnswer))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::ReadTrace))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::TracePart))
  CAF_ADD_TYPE_ID(limelight, (limelight::actors::OrchestratorActor))
CAF_END_TYPE_ID_BLOCK(limelight)
