#include "actors/rank/rank_worker.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <limelight/span.hpp>
#include <new>
#include <thread>

#include "actors/pipeline/pools.hpp"
#include "actors/pipeline/topics.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/try.hpp"
#include "ipc/nccl_group.hpp"
#include "profiling/record/clock.hpp"
#include "stages/stage_factory.hpp"

namespace limelight::actors {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

// A stage throws nothing itself; memory that is not there, and the libraries that compute, do.
template <class Call>
auto guarded(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::unavailable, "this step needs more memory than there is: " +
                                             gibibytes(available_memory()) + " are there"};
  } catch (const std::exception& failed) {
    return Error{ErrorCode::internal, std::string("the step failed: ") + failed.what()};
  }
}
constexpr auto patience =
    100ms;  // how often a rank that is held back looks whether it should go on
constexpr auto connect_timeout = 30s;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}
}  // namespace

class RankWorker::ChunkOutput final : public stages::Output {
 public:
  ChunkOutput(RankWorker& worker, ServedRequest& request) : worker_(worker), request_(request) {}

  Result<void> emit(stages::Port port,
                    const ipc::TensorSpec& tensor,
                    bool last,
                    const std::function<void(std::span<std::byte>)>& write) override {
    if (!worker_.leads()) return {};  // every rank of a group has the same result; one sends it
    if (port == stages::Port::user && worker_.user_)
      LIMELIGHT_TRY(send(*worker_.user_, port, tensor, last, write));
    if (port == stages::Port::next_stage)
      for (ipc::Publisher& next : worker_.next_)
        LIMELIGHT_TRY(send(next, port, tensor, last, write));
    ++request_.sequence[static_cast<int>(port)];
    return {};
  }

 private:
  Result<void> send(ipc::Publisher& publisher,
                    stages::Port port,
                    const ipc::TensorSpec& tensor,
                    bool last,
                    const std::function<void(std::span<std::byte>)>& write) {
    ipc::ChunkHeader header;
    header.request = request_.report.number;
    header.sequence = request_.sequence[static_cast<int>(port)];
    header.stage = static_cast<std::int16_t>(worker_.config_.stage_id);
    header.last = last ? 1 : 0;
    header.tensor = tensor;
    // A slow consumer holds this rank back for as long as it takes; the end of the rank or of the
    // request does not.
    const auto asked_to_leave = [&] {
      return Error{ErrorCode::cancelled, "ended while the next stage held it back"};
    };
    auto loan = publisher.loan(header, patience);
    while (!loan && loan.error().code == ErrorCode::timeout && !worker_.unwanted(header.request))
      loan = publisher.loan(header, patience);
    if (!loan) return loan.error().code == ErrorCode::timeout ? asked_to_leave() : loan.error();
    write(loan->data);
    const auto begun = Clock::now();
    while (!publisher.publish(*loan, patience)) {
      if (worker_.unwanted(header.request)) {
        publisher.release(*loan);
        return asked_to_leave();
      }
      worker_.held_back_(header.request, std::chrono::duration_cast<std::chrono::milliseconds>(
                                             Clock::now() - begun));
    }
    return {};
  }
  RankWorker& worker_;
  ServedRequest& request_;
};

