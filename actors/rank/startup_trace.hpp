// The trace of a rank's start, from the first line of run_rank() until it has joined: reading the
// config, making the device and the stage with its weights, connecting the channels. It is a
// session of its own, so it has to be over before a profile can start. One thread uses an object.
#pragma once

#include <memory>
#include <string>

#include "profiling/capture/session.hpp"
#include "profiling/record/memory_sampler.hpp"

namespace limelight::actors {

class StartupTrace {
 public:
  // Begins if the process was told to (see startup_request.hpp). What fails is said in the log.
  explicit StartupTrace(int rank);
  // The trace is complete. Returns its file; empty: there is none.
  std::string end();

 private:
  profiling::MemorySampler memory_;
  std::unique_ptr<profiling::Session> session_;
};

}  // namespace limelight::actors
