#include <algorithm>
#include <limelight/span.hpp>

#include "actors/orchestrator/engine_state.hpp"
#include "actors/orchestrator/seed.hpp"
#include "actors/pipeline/logprob_words.hpp"
#include "actors/pipeline/topics.hpp"
#include "base/log.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::actors {

using namespace std::chrono_literals;

namespace {

// What this process does for a request, in its own trace.
struct Names {
  prof::NameId submit =
      prof::intern(prof::event_names::orchestrator_submit, prof::Category::user_annotation);
  prof::NameId admit = prof::intern(prof::event_names::orchestrator_admit,
                                    prof::Category::user_annotation,
                                    prof::ValueKind::number);  // us that it waited for its turn
  prof::NameId deliver = prof::intern(prof::event_names::orchestrator_deliver,
                                      prof::Category::user_annotation,
                                      prof::ValueKind::bytes);
  prof::NameId report = prof::intern(prof::event_names::actor_stage_report,
                                     prof::Category::user_annotation,
                                     prof::ValueKind::none,
                                     false,
                                     prof::Activity::actors);
  prof::NameId finish = prof::intern(prof::event_names::orchestrator_finish,
                                     prof::Category::user_annotation,
                                     prof::ValueKind::number);  // us from its submission
};
const Names names;

std::uint64_t us_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

}  // namespace

Engine::State::RequestAt Engine::State::find_number(std::uint64_t number) {
  const auto ticket = tickets.find(number);
  return ticket == tickets.end() ? open.end() : open.find(ticket->second);
}

// Takes a request from its replicas, which count it no more.
void Engine::State::withdraw(PendingRequest& request) {
  if (!request.admitted()) return;
  for (std::size_t place = 0; place < request.stages_left.size(); ++place)
    if (request.stages_left[place]) --replica_at(place, request.replicas[place]).requests;
  tickets.erase(request.number);
  if (request.number != request.submit.number)
    prof::forget_request(static_cast<std::uint32_t>(request.number));
  request.number = 0;
}

void Engine::State::finish(RequestAt at, Error error) {
  const std::uint64_t ticket = at->first;
  const prof::RequestScope scope(static_cast<std::uint32_t>(ticket));
  PendingRequest request = std::move(at->second);
  const prof::Span span(names.finish, us_since(request.start));
  open.erase(at);
  if (request.deadline.count() > 0) deadlines.forget(ticket);
  withdraw(request);
  request.output.finished = true;
  request.output.error = std::move(error);
  if (const ErrorCode code = request.output.error.code; code != ErrorCode::none)
    request.output.answer.finish_reason =
        code == ErrorCode::cancelled || code == ErrorCode::timeout ? "abort" : "error";
  request.output.e2e_time_ms =
      std::chrono::duration<double, std::milli>(Clock::now() - request.start).count();
  const double slow_ms = static_cast<double>(args.slow_request.count());
  if (slow_ms > 0 && request.output.error.code == ErrorCode::none &&
      request.output.e2e_time_ms > slow_ms)
    dump_if_due("request " + request.output.request_id + " took " +
                std::to_string(static_cast<long>(request.output.e2e_time_ms)) + " ms");
  prof::forget_request(static_cast<std::uint32_t>(ticket));
  request.on_update(std::move(request.output));
  if (draining && open.empty()) joined.notify_all();
}

void Engine::State::end_late(std::uint64_t ticket) {
  const CafVisit visit;
  const std::lock_guard lock(mutex);
  const auto at = open.find(ticket);
  if (at == open.end()) return;
  const PendingRequest& request = at->second;
  const auto taken =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - request.start);
  if (request.admitted()) tell_cancel(request, -1);
  const std::string where = request.admitted() ? "" : ", all of them in the queue";
  finish(at, {ErrorCode::timeout, "request '" + request.submit.id + "': found " +
                                      std::to_string(taken.count()) + " ms since its submission" +
                                      where + ", expected its end within deadline_ms " +
                                      std::to_string(request.deadline.count())});
  admit();
}