Result<std::unique_ptr<RankWorker>> RankWorker::create(
    const stages::PipelineConfig& config,
    int rank,
    const std::string& run,
    std::function<void(const StageReport&)> report,
    std::function<void(std::uint64_t, std::chrono::milliseconds)> held_back) {
  const stages::StageConfig* mine = config.stage_of(rank);
  if (mine == nullptr)
    return Error{ErrorCode::invalid_argument,
                 "rank " + std::to_string(rank) + " is not in the pipeline"};
  const int first = config.first_rank(mine->stage_id);
  std::unique_ptr<RankWorker> worker(new RankWorker(*mine));
  worker->report_ = std::move(report);
  worker->held_back_ = std::move(held_back);
  const int id = mine->stage_id, ranks = mine->tensor_parallel_size;
  const std::string prefix = "limelight-" + run;
  if (auto attached = ipc::attach(prefix + "-rank" + std::to_string(rank), connect_timeout);
      !attached)
    return attached.error();

  if (ranks > 1) {
    auto joined = ipc::SharedGroup::join(prefix + "-stage" + std::to_string(id), rank - first,
                                         ranks, collective_bytes(*mine), connect_timeout);
    if (!joined) return joined.error();
    worker->group_.emplace(std::move(joined).value());
  }
  if (worker->leads()) {
    const std::uint64_t largest = stages::max_output_bytes(*mine, stages::Port::next_stage);
    for (const stages::Edge& edge : config.edges) {
      if (edge.from == id)
        worker->next_.emplace_back(topic_between(run, id, edge.to), largest,
                                   static_cast<std::size_t>(edge.window_size));
      if (edge.to != id) continue;
      worker->input_ = std::make_unique<ipc::Subscriber>(
          topic_between(run, edge.from, id), static_cast<std::size_t>(edge.window_size));
      worker->input_stage_ = edge.from;
    }
    if (mine->final_output)
      worker->user_.emplace(topic_to_user(run, id),
                            stages::max_output_bytes(*mine, stages::Port::user), user_window);
  }
  std::string notice;
  auto device = stages::make_device(mine->devices, rank - first, notice, mine->cpu);
  if (!device) return device.error();
  if (!notice.empty()) log(LogLevel::warning, "rank " + std::to_string(rank) + ": " + notice);
  worker->device_ = std::move(device).value();
  ipc::Collective* group = worker->group_ ? &*worker->group_ : nullptr;
  if (group != nullptr && !worker->device_->is_host()) {
    auto gpus = ipc::make_nccl_group(*worker->group_);
    if (!gpus) return gpus.error();
    worker->gpu_group_ = std::move(gpus).value();
    group = worker->gpu_group_.get();
  }
  auto stage = stages::make_stage(*mine, *worker->device_, group);
  if (!stage) return stage.error();
  worker->stage_ = std::move(stage).value();

  // The broker connects ports in its own time; what is published before would be lost.
  const auto deadline = Clock::now() + connect_timeout;
  const auto connected = [&] {
    for (const ipc::Publisher& next : worker->next_)
      if (!next.has_subscribers()) return false;
    return (!worker->user_ || worker->user_->has_subscribers()) &&
           (!worker->input_ || worker->input_->connected());
  };
  while (!connected()) {
    if (Clock::now() > deadline)
      return Error{ErrorCode::timeout,
                   "the channels of rank " + std::to_string(rank) + " were not connected in time"};
    std::this_thread::sleep_for(2ms);
  }
  return worker;
}

void RankWorker::submit(stages::Request request) {
  {
    const std::lock_guard lock(mutex_);
    submitted_.push_back(std::move(request));
  }
  wake_.notify_one();
  if (input_) input_->wake();
}

void RankWorker::cancel(std::uint64_t number) {
  if (!leads()) return;  // the first rank tells its group
  {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(number);
  }
  wake_.notify_one();
  if (input_) input_->wake();
}

void RankWorker::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (input_) input_->wake();
}

bool RankWorker::unwanted(std::uint64_t request) {
  const std::lock_guard lock(mutex_);
  return ending_ || std::find(cancelled_.begin(), cancelled_.end(), request) != cancelled_.end();
}

void RankWorker::begin_submitted(bool wait) {
  std::deque<stages::Request> fresh;
  {
    std::unique_lock lock(mutex_);
    if (wait)
      wake_.wait(lock, [&] { return ending_ || !submitted_.empty() || !cancelled_.empty(); });
    fresh.swap(submitted_);
  }
  for (const stages::Request& request : fresh) {
    const prof::RequestScope scope(static_cast<std::uint32_t>(request.number));
    prof::name_request(static_cast<std::uint32_t>(request.number), request.id);
    ServedRequest& served = served_[request.number];
    served.report.number = request.number;
    served.report.stage.stage_id = served.report.received.to_stage = config_.stage_id;
    served.report.received.from_stage = input_stage_;
    newest_begun_ = std::max(newest_begun_, request.number);
    if (auto begun = guarded([&] { return stage_->begin(request); }); !begun) {
      finish(request.number, begun.error());
      continue;
    }
    served.begun = true;
    std::vector<ipc::Chunk> early = std::move(served.early);
    for (const ipc::Chunk& chunk : early) {
      const auto still = served_.find(request.number);
      if (still != served_.end()) consume(still->second, chunk);
    }
  }
}

void RankWorker::drop(std::uint64_t number) {
  if (served_.erase(number) > 0) stage_->end(number);
}

void RankWorker::drop_cancelled() {
  std::vector<std::uint64_t> cancelled;
  {
    const std::lock_guard lock(mutex_);
    cancelled.swap(cancelled_);
  }
  for (const std::uint64_t number : cancelled) {
    if (served_.contains(number)) (void)tell({Plan::Act::cancel, number});
    drop(number);
  }
}

Result<void> RankWorker::tell(Plan plan) {
  if (!group_) return {};
  return group_->broadcast(std::as_writable_bytes(std::span(&plan, 1)),
                           plan.act == Plan::Act::end ? 1s : 30s);
}

