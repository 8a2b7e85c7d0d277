// The traces of a rank: its session, and what its flight recorder keeps.
//
// The rank's actors take care that one of them works at a time, so that none of them waits for the
// other. The lock inside is for close(), which comes from the thread of the lifeline at any time.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/pipeline/protocol.hpp"
#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/cupti/cupti_source.hpp"

namespace limelight::actors {

class RankWorker;

class RankTraces {
 public:
  // flight: of this rank's flight recorder, when it is switched on. The worker outlives this.
  RankTraces(RankWorker& worker, int rank, int world_size, profiling::FlightOptions flight);
  // Answers within some tens of microseconds: the file is made by the session's own thread.
  RankTrace start(const StartTrace& request);
  // Returns once the file is whole and synced, or gone where it is to be discarded.
  RankTrace stop(const StopTrace& request);
  RankTrace dump(const DumpTrace& request);
  RankTrace set_flight(const SetFlight& request);
  // Nobody is left to stop the session: finishes, syncs and renames its file, if one runs. Every
  // later request is refused as cancelled.
  void close();

 private:
  RankTrace refused() const;
  RankTrace blank() const;
  // That this rank is in, for the trace's head: none if it has its stage alone.
  std::vector<profiling::ProcessGroup> groups() const;
  std::string peak(const ProfileOptions& options);
  RankTrace failed(const Error& error) const;
  RankWorker& worker_;
  std::mutex mutex_;  // guards everything below
  bool closed_ = false;
  int rank_, world_size_;
  profiling::FlightOptions flight_;
  std::unique_ptr<profiling::ActivitySource> source_;  // of a GPU; attached for good
  std::string no_source_;                              // why there is none on a GPU
  std::unique_ptr<profiling::Session> session_;
  RankTrace finished_;  // of the last session: a second stop answers the same
};

}  // namespace limelight::actors
