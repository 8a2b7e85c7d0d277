#include "actors/http/context.hpp"

#include "actors/http/api_error.hpp"

namespace limelight::http {

PipelineFacts Context::facts() const {
  PipelineFacts facts{.model = options.model};
  facts.defaults = defaults.value_or(pipeline->default_sampling_params());
  for (const auto& stage : pipeline->config().stages)
    if (stage.user_output >= 0 && !facts.has(stage.final_output_type))
      facts.outputs.push_back(stage.final_output_type);
  return facts;
}

bool refuse_now(Context& context, Exchange& exchange, std::size_t prompts) {
  ApiError error;
  if (context.draining) {
    error = {.status = 503, .message = "the service is being drained: it takes no more requests"};
  } else if (context.pipeline == nullptr) {
    error = {.status = 503, .message = "the pipeline is being started"};
  } else if (context.open_requests + prompts > context.options.most_requests) {
    error = {.status = 429,
             .message = "found " + std::to_string(context.open_requests) +
                        " prompts that are worked on or wait, and " + std::to_string(prompts) +
                        " new, expected " + std::to_string(context.options.most_requests) +
                        " at most: try again later",
             .code = "rate_limit_exceeded"};
  } else {
    return false;
  }
  exchange.answer(error.answer());
  return true;
}

}  // namespace limelight::http
