#include "actors/http/status_routes.hpp"

#include <nlohmann/json.hpp>

#include "actors/formats/output_json.hpp"
#include "actors/http/api_error.hpp"

namespace limelight::http {

extern const char service_page[];  // service_page.html

using nlohmann::json;

namespace {

json stage_json(const stages::StageConfig& stage,
                const PipelineStatus& status,
                const Metrics& metrics) {
  json one{{"stage_id", stage.stage_id}, {"name", stage.model_stage}, {"replicas", json::array()}};
  double time = 0, batch = 0;
  std::uint64_t tokens = 0, answers = 0;
  for (const auto& [at, sums] : metrics.stages()) {
    if (at.first != stage.stage_id) continue;
    time += sums.time_s;
    tokens += sums.tokens;
    batch += sums.batch;
    answers += sums.answers;
  }
  one["time_s"] = time;
  one["tokens"] = tokens;
  one["batch"] = answers > 0 ? batch / static_cast<double>(answers) : 0.0;
  for (const ReplicaStatus& it : status.replicas)
    if (it.stage_id == stage.stage_id)
      one["replicas"].push_back({{"replica", it.replica},
                                 {"phase", name(it.phase)},
                                 {"requests", it.requests},
                                 {"restarts", it.restarts},
                                 {"kv_blocks", it.kv_blocks},
                                 {"used_kv_blocks", it.used_kv_blocks},
                                 {"last_failure", it.last_failure}});
  return one;
}

json request_json(const RequestOutput& output) {
  json one = formats::to_json(output);
  for (const char* key : {"prompt", "text", "audio_samples", "sample_rate", "logprobs", "seed"})
    one.erase(key);
  if (one.contains("error")) one["error"] = one["error"]["code"];
  return one;
}

}  // namespace

const char* word_of(Health health) {
  return health == Health::running ? "ready" : health == Health::degraded ? "degraded" : "failed";
}

void send_page(const ContextPtr&, const ExchangePtr& exchange) {
  exchange->answer({.type = "text/html; charset=utf-8",
                    .body = service_page,
                    .headers = {{"Content-Security-Policy",
                                 "default-src 'none'; style-src 'unsafe-inline'; script-src "
                                 "'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; "
                                 "form-action 'none'; base-uri 'none'"},
                                {"Referrer-Policy", "no-referrer"}}});
}

void send_status(const ContextPtr& context, const ExchangePtr& exchange) {
  if (context->pipeline == nullptr)
    return exchange->answer(
        ApiError{.status = 503, .message = "the pipeline is not there yet, or no longer"}.answer());
  const PipelineStatus status = context->pipeline->status();
  const auto uptime = std::chrono::steady_clock::now() - context->start;
  json all{{"model", context->options.model},
           {"status", context->draining ? "draining" : word_of(status.health)},
           {"uptime_s", std::chrono::duration<double>(uptime).count()},
           {"running", status.running},
           {"waiting", status.waiting},
           {"answers", context->metrics.answers()},
           {"connections", context->connections ? context->connections() : 0},
           {"stages", json::array()},
           {"edges", json::array()},
           {"recent", json::array()}};
  for (const auto& stage : context->pipeline->config().stages)
    all["stages"].push_back(stage_json(stage, status, context->metrics));
  for (const auto& [at, sums] : context->metrics.transfers())
    all["edges"].push_back({{"from_stage", at.from_stage},
                            {"from_replica", at.from_replica},
                            {"to_stage", at.to_stage},
                            {"to_replica", at.to_replica},
                            {"chunks", sums.chunks},
                            {"bytes", sums.bytes},
                            {"tx_s", sums.tx_s},
                            {"in_flight_s", sums.in_flight_s},
                            {"rx_s", sums.rx_s}});
  for (const RequestOutput& output : context->recent) all["recent"].push_back(request_json(output));
  exchange->answer({.body = all.dump(-1, ' ', false, json::error_handler_t::replace),
                    .headers = {{"Cache-Control", "no-store"}}});
}

}  // namespace limelight::http
