// The prompts of one HTTP request on their way through the pipeline. All on the loop's thread.
//
// Each prompt has a coroutine that takes its parts. If the client leaves, all are aborted in every
// stage, and the coroutines see their ends.
#pragma once

#include <limelight/async_omni.hpp>
#include <limelight/task.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/http/context.hpp"
#include "actors/telemetry/request_spans.hpp"

namespace limelight::http {

class Generation : public std::enable_shared_from_this<Generation> {
 public:
  // A part of the answer with this index among all. It may be the last one of that answer.
  class Sink {
   public:
    virtual ~Sink() = default;
    // False: no more is wanted.
    virtual Task<bool> take(std::size_t index, RequestOutput part) = 0;
  };

  Generation(ContextPtr context, ExchangePtr exchange, std::size_t n);
  // Submits the prompts, and ends when all of their answers have. The sink outlives that.
  static Task<void> run(std::shared_ptr<Generation> self,
                        std::vector<GenerateRequest> prompts,
                        Sink* sink);
  void abort(const std::string& why);

  // Of each answer, in order: all but text and sound, which went to the sink, once it has ended.
  const std::vector<RequestOutput>& ends() const { return ends_; }
  // Of the first answer that failed.
  const Error& error() const { return error_; }

 private:
  static Task<void> follow(std::shared_ptr<Generation> self, std::size_t prompt, Sink* sink);
  void note(std::size_t index, const RequestOutput& part);
  void begin_trace();
  void send_spans();

  ContextPtr context_;
  ExchangePtr exchange_;
  std::size_t n_;
  std::vector<std::unique_ptr<OutputStream>> streams_;
  std::vector<RequestOutput> ends_;
  std::vector<AnswerTimes> times_;
  Error error_{ErrorCode::none, {}};
  // Where a collector of OpenTelemetry is to hear of it.
  telemetry::RequestTrace trace_;
  telemetry::StageNames stage_names_;  // the pipeline may be gone when it ends
};

// Keeps all of each answer.
class WholeAnswers final : public Generation::Sink {
 public:
  explicit WholeAnswers(std::size_t count) : outputs(count) {}
  Task<bool> take(std::size_t index, RequestOutput part) override;
  std::vector<RequestOutput> outputs;
};

}  // namespace limelight::http
