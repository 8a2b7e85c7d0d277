#include "actors/rank/rank_worker.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <limelight/span.hpp>
#include <new>
#include <thread>

#include "actors/pipeline/pools.hpp"
#include "actors/pipeline/topics.hpp"
#include "actors/rank/group_actions.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/try.hpp"
#include "ipc/iceoryx/broker_link.hpp"
#include "ipc/nccl_group.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/event_names.hpp"
#include "profiling/record/step_phase.hpp"
#include "stages/stage_factory.hpp"

namespace limelight::actors {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

// A stage throws nothing itself; memory that is not there, and the libraries that compute, do.
template <class Call>
auto guarded(Call call) -> decltype(call()) {
  prof::MemoryLedger& ledger = prof::memory_ledger();
  const std::uint64_t failures = ledger.failures();
  try {
    return call();
  } catch (const std::bad_alloc&) {
    // Tensors have said so themselves; what else is allocated has not.
    const std::string who =
        ledger.failures() > failures
            ? ledger.last_failure()
            : ledger.failed(prof::MemorySpace::host, prof::MemoryHolder::activations, 0);
    return Error{ErrorCode::unavailable, "this step needs more memory than there is: " +
                                             gibibytes(available_memory()) + " are there; " + who};
  } catch (const std::exception& failed) {
    return Error{ErrorCode::internal, std::string("the step failed: ") + failed.what()};
  }
}
constexpr auto meeting_timeout = 30s;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}
}  // namespace

RankWorker::RankWorker(stages::StageConfig config, const stages::Replica& replica)
    : config_(std::move(config)),
      replica_(replica),
      memory_([this]() -> prof::MemorySampler::Pool {
        if (channels_.outlets.empty()) return {};
        const ipc::Publisher::Pools pools = channels_.outlets.front().publisher.pools();
        return {pools.used, pools.chunks};
      }),
      scheduler_({.requests = config_.max_batch_size, .tokens = config_.max_num_batched_tokens}) {}

// The turns of one step, and where each one's output goes.
struct RankWorker::Batch {
  std::vector<stages::Turn> turns;
  std::vector<ChunkOutput> outputs;
  int tokens = 0;
};

Result<std::unique_ptr<RankWorker>> RankWorker::create(
    const stages::PipelineConfig& config,
    const RankPlace& place,
    std::function<void(const StageReport&)> report,
    std::function<void(std::uint64_t, std::chrono::milliseconds)> held_back) {
  const auto replica = config.replica_of(place.rank);
  if (!replica)
    return Error{ErrorCode::invalid_argument,
                 "rank " + std::to_string(place.rank) + " is not in the pipeline"};
  const stages::StageConfig* mine = config.find(replica->stage_id);
  const int index = place.rank - replica->first_rank;
  // What a trace of the start shows.
  std::optional<prof::Span> doing;
  const auto next = [&doing](std::string_view what) {
    doing.reset();
    doing.emplace(prof::intern(what, prof::Category::user_annotation));
  };
  next("start: attach to the broker");
  std::unique_ptr<RankWorker> worker(new RankWorker(*mine, *replica));
  worker->report_ = std::move(report);
  if (auto attached = ipc::attach(process_name(place.run, place.rank, place.incarnation),
                                  meeting_timeout, ipc::BrokerComes::was_there);
      !attached)
    return attached.error();

  if (replica->ranks > 1) {
    auto joined = ipc::SharedGroup::join(
        group_name(place.run, {replica->stage_id, replica->index}, place.incarnation), index,
        replica->ranks, collective_bytes(*mine), meeting_timeout);
    if (!joined) return joined.error();
    worker->group_.emplace(std::move(joined).value());
  }
  next("start: make the channels");
  if (worker->is_first_rank()) worker->channels_ = RankChannels::open(config, *replica, place.run);
  worker->sender_ = {
      .stage_id = mine->stage_id,
      .sends = worker->is_first_rank(),
      .outlets = &worker->channels_.outlets,
      .unwanted = [it = worker.get()](auto request) { return it->unwanted(request); },
      .held_back = std::move(held_back)};
  next("start: make the device");
  std::string notice;
  auto device = stages::make_device(mine->devices, replica->index * replica->ranks + index, notice,
                                    mine->cpu);
  if (!device) return device.error();
  if (!notice.empty()) log(LogLevel::warning, "rank " + std::to_string(place.rank) + ": " + notice);
  worker->device_ = std::move(device).value();
  ipc::Collective* group = worker->group_ ? &*worker->group_ : nullptr;
  if (group != nullptr && !worker->device_->is_host()) {
    auto gpus = ipc::make_nccl_group(*worker->group_);
    if (!gpus) return gpus.error();
    worker->gpu_group_ = std::move(gpus).value();
    group = worker->gpu_group_.get();
  }
  next("start: make the stage");
  auto stage = stages::make_stage(*mine, *worker->device_, group);
  if (!stage) return stage.error();
  worker->stage_ = std::move(stage).value();

  next("start: wait for the channels");
  // The broker connects ports in its own time; what is published before would be lost.
  const auto deadline = Clock::now() + meeting_timeout;
  while (!worker->channels_.connected(place.absent)) {
    if (Clock::now() > deadline)
      return Error{ErrorCode::timeout, "the channels of rank " + std::to_string(place.rank) +
                                           " were not connected in time"};
    std::this_thread::sleep_for(2ms);
  }
  return worker;
}

