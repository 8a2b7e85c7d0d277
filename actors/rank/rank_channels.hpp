// The channels of a replica: one for each edge to or from each replica of the stage at the other
// end, one from the orchestrator for each attachment of requests, and one to the user. Of a
// replica's ranks the first one has them.
#pragma once

#include <cstdint>
#include <limelight/config.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/pipeline/topics.hpp"
#include "ipc/iceoryx/channel.hpp"

namespace limelight::actors {

// Which replicas serve a request, by their stage's place in the config, and whether the user wants
// what this stage has for him.
struct Route {
  std::vector<std::int32_t> replicas;  // -1: the stage is not needed
  bool to_user = true;
};

struct Outlet {
  static constexpr int user = -1;
  int output;      // a port of the stage
  int to_stage;    // or user
  int to_replica;  // 0 for the user
  std::size_t to_place;
  ipc::Publisher publisher;

  bool is_on(const Route& route) const {
    return to_stage == user ? route.to_user : route.replicas.at(to_place) == to_replica;
  }
};

struct Inlet {
  int from_stage, from_replica;  // or TransferStats::from_request, 0
  int input;                     // a port of the stage
};

struct RankChannels {
  std::vector<Outlet> outlets;
  std::vector<Inlet> inlets;               // by the channels of `input`
  std::unique_ptr<ipc::Subscriber> input;  // nullptr: no edge ends here

  // run: the name of this run, part of all names in shared memory.
  static RankChannels open(const stages::PipelineConfig& config,
                           const stages::Replica& me,
                           const std::string& run);
  // All of them, but for those to the absent replicas, which are down: once they come they wait for
  // this one.
  bool connected(const std::vector<ReplicaName>& absent) const;
  // The window towards that replica is empty: its process is another one. On any thread.
  void consumer_replaced(int stage, int replica);
};

}  // namespace limelight::actors
