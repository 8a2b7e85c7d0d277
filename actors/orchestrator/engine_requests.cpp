#include <limelight/span.hpp>

#include "actors/orchestrator/engine_state.hpp"
#include "actors/orchestrator/seed.hpp"
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

void Engine::State::finish(std::map<std::uint64_t, PendingRequest>::iterator at, Error error) {
  const std::uint64_t number = at->first;
  const prof::RequestScope scope(static_cast<std::uint32_t>(number));
  PendingRequest request = std::move(at->second);
  const prof::Span span(names.finish, us_since(request.start));
  open.erase(at);
  if (request.deadline.count() > 0) deadlines.forget(number);
  if (request.admitted) --admitted;
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
  prof::forget_request(static_cast<std::uint32_t>(number));
  request.on_update(std::move(request.output));
}

void Engine::State::end_late(std::uint64_t number) {
  const CafVisit visit;
  const std::lock_guard lock(mutex);
  const auto at = open.find(number);
  if (at == open.end()) return;
  const PendingRequest& request = at->second;
  const auto taken =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - request.start);
  if (request.admitted) tell_cancel(number, -1);
  const std::string where = request.admitted ? "" : ", all of them in the queue";
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
                 ", expected 1: a stream has one answer; Omni::generate() takes n answers apart");
  if (deadline.count() < 0)
    return wrong("deadline: found " + std::to_string(deadline.count()) +
                 " ms, expected 0 (none) or more");
  const int kinds = (submit.prompt.empty() ? 0 : 1) + (submit.messages.empty() ? 0 : 1) +
                    (submit.prompt_token_ids.empty() ? 0 : 1);
  if (kinds > 1)
    return wrong("found " + std::to_string(kinds) +
                 " of prompt, messages and prompt_token_ids, expected one");
  return {};
}

void Engine::State::settle(std::map<std::uint64_t, PendingRequest>::iterator at) {
  if (at->second.stages_left > 0 || at->second.ports_left > 0) return;
  finish(at, {ErrorCode::none, {}});
  admit();
}

void Engine::State::admit() {
  for (auto& [number, request] : open) {
    if (admitted >= most_admitted) return;
    if (request.admitted) continue;
    request.admitted = true;
    ++admitted;
    const prof::RequestScope scope(static_cast<std::uint32_t>(number));
    const prof::Span span(names.admit, us_since(request.start));
    for (const stages::StageConfig& s : config.stages) {
      Submit message = request.submit;
      if (s.stage_id != config.stages.front().stage_id) {
        message.sampling = s.sampling;
        // A request's seed decides all of its output, except where the config has another one.
        if (!s.sampling.seed) message.sampling.seed = request.submit.sampling.seed;
        message.messages.clear();
        message.prompt_token_ids.clear();
      }
      for (const auto& [rank, there] : ranks)
        if (there.stage == s.stage_id) caf::anon_send(there.actor, message);
    }
  }
}

void Engine::State::tell_cancel(std::uint64_t number, int but_stage) {
  for (const auto& [rank, there] : ranks)
    if (there.stage != but_stage) caf::anon_send(there.actor, Cancel{number});
}

void Engine::State::on_report(const StageReport& report) {
  const prof::RequestScope scope(static_cast<std::uint32_t>(report.number));
  const prof::Span span(names.report);
  const std::lock_guard lock(mutex);
  const auto at = open.find(report.number);
  if (at == open.end()) return;
  if (report.error.code != ErrorCode::none) {
    finish(at, {report.error.code,
                "stage " + std::to_string(report.stage.stage_id) + ": " + report.error.message});
    tell_cancel(report.number, report.stage.stage_id);
    return admit();
  }
  RequestOutput& output = at->second.output;
  if (report.stage.stage_id == config.stages.front().stage_id) {
    output.answer = report.answer;
    output.answer.seed = *at->second.submit.sampling.seed;
  }
  output.stages.push_back(report.stage);
  output.transfers.insert(output.transfers.end(), report.received.begin(), report.received.end());
  --at->second.stages_left;
  settle(at);
}

void Engine::State::receive(UserPort& port) {
  prof::name_thread("outputs of stage " + std::to_string(port.stage));
  for (;;) {
    auto chunk = port.subscriber->take(1000ms);
    const std::lock_guard lock(mutex);
    if (ending) return;
    if (!chunk || !*chunk) continue;
    const auto at = open.find((*chunk)->header().request);
    if (at == open.end()) continue;
    const prof::RequestScope scope(static_cast<std::uint32_t>(at->first));
    const prof::Span span(names.deliver, (*chunk)->data().size());
    RequestOutput update;
    update.request_id = at->second.output.request_id;
    update.index = at->second.output.index;
    if (port.type == "text") {
      const auto text = (*chunk)->as<char>();
      update.text.assign(text.begin(), text.end());
    } else {
      const auto samples = (*chunk)->as<float>();
      update.audio.assign(samples.begin(), samples.end());
    }
    if (!update.text.empty() || !update.audio.empty()) at->second.on_update(std::move(update));
    if ((*chunk)->header().last == 0) continue;
    --at->second.ports_left;
    settle(at);
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
  const std::uint64_t number = s.next_number++;
  const prof::RequestScope scope(static_cast<std::uint32_t>(number));
  const prof::Span span(names.submit);
  State::PendingRequest request;
  std::string id =
      wanted.request_id.empty() ? std::to_string(number - 1) : std::move(wanted.request_id);
  request.output.request_id = id;
  request.output.index = index;
  if (index > 0) id += "." + std::to_string(index);
  prof::name_request(static_cast<std::uint32_t>(number), id);
  request.submit = {.number = number,
                    .id = std::move(id),
                    .prompt = wanted.prompt,
                    .sampling = wanted.sampling_params.value_or(default_sampling()),
                    .messages = std::move(wanted.messages),
                    .prompt_token_ids = std::move(wanted.prompt_token_ids)};
  if (!request.submit.sampling.seed) request.submit.sampling.seed = draw_seed();
  request.output.answer.seed = *request.submit.sampling.seed;
  request.output.prompt = std::move(wanted.prompt);
  request.on_update = std::move(on_update);
  request.stages_left = s.config.stages.size();
  request.ports_left = s.ports.size();
  request.deadline = wanted.deadline;
  const auto good = State::check(request.submit, wanted.deadline);
  const auto at = s.open.emplace(number, std::move(request)).first;
  if (s.failure.code != ErrorCode::none) s.finish(at, s.failure);
  else if (!good) s.finish(at, good.error());
  else {
    if (wanted.deadline.count() > 0)
      s.deadlines.set(number, at->second.start + at->second.deadline);
    s.admit();
  }
  return number;
}

void Engine::abort(std::uint64_t number, const std::string& why) {
  const CafVisit visit;
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto at = s.open.find(number);
  if (at == s.open.end()) return;
  if (at->second.admitted) s.tell_cancel(number, -1);
  s.finish(at, {ErrorCode::cancelled, why});
  s.admit();
}

}  // namespace limelight::actors