void RankWorker::submit(stages::Request request, Route route) {
  {
    const std::lock_guard lock(mutex_);
    submitted_.push_back({std::move(request), std::move(route)});
  }
  wake_.notify_one();
  if (channels_.input) channels_.input->wake();
}

void RankWorker::cancel(std::uint64_t number) {
  if (!is_first_rank()) return;  // the first rank tells its group
  {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(number);
  }
  wake_.notify_one();
  if (channels_.input) channels_.input->wake();
}

void RankWorker::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (channels_.input) channels_.input->wake();
}

bool RankWorker::unwanted(std::uint64_t request) {
  const std::lock_guard lock(mutex_);
  return ending_ || std::find(cancelled_.begin(), cancelled_.end(), request) != cancelled_.end();
}

// What was submitted and what was cancelled, taken together: a request comes before its end.
RankWorker::Inbox RankWorker::take_inbox(bool wait) {
  std::unique_lock lock(mutex_);
  if (wait) wake_.wait(lock, [&] { return ending_ || !submitted_.empty() || !cancelled_.empty(); });
  return {std::exchange(submitted_, {}), std::exchange(cancelled_, {})};
}

void RankWorker::begin(const Submitted& submitted) {
  const stages::Request& request = submitted.request;
  const prof::RequestScope scope(static_cast<std::uint32_t>(request.number));
  prof::name_request(static_cast<std::uint32_t>(request.number), request.id);
  ServedRequest& served = served_[request.number];
  served.route = submitted.route;
  served.report.number = request.number;
  served.report.stage.stage_id = config_.stage_id;
  served.report.stage.replica = replica_.index;
  served.report.stage.begin_ns = prof::realtime_ns();
  for (const Inlet& inlet : channels_.inlets)
    served.report.received.push_back({.from_stage = inlet.from_stage,
                                      .from_replica = inlet.from_replica,
                                      .to_stage = config_.stage_id,
                                      .to_replica = replica_.index});
  newest_begun_ = std::max(newest_begun_, request.number);
  if (auto begun = guarded([&] { return stage_->begin(request); }); !begun)
    return finish(request.number, begun.error());
  served.begun = true;
  if (is_first_rank()) scheduler_.add(request.number);
  const std::vector<ipc::Chunk> early = std::move(served.early);
  for (const ipc::Chunk& chunk : early) {
    const auto still = served_.find(request.number);
    if (still != served_.end()) consume(still->second, chunk);
  }
}

void RankWorker::take_requests(bool wait) {
  const Inbox inbox = take_inbox(wait);
  for (const Submitted& submitted : inbox.submitted) {
    actions_.push_back({Action::Kind::begin, 0, submitted.request.number});
    begin(submitted);
  }
  for (const std::uint64_t number : inbox.cancelled) {
    if (served_.contains(number)) actions_.push_back({Action::Kind::cancel, 0, number});
    drop(number);
  }
}

void RankWorker::drop(std::uint64_t number) {
  scheduler_.remove(number);
  if (served_.erase(number) > 0) stage_->end(number);
  prof::forget_request(static_cast<std::uint32_t>(number));
}