Result<void> Engine::State::check(const Submit& submit, std::chrono::milliseconds deadline) {
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::invalid_argument, "request '" + submit.id + "': " + what};
  };
  if (const auto good = stages::check(submit.sampling); !good) return wrong(good.error().message);
  if (submit.sampling.n > 1)
    return wrong("n: found " + std::to_string(submit.sampling.n) +
                 ", expected 1: whoever submits a request takes its answers apart");
  if (deadline.count() < 0)
    return wrong("deadline: found " + std::to_string(deadline.count()) +
                 " ms, expected 0 (none) or more");
  const int kinds = (submit.prompt.empty() ? 0 : 1) + (submit.messages.empty() ? 0 : 1) +
                    (submit.prompt_token_ids.empty() ? 0 : 1);
  if (kinds > 1)
    return wrong("found " + std::to_string(kinds) +
                 " of prompt, messages and prompt_token_ids, expected one");
  std::uint64_t bytes = 0;
  for (const Message& message : submit.messages)
    for (const ContentPart& part : message.parts) bytes += part.data.size();
  if (bytes > ContentPart::most_bytes)
    return wrong("messages: found files of " + std::to_string(bytes) + " bytes, expected at most " +
                 std::to_string(ContentPart::most_bytes) + " together");
  return {};
}

void Engine::State::finish_if_complete(RequestAt at) {
  const std::vector<bool>& left = at->second.stages_left;
  if (at->second.ports_left > 0 || std::find(left.begin(), left.end(), true) != left.end()) return;
  finish(at, {ErrorCode::none, {}});
  admit();
}

// Of each stage that the request needs, the replica with the least to do. False: a stage has none
// that serves now; impossible: it never will.
bool Engine::State::choose_replicas(PendingRequest& request, Error& impossible) {
  bool all = true;
  request.replicas.assign(config.stages.size(), -1);
  for (std::size_t place = 0; place < config.stages.size(); ++place) {
    if (!request.needs.stages[place]) continue;
    const ReplicaState* best = nullptr;
    for (const ReplicaState& one : replicas)
      if (one.life.replica().stage_id == config.stages[place].stage_id &&
          one.life.phase() == ReplicaLife::Phase::serving &&
          (best == nullptr || one.requests < best->requests))
        best = &one;
    if (best != nullptr) request.replicas[place] = best->life.replica().index;
    else if (const ReplicaState* lost = lost_stage(place)) impossible = given_up(*lost);
    all = all && best != nullptr;
  }
  return all;
}

void Engine::State::admit() {
  for (auto at = open.begin(); at != open.end();) {
    const auto here = at++;
    PendingRequest& request = here->second;
    if (request.admitted()) continue;
    if (broker_failure.code != ErrorCode::none) {
      finish(here, broker_failure);
      continue;
    }
    if (tickets.size() >= most_admitted) return;
    Error impossible{ErrorCode::none, {}};
    const bool all = choose_replicas(request, impossible);
    if (impossible.code != ErrorCode::none) finish(here, impossible);
    else if (all && !send(here)) {
      waits_for_memory = true;
      supervise.notify_all();
      return;  // those behind it do not overtake it
    }
  }
}

// False: there is no memory for its attachments now, and it stays in the queue.
bool Engine::State::send(RequestAt at) {
  PendingRequest& request = at->second;
  const std::uint64_t ticket = request.submit.number;
  const std::uint64_t number = ticket > newest_number ? ticket : next_number;
  const auto sent = attachments.send(number, request.attachments, request.replicas);
  if (sent == AttachmentSender::Sent::nothing) return false;
  if (number == next_number) ++next_number;
  request.number = newest_number = number;
  tickets[request.number] = ticket;
  if (request.number != ticket)
    prof::name_request(static_cast<std::uint32_t>(request.number), request.submit.id);
  request.stages_left = request.needs.stages;
  request.ports_left = static_cast<std::size_t>(
      std::count(request.needs.to_user.begin(), request.needs.to_user.end(), true));
  const prof::RequestScope scope(static_cast<std::uint32_t>(ticket));
  const prof::Span span(names.admit, us_since(request.start));
  for (std::size_t place = 0; place < config.stages.size(); ++place) {
    if (!request.needs.stages[place]) continue;
    const stages::StageConfig& stage = config.stages[place];
    // Later stages do not read the prompt, which may have large files.
    const bool entry = is_entry(config, stage.stage_id);
    std::vector<Message> unread;
    if (!entry) unread.swap(request.submit.messages);
    Submit message = request.submit;
    if (!entry) unread.swap(request.submit.messages);
    message.number = request.number;
    message.replicas = request.replicas;
    message.to_user = request.needs.to_user[place];
    if (place > 0) {
      message.sampling = stage.sampling;
      // A request's seed decides all of its output, except where the config has another one.
      if (!stage.sampling.seed) message.sampling.seed = request.submit.sampling.seed;
    }
    if (!entry) message.prompt_token_ids.clear();
    ReplicaState& replica = replica_at(place, request.replicas[place]);
    ++replica.requests;
    const stages::Replica& it = replica.life.replica();
    for (int rank = it.first_rank; rank < it.first_rank + it.ranks; ++rank)
      caf::anon_send(ranks.at(rank).actor, message);
  }
  if (sent == AttachmentSender::Sent::some) {
    tell_cancel(request, -1);
    finish(at, {ErrorCode::unavailable, "a stage has not read the attachments of " +
                                            std::to_string(attachment_window) +
                                            " requests before this one"});
  }
  return true;
}

