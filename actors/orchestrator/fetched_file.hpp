// Brings a file from another machine, piece by piece, from the session of a run there.
//
// Any thread may call it but CAF's network thread; it waits.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>

#include "actors/pipeline/protocol.hpp"

namespace limelight::actors {

// path: there, of a trace. Returns where it is then: nothing in the folder is overwritten, so its
// name may have a number. One that is there already, because both machines share a disk, stays as
// it is. where: of the session, for errors. Errors: not_found (no trace of the run), io, timeout.
Result<std::filesystem::path> fetch_file(caf::actor_system& system,
                                         const NodeActor& from,
                                         const std::string& where,
                                         const std::string& path,
                                         const std::filesystem::path& folder);

}  // namespace limelight::actors
