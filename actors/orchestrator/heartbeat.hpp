// Asks every rank for a sign of life, and tells of the one that gives none: stopped, swapped out,
// or stuck in its actor.
//
// A rank that dies is the launcher's business, which knows at once. When this process itself was
// away (stopped, asleep), nobody is blamed.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "actors/pipeline/protocol.hpp"

namespace limelight::actors {

// Spawn it once all ranks joined; a Join that it is sent replaces the rank's earlier process.
// on_silent is called once for each process that was silent for `timeout`, on_sign with each sign
// of life; both on an actor's thread.
caf::behavior heartbeat(
    caf::event_based_actor* self,
    std::vector<Join> ranks,
    std::chrono::milliseconds timeout,
    std::function<void(const Join& rank, std::chrono::milliseconds silent)> on_silent,
    std::function<void(const Join& rank, const Pong& sign)> on_sign);

}  // namespace limelight::actors
