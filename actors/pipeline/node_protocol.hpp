// What an orchestrator and the session of a run on another machine say to each other. Part of
// protocol.hpp, which includes it.
//
// The session starts ranks there as the launcher does here, and stands for each of them: the
// orchestrator has a handle of the session's, behind which the rank is.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "actors/pipeline/protocol.hpp"

namespace limelight::actors {

// A channel to a third machine: this session connects to the node there, and sends.
struct DialledChannel {
  std::string topic;    // without the run
  std::string address;  // of the other node
  std::string run;      // the run's name there
  std::uint64_t max_bytes = 0;
  std::uint32_t window = 1;
};

// The first message: from then on the ranks are being started.
struct PrepareNode {
  std::string node;  // this machine's name in the config
  std::string run;   // the run's name on this machine
  std::string config_text;
  std::vector<std::int32_t> ranks;
  std::map<std::int32_t, std::map<std::string, std::string>> env;  // of ranks
  std::int32_t incarnation = 0;  // more than 0: the ranks were started before
  std::string absent;            // see Launcher
  std::uint64_t flight_ms = 0;
  SetClock clock;
  std::vector<DialledChannel> channels;
  OrchestratorActor orchestrator;  // the session ends with it
};
struct StartRank {
  std::int32_t rank = 0, incarnation = 0;
  std::string absent;
};
struct KillRank {
  std::int32_t rank = 0;
};
// The run is over.
struct EndRanks {
  std::uint64_t grace_ms = 0;
};
struct NodeAnswer {
  Error error = {ErrorCode::none, {}};
  std::vector<std::int32_t> pids;  // of the ranks that were started, in the order of the message
};
// A piece of a file that one of its ranks has named as its trace.
struct ReadTrace {
  std::string path;
  std::uint64_t offset = 0;
};
struct TracePart {
  Error error = {ErrorCode::none, {}};
  std::vector<char> bytes;  // none: that was all
};

template <class I>
auto inspect(I& f, DialledChannel& x) {
  return f(caf::meta::type_name("DialledChannel"), x.topic, x.address, x.run, x.max_bytes,
           x.window);
}
template <class I>
auto inspect(I& f, PrepareNode& x) {
  return f(caf::meta::type_name("PrepareNode"), x.node, x.run, x.config_text, x.ranks, x.env,
           x.incarnation, x.absent, x.flight_ms, x.clock, x.channels, x.orchestrator);
}
template <class I>
auto inspect(I& f, StartRank& x) {
  return f(caf::meta::type_name("StartRank"), x.rank, x.incarnation, x.absent);
}
template <class I>
auto inspect(I& f, KillRank& x) {
  return f(caf::meta::type_name("KillRank"), x.rank);
}
template <class I>
auto inspect(I& f, EndRanks& x) {
  return f(caf::meta::type_name("EndRanks"), x.grace_ms);
}
template <class I>
auto inspect(I& f, NodeAnswer& x) {
  return f(caf::meta::type_name("NodeAnswer"), x.error, x.pids);
}
template <class I>
auto inspect(I& f, ReadTrace& x) {
  return f(caf::meta::type_name("ReadTrace"), x.path, x.offset);
}
template <class I>
auto inspect(I& f, TracePart& x) {
  return f(caf::meta::type_name("TracePart"), x.error, x.bytes);
}

using NodeActor = caf::typed_actor<caf::replies_to<PrepareNode>::with<NodeAnswer>,
                                   caf::replies_to<StartRank>::with<NodeAnswer>,
                                   caf::replies_to<EndRanks>::with<NodeAnswer>,
                                   caf::replies_to<ReadTrace>::with<TracePart>,
                                   caf::reacts_to<KillRank>,
                                   caf::reacts_to<ReplicaAnew>,
                                   caf::reacts_to<SetClock>>;

}  // namespace limelight::actors
