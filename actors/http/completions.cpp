#include "actors/http/completions.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "actors/http/api_error.hpp"
#include "actors/http/completion_answer.hpp"
#include "actors/http/generation.hpp"
#include "actors/http/limited_json.hpp"

namespace limelight::http {

namespace {

// Of a body, in bytes: the loop reads no more of one at once, which takes it some milliseconds.
constexpr std::size_t longest_at_once = 256 << 10;

// Server-sent events. The head of the answer goes out with the first part, so that a request that
// fails before has the status of its error.
class Events final : public Generation::Sink {
 public:
  Events(ExchangePtr exchange, const CompletionRequest& request, CompletionAnswer answer)
      : exchange_(std::move(exchange)),
        answer_(std::move(answer)),
        chat_(request.chat),
        states_(request.prompts.size() * static_cast<std::size_t>(request.n),
                State{SoundStream(request.sound)}) {}

  Task<bool> take(std::size_t index, RequestOutput part) override {
    if (part.finished && part.error.code != ErrorCode::none) co_return false;
    State& state = states_[index];
    std::string events;
    if (chat_ && !std::exchange(state.begun, true)) events += server_event(answer_.begin(index));
    // The last part has the logprobs of all tokens.
    auto fresh = std::span<const PositionLogprobs>(part.answer.logprobs);
    if (part.finished) fresh = fresh.subspan(std::min(state.sent.tokens, fresh.size()));
    if (!part.text.empty())
      events += server_event(answer_.text(index, part.text, fresh, state.sent));
    if (!part.audio.empty())
      events +=
          server_event(answer_.sound(index, state.sound.encode(part.audio, part.sample_rate)));
    if (part.finished) events += server_event(answer_.end(index, part, state.sent));
    begin();
    const bool stays = co_await exchange_->write(events);
    co_return stays;
  }

  // After the last part of all answers. error: of the first that failed.
  void end(const Error& error, const std::string& usage) {
    if (error.code != ErrorCode::none && !exchange_->begun())
      return exchange_->answer(api_error(error).answer());
    begin();
    std::string events;
    if (error.code != ErrorCode::none) events += server_event(api_error(error).body());
    else if (!usage.empty()) events += server_event(usage);
    exchange_->write(events + server_event("[DONE]"));
    exchange_->end();
  }

 private:
  struct State {
    SoundStream sound;
    CompletionAnswer::Sent sent = {};
    bool begun = false;
  };
  void begin() {
    if (exchange_->begun()) return;
    exchange_->begin({.type = "text/event-stream; charset=utf-8",
                      .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}});
  }

  ExchangePtr exchange_;
  CompletionAnswer answer_;
  bool chat_;
  std::vector<State> states_;
};

}  // namespace

Task<void> complete(ContextPtr context, ExchangePtr exchange, bool chat) {
  if (refuse_now(*context, *exchange, 0)) co_return;
  const PipelineFacts facts = context->facts();
  auto read = Result<CompletionRequest>(Error{});
  std::string text = std::move(exchange->request().body);
  const auto parse = [&] {
    const auto body = read_json_object(text);
    read =
        body ? read_completion(*body, chat, facts, text) : Result<CompletionRequest>(body.error());
  };
  if (text.size() < longest_at_once) {
    parse();
  } else {
    Elsewhere parsed(context, parse);
    co_await parsed;
  }
  std::string().swap(text);  // it may be large
  if (!read) {
    ApiError error = api_error(read.error());
    if (error.status == 404) error.code = "model_not_found", error.param = "model";
    exchange->answer(error.answer());
    co_return;
  }
  CompletionRequest request = std::move(read).value();
  if (!request.request_id.empty()) exchange->set_id(request.request_id);
  if (refuse_now(*context, *exchange, request.prompts.size())) co_return;
  const auto n = static_cast<std::size_t>(request.n);
  const bool with_sound = request.audio;
  CompletionAnswer answer(request, exchange->id(), facts.model);
  const auto generation = std::make_shared<Generation>(context, exchange, n);
  if (request.stream) {
    Events events(exchange, request, answer);
    const bool usage = request.include_usage;
    const auto task = Generation::run(generation, std::move(request.prompts), &events);
    co_await task;
    events.end(generation->error(), usage ? answer.usage(generation->ends()) : "");
    co_return;
  }
  WholeAnswers whole(request.prompts.size() * n);
  const auto task = Generation::run(generation, std::move(request.prompts), &whole);
  co_await task;
  if (generation->error().code != ErrorCode::none) {
    exchange->answer(api_error(generation->error()).answer());
    co_return;
  }
  auto written = Result<std::string>(Error{});
  const auto write = [&] { written = answer.whole(whole.outputs); };
  if (with_sound) {
    Elsewhere encoded(context, write);
    co_await encoded;
  } else {
    write();
  }
  if (written) exchange->answer({.body = std::move(*written)});
  else exchange->answer(api_error(written.error()).answer());
}

}  // namespace limelight::http
