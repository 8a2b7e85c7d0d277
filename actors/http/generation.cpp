#include "actors/http/generation.hpp"

#include "base/log.hpp"
#include "base/log_fields.hpp"

namespace limelight::http {

using Clock = std::chrono::steady_clock;

Generation::Generation(ContextPtr context, ExchangePtr exchange, std::size_t n)
    : context_(std::move(context)), exchange_(std::move(exchange)), n_(n) {
  if (context_->spans) begin_trace();
}

Task<void> Generation::run(std::shared_ptr<Generation> self,
                           std::vector<GenerateRequest> prompts,
                           Sink* sink) {
  const OpenRequests open(self->context_, prompts.size());
  self->ends_.resize(prompts.size() * self->n_);
  self->times_.resize(self->ends_.size());
  for (AnswerTimes& times : self->times_) times.start = Clock::now();
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    prompts[i].request_id = self->exchange_->id() + (i > 0 ? "-" + std::to_string(i) : "");
    if (prompts[i].deadline.count() == 0)
      prompts[i].deadline = self->context_->options.request_time;
    self->streams_.push_back(
        std::make_unique<OutputStream>(self->context_->pipeline->generate(std::move(prompts[i]))));
  }
  self->exchange_->on_gone([weak = std::weak_ptr(self)] {
    if (const auto it = weak.lock()) it->abort("the client has left");
  });
  if (self->exchange_->gone()) self->abort("the client has left");
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < self->streams_.size(); ++i) tasks.push_back(follow(self, i, sink));
  for (Task<void>& task : tasks) co_await task;
  self->exchange_->on_gone(nullptr);
  if (self->context_->spans) self->send_spans();
}

void Generation::begin_trace() {
  const HttpRequest& request = exchange_->request();
  trace_ = telemetry::begin_trace(request.header("traceparent"), request.header("tracestate"));
  stage_names_ = telemetry::stage_names(context_->pipeline->config());
  exchange_->set_traceparent(telemetry::to_traceparent(trace_.own));
}
void Generation::send_spans() {
  const HttpRequest& request = exchange_->request();
  telemetry::RequestFacts facts{.request_id = exchange_->id(),
                                .model = context_->options.model,
                                .kind = telemetry::Span::Kind::server};
  facts.attributes = {{"http.request.method", request.method}, {"url.path", request.path}};
  const auto since_start = [&](Clock::time_point at) {
    return std::chrono::duration<double>(at - times_.front().start).count();
  };
  if (times_.front().first_text != Clock::time_point())
    facts.attributes.emplace_back("gen_ai.latency.time_to_first_token",
                                  since_start(times_.front().first_text));
  if (times_.front().first_sound != Clock::time_point())
    facts.attributes.emplace_back("limelight.time_to_first_sound",
                                  since_start(times_.front().first_sound));
  facts.attributes.emplace_back("gen_ai.latency.e2e", since_start(Clock::now()));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  context_->spans->add(
      telemetry::spans_of(trace_, facts, stage_names_, ends_,
                          std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()));
}

Task<void> Generation::follow(std::shared_ptr<Generation> self, std::size_t prompt, Sink* sink) {
  bool wanted = true;
  for (;;) {
    auto part = co_await self->streams_[prompt]->next();
    if (!part) break;
    const std::size_t index = prompt * self->n_ + static_cast<std::size_t>(part->index);
    self->note(index, *part);
    if (part->error.code != ErrorCode::none) self->abort("another answer of its request failed");
    if (!wanted) continue;
    try {
      auto taken = sink->take(index, std::move(*part));
      wanted = co_await taken;
    } catch (const std::exception& failed) {
      wanted = false;
      if (self->error_.code == ErrorCode::none)
        self->error_ = {ErrorCode::internal,
                        std::string("an answer was not written: ") + failed.what()};
    }
    if (!wanted) self->abort("its client takes no more");
  }
}

void Generation::note(std::size_t index, const RequestOutput& part) {
  AnswerTimes& times = times_[index];
  const auto now = Clock::now();
  if (!part.text.empty() && times.first_text == Clock::time_point()) times.first_text = now;
  if (!part.audio.empty() && times.first_sound == Clock::time_point()) times.first_sound = now;
  times.sound_s += static_cast<double>(part.audio.size()) / part.sample_rate;
  if (!part.text.empty()) times.last = now;
  if (!part.finished) return;
  RequestOutput& end = ends_[index];
  end = part;
  end.text.clear();
  end.audio.clear();
  if (error_.code == ErrorCode::none) error_ = part.error;
  context_->metrics.count_answer(end, times);
  if (context_->options.on_answer) context_->options.on_answer(end);
  if (end.error.code != ErrorCode::none && end.error.code != ErrorCode::cancelled) {
    const LogFields fields({{"request_id", exchange_->id()}});
    log(LogLevel::error, "request " + exchange_->id() + " failed: " + end.error.message);
  }
  RequestOutput kept = end;
  kept.prompt.clear();
  kept.answer.logprobs.clear();
  kept.answer.stop_string.clear();
  context_->recent.push_front(std::move(kept));
  if (context_->recent.size() > Context::most_recent) context_->recent.pop_back();
}

void Generation::abort(const std::string& why) {
  for (const auto& stream : streams_) stream->abort(why);
}

Task<bool> WholeAnswers::take(std::size_t index, RequestOutput part) {
  RequestOutput& all = outputs[index];
  // What came before grows in its place: it is not copied for each part.
  all.text += part.text;
  all.audio.insert(all.audio.end(), part.audio.begin(), part.audio.end());
  part.text = std::move(all.text);
  part.audio = std::move(all.audio);
  all = std::move(part);
  co_return true;
}

}  // namespace limelight::http