void RankWorker::consume(ServedRequest& served, const ipc::Chunk& chunk) {
  static const prof::NameId name =
      prof::intern("consume", prof::Category::cpu_op, prof::ValueKind::bytes);
  const ipc::ChunkHeader& header = chunk.header();
  const prof::RequestScope scope(static_cast<std::uint32_t>(header.request));
  const prof::Span span(name, chunk.data().size());
  TransferStats& received = served.report.received;
  ++received.chunks;
  received.size_bytes += chunk.data().size();
  received.tx_time_ms +=
      prof::ticks_to_ns(static_cast<std::int64_t>(header.sent_ticks - header.wanted_ticks)) / 1e6;
  received.in_flight_time_ms +=
      prof::ticks_to_ns(static_cast<std::int64_t>(prof::ticks() - header.sent_ticks)) / 1e6;
  const auto start = Clock::now();
  auto done = guarded([&] {
    return stage_->consume(header.request, header.tensor, chunk.data(), header.last != 0);
  });
  received.rx_decode_time_ms += ms_since(start);
  served.starved = false;
  if (!done) finish(header.request, done.error());
}

void RankWorker::accept(ipc::Chunk chunk) {
  const std::uint64_t number = chunk.header().request;
  const auto at = served_.find(number);
  if (at != served_.end() && at->second.begun) return consume(at->second, chunk);
  if (at == served_.end() && number <= newest_begun_) return;
  served_[number].early.push_back(std::move(chunk));
}

void RankWorker::receive(std::chrono::milliseconds timeout) {
  for (;;) {
    auto chunk = input_->take(timeout);
    if (!chunk) {
      log(LogLevel::error, chunk.error().message);
      continue;
    }
    if (!*chunk) return;
    accept(std::move(**chunk));
    timeout = 0ms;
  }
}

std::uint64_t RankWorker::choose() {
  const auto ready = [](const auto& entry) { return entry.second.begun && !entry.second.starved; };
  auto at = std::find_if(served_.upper_bound(last_served_), served_.end(), ready);
  if (at == served_.end()) at = std::find_if(served_.begin(), served_.end(), ready);
  return at == served_.end() ? 0 : last_served_ = at->first;
}

void RankWorker::step(std::uint64_t number) {
  static const prof::NameId name = prof::intern(
      config_.model_stage + " step", prof::Category::user_annotation, prof::ValueKind::step);
  ServedRequest& served = served_.at(number);
  const prof::RequestScope scope(static_cast<std::uint32_t>(number));
  prof::Span span(name, ++steps_);
  ChunkOutput output(*this, served);
  const auto start = Clock::now();
  auto state = guarded([&] { return stage_->step(number, output); });
  if (!state) {
    // The others of the group may not have noticed: what failed may be this rank's sending.
    if (leads()) (void)tell({Plan::Act::cancel, number});
    return finish(number, state.error());
  }
  if (*state == stages::StepState::needs_input) {
    span.discard();
    served.starved = true;
    return;
  }
  served.report.stage.stage_gen_time_ms += ms_since(start);
  if (*state == stages::StepState::done) finish(number, {ErrorCode::none, {}});
}

void RankWorker::finish(std::uint64_t number, Error error) {
  const auto at = served_.find(number);
  if (at == served_.end()) return;
  at->second.report.error = std::move(error);
  if (at->second.begun) at->second.report.stage.num_tokens_out = stage_->tokens_out(number);
  if (leads()) report_(at->second.report);
  stage_->end(number);
  served_.erase(at);
}

void RankWorker::follow() {
  for (;;) {
    Plan plan{};
    if (!group_->broadcast(std::as_writable_bytes(std::span(&plan, 1)), 0ms) ||
        plan.act == Plan::Act::end)
      return;
    while (plan.request > newest_begun_) {
      begin_submitted(true);
      const std::lock_guard lock(mutex_);
      if (ending_) return;
    }
    if (plan.act == Plan::Act::cancel) drop(plan.request);
    else if (served_.contains(plan.request)) step(plan.request);
  }
}

void RankWorker::run() {
  prof::name_thread("worker");
  if (!leads()) return follow();
  for (;;) {
    begin_submitted(false);
    drop_cancelled();
    {
      const std::lock_guard lock(mutex_);
      if (ending_) break;
    }
    if (input_) receive(0ms);
    if (const std::uint64_t number = choose(); number != 0) {
      if (auto told = tell({Plan::Act::step, number}); !told) finish(number, told.error());
      else step(number);
    } else if (input_) {
      receive(1000ms);
    } else {
      begin_submitted(true);
    }
  }
  (void)tell({Plan::Act::end, 0});
}

}  // namespace limelight::actors