void RankWorker::consume(ServedRequest& served, const ipc::Chunk& chunk) {
  static const prof::NameId name =
      prof::intern("consume", prof::Category::cpu_op, prof::ValueKind::bytes);
  const ipc::ChunkHeader& header = chunk.header();
  const prof::RequestScope scope(static_cast<std::uint32_t>(header.request));
  const prof::Span span(name, chunk.data().size());
  TransferStats& received = served.report.received[chunk.channel()];
  ++received.chunks;
  received.size_bytes += chunk.data().size();
  if (received.begin_ns == 0)
    received.begin_ns =
        prof::realtime_ns() - static_cast<std::int64_t>(prof::ticks_to_ns(
                                  static_cast<std::int64_t>(prof::ticks() - header.wanted_ticks)));
  received.tx_time_ms +=
      prof::ticks_to_ns(static_cast<std::int64_t>(header.sent_ticks - header.wanted_ticks)) / 1e6;
  received.in_flight_time_ms +=
      prof::ticks_to_ns(static_cast<std::int64_t>(prof::ticks() - header.sent_ticks)) / 1e6;
  const int input = channels_.inlets[chunk.channel()].input;
  if (group_) {
    actions_.push_back({Action::Kind::consume, 0, header.request});
    told_.push_back(
        {input, header.last != 0, header.tensor, {chunk.data().begin(), chunk.data().end()}});
  }
  const auto start = Clock::now();
  const bool given = give(header.request, input, header.tensor, chunk.data(), header.last != 0);
  // A refusal ended the request, and its statistics are gone.
  if (!given) return;
  received.rx_decode_time_ms += ms_since(start);
  received.end_ns = prof::realtime_ns();
}

bool RankWorker::give(std::uint64_t request,
                      int input,
                      const ipc::TensorSpec& tensor,
                      std::span<const std::byte> data,
                      bool last) {
  const auto done = guarded([&] { return stage_->consume(request, input, tensor, data, last); });
  scheduler_.feed(request);
  if (!done) finish(request, done.error());
  return done.ok();
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
    auto chunk = channels_.input->take(timeout);
    if (!chunk) {
      log(LogLevel::error, chunk.error().message);
      continue;
    }
    if (!*chunk) return;
    accept(std::move(**chunk));
    timeout = 0ms;
  }
}

// Computes the turns of actions_ as one step. False: there are none.
bool RankWorker::step() {
  static const prof::NameId name = prof::intern(
      config_.model_stage + " step", prof::Category::user_annotation, prof::ValueKind::step);
  Batch batch;
  for (const Action& action : actions_)
    if (action.kind == Action::Kind::turn) {
      batch.turns.push_back({.request = action.request, .tokens = static_cast<int>(action.tokens)});
      ServedRequest& served = served_.at(action.request);
      batch.outputs.emplace_back(sender_, action.request, served.route, served.sequence);
      batch.tokens += static_cast<int>(action.tokens);
    }
  if (batch.turns.empty()) return false;
  for (std::size_t i = 0; i < batch.turns.size(); ++i) batch.turns[i].output = &batch.outputs[i];
  // The work of several requests belongs to none of them: record_turns() says what is whose.
  const bool alone = batch.turns.size() == 1;
  const prof::RequestScope scope(alone ? static_cast<std::uint32_t>(batch.turns.front().request)
                                       : 0);
  if (prof::recording_phases()) {
    const bool prefill = std::any_of(batch.turns.begin(), batch.turns.end(), [&](const auto& turn) {
      return stage_->demand(turn.request).divisible;
    });
    prof::set_step_phase(prefill ? prof::StepPhase::prefill : prof::StepPhase::decode);
  }
  prof::Span span(name, ++steps_);
  const auto start = Clock::now();
  const auto done = guarded([&] { return stage_->step(batch.turns); });
  const double step_ms = ms_since(start);
  const bool idle = std::all_of(batch.turns.begin(), batch.turns.end(), [](const auto& turn) {
    return turn.state == stages::StepState::needs_input && turn.error.code == ErrorCode::none;
  });
  if (done && idle) {
    span.discard();
    if (prof::recording_phases()) prof::set_step_phase(prof::StepPhase::none);
  } else record_turns(batch, step_ms);
  memory_.step();
  actions_.clear();
  for (const stages::Turn& turn : batch.turns) {
    const Error error = done ? turn.error : done.error();
    if (error.code == ErrorCode::none && turn.state == stages::StepState::more) continue;
    if (error.code == ErrorCode::none && turn.state == stages::StepState::needs_input) {
      scheduler_.starve(turn.request);
      continue;
    }
    // The others of the group may not have noticed: what failed may be this rank's sending.
    if (error.code != ErrorCode::none) actions_.push_back({Action::Kind::cancel, 0, turn.request});
    finish(turn.request, error);
  }
  return true;
}