// To the replicas that have it, but for that of one stage, which knows.
void Engine::State::tell_cancel(const PendingRequest& request, int but_stage) {
  for (std::size_t place = 0; place < config.stages.size(); ++place) {
    if (!request.stages_left[place] || config.stages[place].stage_id == but_stage) continue;
    const stages::Replica& it = replica_at(place, request.replicas[place]).life.replica();
    for (int rank = it.first_rank; rank < it.first_rank + it.ranks; ++rank)
      if (const auto there = ranks.find(rank); there != ranks.end())
        caf::anon_send(there->second.actor, Cancel{request.number});
  }
}

void Engine::State::on_report(const StageReport& report) {
  const prof::RequestScope scope(static_cast<std::uint32_t>(report.number));
  const prof::Span span(names.report);
  const std::lock_guard lock(mutex);
  const auto at = find_number(report.number);
  if (at == open.end() || config.find(report.stage.stage_id) == nullptr) return;
  const std::size_t place = config.place(report.stage.stage_id);
  if (!at->second.stages_left[place]) return;
  if (report.error.code != ErrorCode::none) {
    tell_cancel(at->second, report.stage.stage_id);
    finish(at, {report.error.code,
                "stage " + std::to_string(report.stage.stage_id) + ": " + report.error.message});
    return admit();
  }
  RequestOutput& output = at->second.output;
  if (report.stage.stage_id == config.stages.front().stage_id) {
    output.answer = report.answer;
    output.answer.seed = *at->second.submit.sampling.seed;
  }
  output.stages.push_back(report.stage);
  output.transfers.insert(output.transfers.end(), report.received.begin(), report.received.end());
  at->second.stages_left[place] = false;
  --replica_at(place, at->second.replicas[place]).requests;
  finish_if_complete(at);
}

void Engine::State::receive(UserPort& port) {
  prof::name_thread("outputs of stage " + std::to_string(port.stage));
  for (;;) {
    auto chunk = port.subscriber->take(1000ms);
    const std::lock_guard lock(mutex);
    if (ending) return;
    if (!chunk || !*chunk) continue;
    const auto at = find_number((*chunk)->header().request);
    if (at == open.end()) continue;
    const prof::RequestScope scope(static_cast<std::uint32_t>(at->first));
    const prof::Span span(names.deliver, (*chunk)->data().size());
    if (port.type == "text" && (*chunk)->header().tensor.dtype == ipc::DType::int32) {
      if (auto position = logprobs_of((*chunk)->as<std::int32_t>()))
        at->second.logprobs.push_back(std::move(*position));
      else
        log(LogLevel::error,
            "stage " + std::to_string(port.stage) + ": " + position.error().message);
      continue;
    }
    RequestOutput update;
    update.request_id = at->second.output.request_id;
    update.index = at->second.output.index;
    update.sample_rate = at->second.output.sample_rate;
    if (port.type == "text") {
      const auto text = (*chunk)->as<char>();
      update.text.assign(text.begin(), text.end());
    } else {
      const auto samples = (*chunk)->as<float>();
      update.audio.assign(samples.begin(), samples.end());
    }
    if (!update.text.empty()) update.answer.logprobs = std::exchange(at->second.logprobs, {});
    if (!update.text.empty() || !update.audio.empty()) {
      at->second.delivered = true;
      at->second.on_update(std::move(update));
    }
    if ((*chunk)->header().last == 0) continue;
    --at->second.ports_left;
    finish_if_complete(at);
  }
}

