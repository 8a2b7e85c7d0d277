// The names that CAF's threads have in traces: "actors" for those of the scheduler, "actor clock",
// and "network". CAF itself gives two kinds of them one name.
#pragma once

#include <caf/fwd.hpp>

namespace limelight::actors {

// Before the system is made of the settings.
void name_actor_threads(caf::actor_system_config& settings);
// Once the system is made, with its middleman.
void name_network_thread(caf::actor_system& system);

}  // namespace limelight::actors