// Shares the time of a step among its requests, by their tokens; what a request sent is its own.
void RankWorker::record_turns(const Batch& batch, double step_ms) {
  static const prof::NameId name =
      prof::intern(prof::event_names::turn, prof::Category::user_annotation, prof::ValueKind::turn);
  double sending_ms = 0;
  for (const ChunkOutput& output : batch.outputs) sending_ms += output.sending_ms();
  const double compute_ms = std::max(step_ms - sending_ms, 0.0);
  for (std::size_t i = 0; i < batch.turns.size(); ++i) {
    const stages::Turn& turn = batch.turns[i];
    const double share =
        compute_ms * turn.tokens / std::max(batch.tokens, 1) + batch.outputs[i].sending_ms();
    ServedRequest& served = served_.at(turn.request);
    served.report.stage.stage_gen_time_ms += share;
    ++served.steps;
    served.batched += batch.turns.size();
    if (batch.turns.size() == 1) continue;
    const prof::RequestScope scope(static_cast<std::uint32_t>(turn.request));
    const auto us = [](double ms) { return static_cast<std::uint64_t>(1000 * ms); };
    const prof::Span mark(
        name, prof::pack_turn(static_cast<std::uint64_t>(turn.tokens), us(share), us(step_ms)));
  }
}

void RankWorker::finish(std::uint64_t number, Error error) {
  scheduler_.remove(number);
  const auto at = served_.find(number);
  if (at == served_.end()) return;
  at->second.report.error = std::move(error);
  at->second.report.stage.end_ns = prof::realtime_ns();
  if (at->second.begun) {
    at->second.report.stage.num_tokens_out = stage_->tokens_out(number);
    at->second.report.answer = stage_->answer(number);
    at->second.report.stage.remarks = stage_->remarks(number);
    if (at->second.steps > 0)
      at->second.report.stage.mean_batch_size =
          static_cast<double>(at->second.batched) / static_cast<double>(at->second.steps);
  }
  std::erase_if(at->second.report.received,
                [](const TransferStats& edge) { return edge.chunks == 0; });
  if (is_first_rank()) report_(at->second.report);
  stage_->end(number);
  served_.erase(at);
  prof::forget_request(static_cast<std::uint32_t>(number));
}

void RankWorker::follow() {
  std::map<std::uint64_t, Submitted> submitted;
  while (receive_actions(*group_, actions_, told_)) {
    std::size_t chunk = 0;
    for (const Action& action : actions_) switch (action.kind) {
        case Action::Kind::end_rank: return;
        case Action::Kind::begin:
          while (!submitted.contains(action.request)) {
            for (Submitted& one : take_inbox(true).submitted)
              submitted.emplace(one.request.number, std::move(one));
            const std::lock_guard lock(mutex_);
            if (ending_) return;
          }
          begin(submitted.at(action.request));
          submitted.erase(action.request);
          break;
        case Action::Kind::cancel: drop(action.request); break;
        case Action::Kind::consume: {
          const ToldChunk& told = told_[chunk++];
          if (served_.contains(action.request))
            give(action.request, told.input, told.tensor, told.data, told.last);
          break;
        }
        case Action::Kind::reserve:
          (void)stage_->reserve(action.request, static_cast<int>(action.tokens));
          break;
        case Action::Kind::preempt: stage_->preempt(action.request); break;
        case Action::Kind::turn: break;
      }
    (void)step();
  }
}

void RankWorker::run() {
  prof::name_thread("worker");
  if (!is_first_rank()) return follow();
  for (;;) {
    take_requests(false);
    {
      const std::lock_guard lock(mutex_);
      if (ending_) break;
    }
    if (channels_.input) receive(0ms);
    scheduler_.plan(*stage_, actions_);
    if (auto sent =
            group_ ? send_actions(*group_, actions_, std::exchange(told_, {})) : Result<void>();
        !sent) {
      for (const Action& action : std::exchange(actions_, {}))
        if (action.kind == Action::Kind::turn) finish(action.request, sent.error());
      continue;
    }
    if (step()) continue;
    actions_.clear();
    memory_.rest();
    if (channels_.input) receive(1000ms);
    else take_requests(true);
  }
  actions_.assign(1, {Action::Kind::end_rank, 0, 0});
  if (group_) (void)send_actions(*group_, actions_);
}

}  // namespace limelight::actors
