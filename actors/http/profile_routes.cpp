#include "actors/http/profile_routes.hpp"

#include <nlohmann/json.hpp>

#include "actors/formats/json_values.hpp"
#include "actors/formats/output_json.hpp"
#include "actors/formats/refusal.hpp"
#include "actors/http/api_error.hpp"
#include "actors/http/limited_json.hpp"
#include "actors/http/profile_files.hpp"
#include "actors/http/profile_report.hpp"
#include "actors/http/profile_request.hpp"

namespace limelight::http {

using nlohmann::json;

namespace {

json trace_json(const RankTrace& trace) {
  json one = formats::to_json(trace);
  const std::string name = trace.file.filename().string();
  one["path"] = trace.file.string();
  one["file"] = name;
  one["url"] = "/profiles/" + name;
  one["ring_drops"] = trace.ring_drops;
  one["overhead_percent"] = trace.overhead_percent();
  one["session_ms"] = static_cast<double>(trace.session_ns) / 1e6;
  one["gpu"] = trace.gpu;
  if (!trace.note.empty()) one["note"] = trace.note;
  return one;
}

void answer_traces(Exchange& exchange, const Result<std::vector<RankTrace>>& traces) {
  if (!traces) return exchange.answer(api_error(traces.error()).answer());
  json all = json::array();
  std::size_t failed = 0;
  for (const RankTrace& trace : *traces) {
    if (trace.error.code != ErrorCode::none) ++failed;
    all.push_back(trace_json(trace));
  }
  const char* status = failed == 0 ? "SUCCESS" : failed < all.size() ? "PARTIAL" : "FAILED";
  exchange.answer({.status = failed > 0 && failed == all.size() ? 500 : 200,
                   .body = json{{"status", status}, {"traces", std::move(all)}}.dump(
                       -1, ' ', false, json::error_handler_t::replace)});
}

// Profiles are possible as long as there is a pipeline, also while it is drained.
bool no_pipeline(const Context& context, Exchange& exchange) {
  if (context.pipeline != nullptr) return false;
  exchange.answer(
      ApiError{.status = 503, .message = "the pipeline is not there yet, or no longer"}.answer());
  return true;
}

}  // namespace

Task<void> start_profile(ContextPtr context, ExchangePtr exchange) {
  if (no_pipeline(*context, *exchange)) co_return;
  const auto body = read_json_object(exchange->request().body);
  const auto request = body ? read_profile(*body) : Result<ProfileRequest>(body.error());
  if (!request) {
    exchange->answer(api_error(request.error()).answer());
    co_return;
  }
  const ProfileRequest& it = *request;
  const auto started = co_await context->pipeline->start_profile(it.stages, it.options);
  answer_traces(*exchange, started);
}

Task<void> stop_profile(ContextPtr context, ExchangePtr exchange) {
  if (no_pipeline(*context, *exchange)) co_return;
  const auto body = read_json_object(exchange->request().body);
  const auto stages = body ? read_stop(*body) : Result<std::vector<int>>(body.error());
  if (!stages) {
    exchange->answer(api_error(stages.error()).answer());
    co_return;
  }
  const StageIds chosen(*stages);
  const auto stopped = co_await context->pipeline->stop_profile(chosen);
  if (stopped)
    for (const RankTrace& trace : *stopped) context->metrics.count_trace(trace);
  answer_traces(*exchange, stopped);
}

Task<void> dump_profile(ContextPtr context, ExchangePtr exchange) {
  if (no_pipeline(*context, *exchange)) co_return;
  const auto body = read_json_object(exchange->request().body);
  std::chrono::milliseconds last = std::chrono::seconds(10);
  Error wrong{ErrorCode::none, {}};
  if (!body) wrong = body.error();
  try {
    const formats::Handlers known{{"last_ms", [&](const json& v, const std::string& k) {
                                     last = std::chrono::milliseconds(formats::whole(v, k));
                                     if (last.count() < 1)
                                       formats::refuse(k, formats::show(v), "1 or more");
                                   }}};
    if (body) formats::read_object(*body, "", {&known});
  } catch (const formats::Refusal& refusal) {
    wrong = {ErrorCode::invalid_argument, refusal.text};
  }
  if (wrong.code != ErrorCode::none) {
    exchange->answer(api_error(wrong).answer());
    co_return;
  }
  const auto dumped = co_await context->pipeline->dump_profile(last);
  answer_traces(*exchange, dumped);
}

void list_profiles(const ContextPtr& context, const ExchangePtr& exchange) {
  json data = json::array();
  for (const ProfileFile& file : list_profiles(context->options.profile_dir))
    data.push_back({{"file", file.name},
                    {"url", "/profiles/" + file.name},
                    {"bytes", file.bytes},
                    {"modified", file.modified_s}});
  exchange->answer({.body = json{{"object", "list"}, {"data", std::move(data)}}.dump(
                        -1, ' ', false, json::error_handler_t::replace)});
}

Task<void> send_profile(ContextPtr context, ExchangePtr exchange) {
  const std::string name = exchange->request().path.substr(std::string("/profiles/").size());
  auto file = OpenProfile::open(context->options.profile_dir, name);
  if (!file) {
    exchange->answer(api_error(file.error()).answer());
    co_return;
  }
  exchange->begin({.type = profile_type(name),
                   .headers = {{"Content-Disposition", "attachment; filename=\"" + name + "\""}}},
                  file->bytes());
  const bool wanted = exchange->request().method != "HEAD";
  for (std::uint64_t sent = 0; wanted && sent < file->bytes();) {
    const auto piece = file->read(std::size_t{64} << 10);
    if (!piece) {
      exchange->break_off();
      co_return;
    }
    sent += piece->size();
    const bool stays = co_await exchange->write(*piece);
    if (!stays) co_return;
  }
  exchange->end();
}

Task<void> send_report(ContextPtr context, ExchangePtr exchange) {
  const std::string name = exchange->request().path.substr(std::string("/reports/").size());
  if (context->writes_report) {
    exchange->answer(
        ApiError{.status = 429, .message = "another report is being made: try again later"}
            .answer());
    co_return;
  }
  context->writes_report = true;
  auto page = Result<std::string>(Error{});
  Elsewhere made(
      context, [&, folder = context->options.profile_dir] { page = profile_report(folder, name); });
  std::string failed;
  try {
    co_await made;
  } catch (const std::exception& thrown) {
    failed = thrown.what();
  }
  context->writes_report = false;
  if (!failed.empty()) page = Error{ErrorCode::internal, "the report was not made: " + failed};
  if (!page) {
    exchange->answer(api_error(page.error()).answer());
    co_return;
  }
  // It is a page of its own: it may not ask this service for anything.
  exchange->begin({.type = "text/html; charset=utf-8",
                   .headers = {{"Content-Security-Policy",
                                "sandbox allow-scripts; default-src 'none'; style-src "
                                "'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors "
                                "'none'"},
                               {"Cache-Control", "no-store"},
                               {"Referrer-Policy", "no-referrer"}}},
                  page->size());
  constexpr std::size_t piece = std::size_t{64} << 10;
  for (std::size_t at = 0; at < page->size(); at += piece) {
    const bool stays = co_await exchange->write(std::string_view(*page).substr(at, piece));
    if (!stays) co_return;
  }
  exchange->end();
}

}  // namespace limelight::http
