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
#include "actors/rank/chunk_output.hpp"
#include "actors/rank/group_actions.hpp"
#include "actors/rank/rank_channels.hpp"
#include "actors/rank/scheduler.hpp"
#include "ipc/shared_group.hpp"
#include "profiling/record/memory_sampler.hpp"
#include "stages/devices/device.hpp"

namespace limelight::actors {

// Which of a run's processes this is. incarnation: how often the rank was started before.
struct RankPlace {
  int rank = 0;
  std::string run;  // part of all names in shared memory
  int incarnation = 0;
  std::vector<ReplicaName> absent = {};  // replicas that are down, and not waited for
};

class RankWorker {
 public:
  // held_back(request, for how
  // long): called again and again while a full queue holds this rank back, on the worker thread.
  // Creates the stage and its channels, and waits until they are connected. Errors: as of ipc, and
  // timeout.
  static Result<std::unique_ptr<RankWorker>> create(
      const stages::PipelineConfig& config,
      const RankPlace& place,
      std::function<void(const StageReport&)> report,
      std::function<void(std::uint64_t, std::chrono::milliseconds)> held_back);
  void submit(stages::Request request, Route route);
  // Ends a request that failed in another stage or was given up; nothing is reported.
  void cancel(std::uint64_t number);
  // The ranks at the other end were started anew. On any thread.
  void consumer_replaced(int stage, int replica) { channels_.consumer_replaced(stage, replica); }
  void end();
  void run();
  int stage_id() const noexcept { return config_.stage_id; }
  int replica() const noexcept { return replica_.index; }
  int num_replicas() const noexcept { return config_.num_replicas; }
  const std::string& stage_name() const noexcept { return config_.model_stage; }
  const stages::ProfilerConfig& profiler() const noexcept { return config_.profiler; }
  stages::Device& device() noexcept { return *device_; }
  int threads() const noexcept { return config_.cpu.threads; }  // of a product
  profiling::MemorySampler& memory() noexcept { return memory_; }
  // Fixed by create(), so any thread may ask. By what the ranks of this stage do their collectives:
  // "nccl" between GPUs, else "shm"; how many they are, and the place of this one among them.
  const char* backend() const noexcept { return gpu_group_ ? "nccl" : "shm"; }
  int group_size() const noexcept { return group_ ? group_->size() : 1; }
  int group_rank() const noexcept { return group_ ? group_->rank() : 0; }

 private:
  struct Submitted {
    stages::Request request;
    Route route;
  };
  struct Inbox {
    std::deque<Submitted> submitted;
    std::vector<std::uint64_t> cancelled;
  };
  struct ServedRequest {
    StageReport report;
    Route route;
    std::uint64_t steps = 0, batched = 0;   // that it was in; requests in them, itself included
    std::map<int, std::uint32_t> sequence;  // by output
    std::vector<ipc::Chunk> early;          // of a request that was not submitted yet
    bool begun = false;
  };
  struct Batch;

  RankWorker(stages::StageConfig config, const stages::Replica& replica);
  bool is_first_rank() const { return !group_ || group_->rank() == 0; }
  bool unwanted(std::uint64_t request);  // nobody waits for its output any more
  Inbox take_inbox(bool wait);
  void begin(const Submitted& submitted);
  void take_requests(bool wait);
  void drop(std::uint64_t number);
  void follow();
  void accept(ipc::Chunk chunk);
  void consume(ServedRequest& served, const ipc::Chunk& chunk);
  // False: the stage refused it, and the request is over.
  bool give(std::uint64_t request,
            int input,
            const ipc::TensorSpec& tensor,
            std::span<const std::byte> data,
            bool last);
  void receive(std::chrono::milliseconds timeout);
  bool step();
  void record_turns(const Batch& batch, double step_ms);
  void finish(std::uint64_t number, Error error);

  stages::StageConfig config_;
  stages::Replica replica_;
  std::function<void(const StageReport&)> report_;
  std::optional<ipc::SharedGroup> group_;
  std::unique_ptr<stages::Device> device_;
  std::unique_ptr<ipc::Collective>
      gpu_group_;  // of ranks on GPUs; those on the CPU sum over group_
  std::unique_ptr<stages::Stage> stage_;
  RankChannels channels_;  // of the first rank
  profiling::MemorySampler memory_;
  ChunkSender sender_;
  std::map<std::uint64_t, ServedRequest> served_;
  Scheduler scheduler_;          // of the first rank
  std::vector<Action> actions_;  // that this group does next
  std::vector<ToldChunk> told_;  // of its consume actions
  std::uint64_t newest_begun_ =
      0;  // requests up to this number that are not open are over: their late chunks are dropped
  std::uint64_t steps_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Submitted> submitted_;
  std::vector<std::uint64_t> cancelled_;
  bool ending_ = false;
};

}  // namespace limelight::actors