stages::SamplingParams Engine::default_sampling() const {
  stages::SamplingParams params = state_->config.stages.front().sampling;
  params.max_tokens.reset();
  return params;
}

std::uint64_t Engine::submit(GenerateRequest wanted, OnUpdate on_update, int index) {
  const CafVisit visit;
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  const std::uint64_t ticket = s.next_number++;
  const prof::RequestScope scope(static_cast<std::uint32_t>(ticket));
  const prof::Span span(names.submit);
  State::PendingRequest request;
  std::string id =
      wanted.request_id.empty() ? std::to_string(s.submitted) : std::move(wanted.request_id);
  ++s.submitted;
  request.output.request_id = id;
  request.output.index = index;
  for (const stages::StageConfig& stage : s.config.stages)
    if (stage.user_output >= 0 && stage.final_output_type == "audio")
      request.output.sample_rate = stage.sample_rate;
  if (index > 0) id += "." + std::to_string(index);
  prof::name_request(static_cast<std::uint32_t>(ticket), id);
  request.submit = {.number = ticket,
                    .id = std::move(id),
                    .prompt = wanted.prompt,
                    .sampling = wanted.sampling_params.value_or(default_sampling()),
                    .messages = std::move(wanted.messages),
                    .prompt_token_ids = std::move(wanted.prompt_token_ids),
                    .use_chat_template = wanted.use_chat_template};
  if (!request.submit.sampling.seed) request.submit.sampling.seed = draw_seed();
  request.output.answer.seed = *request.submit.sampling.seed;
  request.output.prompt = std::move(wanted.prompt);
  request.on_update = std::move(on_update);
  request.attachments = std::move(wanted.attachments);
  request.deadline = wanted.deadline;
  Result<void> good = State::check(request.submit, wanted.deadline);
  auto needs = needs_of(s.config, wanted.modalities);
  if (good) {
    const auto fits =
        needs ? check_attachments(s.config, needs->stages, request.attachments) : needs.error();
    if (!fits)
      good =
          Error{fits.error().code, "request '" + request.submit.id + "': " + fits.error().message};
  }
  if (needs) request.needs = std::move(*needs);
  const auto at = s.open.emplace(ticket, std::move(request)).first;
  if (s.failure.code != ErrorCode::none) s.finish(at, s.failure);
  else if (s.draining)
    s.finish(at,
             {ErrorCode::cancelled, "the pipeline is being drained: it takes no more requests"});
  else if (!good) s.finish(at, good.error());
  else {
    if (wanted.deadline.count() > 0)
      s.deadlines.set(ticket, at->second.start + at->second.deadline);
    s.admit();
  }
  return ticket;
}

void Engine::abort(std::uint64_t ticket, const std::string& why) {
  const CafVisit visit;
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto at = s.open.find(ticket);
  if (at == s.open.end()) return;
  if (at->second.admitted()) s.tell_cancel(at->second, -1);
  s.finish(at, {ErrorCode::cancelled, why});
  s.admit();
}

Result<void> Engine::drain(std::chrono::milliseconds deadline) {
  const CafVisit visit;
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  s.draining = true;
  if (s.joined.wait_for(lock, deadline, [&] { return s.open.empty(); })) return {};
  const std::size_t late = s.open.size();
  while (!s.open.empty()) {
    const auto at = s.open.begin();
    if (at->second.admitted()) s.tell_cancel(at->second, -1);
    s.finish(at, {ErrorCode::cancelled, "the pipeline was drained: found no end within " +
                                            std::to_string(deadline.count()) + " ms"});
  }
  return Error{ErrorCode::timeout, std::to_string(late) + " requests were not over within " +
                                       std::to_string(deadline.count()) +
                                       " ms, and were cancelled"};
}

}  // namespace limelight::actors
