// The worker of a rank: owns the stage, its channels and the group of ranks, and turns submitted
// requests into steps.
//
// run() is the body of the worker thread; submit() and end() may be called from any thread. In a
// group, the first rank decides what is done next and broadcasts it as a list of actions; the
// others do the same, so that all take part in the same collectives in the same order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <limelight/config.hpp>
#include <limelight/stage.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "actors/pipeline/stage_report.hpp"
#include "actors/rank/scheduler.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "ipc/shared_group.hpp"
#include "stages/devices/device.hpp"

namespace limelight::actors {

class RankWorker {
 public:
  // run: the name of this run, part of all names in shared memory. held_back(request, for how
  // long): called again and again while a full queue holds this rank back, on the worker thread.
  // Creates the stage and its channels, and waits until they are connected. Errors: as of ipc, and
  // timeout.
  static Result<std::unique_ptr<RankWorker>> create(
      const stages::PipelineConfig& config,
      int rank,
      const std::string& run,
      std::function<void(const StageReport&)> report,
      std::function<void(std::uint64_t, std::chrono::milliseconds)> held_back);
  void submit(stages::Request request);
  // Ends a request that failed in another stage or was given up; nothing is reported.
  void cancel(std::uint64_t number);
  void end();
  void run();
  int stage_id() const noexcept { return config_.stage_id; }
  const std::string& stage_name() const noexcept { return config_.model_stage; }
  stages::Device& device() noexcept { return *device_; }
  // Fixed by create(), so any thread may ask. By what the ranks of this stage do their collectives:
  // "nccl" between GPUs, else "shm"; how many they are, and the place of this one among them.
  const char* backend() const noexcept { return gpu_group_ ? "nccl" : "shm"; }
  int group_size() const noexcept { return group_ ? group_->size() : 1; }
  int group_rank() const noexcept { return group_ ? group_->rank() : 0; }

 private:
  class ChunkOutput;
  struct ServedRequest {
    StageReport report;
    std::uint64_t steps = 0, batched = 0;   // that it was in; requests in them, itself included
    std::map<int, std::uint32_t> sequence;  // by output
    std::vector<ipc::Chunk> early;          // of a request that was not submitted yet
    bool begun = false;
  };
  struct Batch;

  explicit RankWorker(stages::StageConfig config);
  bool is_first_rank() const { return !group_ || group_->rank() == 0; }
  bool unwanted(std::uint64_t request);  // nobody waits for its output any more
  std::deque<stages::Request> take_submitted(bool wait);
  void begin(const stages::Request& request);
  void begin_submitted(bool wait);
  void drop_cancelled();
  void drop(std::uint64_t number);
  Result<void> tell();
  bool hear();
  void follow();
  void accept(ipc::Chunk chunk);
  void consume(ServedRequest& served, const ipc::Chunk& chunk);
  void receive(std::chrono::milliseconds timeout);
  bool step();
  void record_turns(const Batch& batch, double step_ms);
  void finish(std::uint64_t number, Error error);

  stages::StageConfig config_;
  std::function<void(const StageReport&)> report_;
  std::function<void(std::uint64_t, std::chrono::milliseconds)> held_back_;
  std::optional<ipc::SharedGroup> group_;
  std::unique_ptr<stages::Device> device_;
  std::unique_ptr<ipc::Collective>
      gpu_group_;  // of ranks on GPUs; those on the CPU sum over group_
  std::unique_ptr<stages::Stage> stage_;
  std::unique_ptr<ipc::Subscriber> input_;
  std::vector<stages::Edge> inputs_;  // by the channels of input_
  struct Outlet {
    int output;  // a port of the stage
    ipc::Publisher publisher;
  };
  std::vector<Outlet> outlets_;  // to other stages, and to the user
  std::map<std::uint64_t, ServedRequest> served_;
  Scheduler scheduler_;          // of the first rank
  std::vector<Action> actions_;  // that this group does next
  std::uint64_t newest_begun_ =
      0;  // requests up to this number that are not open are over: their late chunks are dropped
  std::uint64_t steps_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<stages::Request> submitted_;
  std::vector<std::uint64_t> cancelled_;
  bool ending_ = false;
};

}  // namespace limelight::actors
