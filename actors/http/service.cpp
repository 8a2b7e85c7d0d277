#include "actors/http/service.hpp"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <nlohmann/json.hpp>

#include "actors/http/api_error.hpp"
#include "actors/http/completions.hpp"
#include "actors/http/profile_routes.hpp"
#include "actors/http/realtime.hpp"
#include "actors/http/speech.hpp"
#include "actors/http/status_routes.hpp"
#include "base/log.hpp"
#include "base/log_fields.hpp"

namespace limelight::http {

using nlohmann::json;

namespace {

// ready and degraded serve; the others do not (yet, or any more), and say so with 503 too.
void answer_health(Context& context, Exchange& exchange) {
  json body;
  const char* status = "starting";
  bool serves = false;
  if (context.pipeline != nullptr) {
    const PipelineStatus now = context.pipeline->status();
    status = word_of(now.health);
    serves = now.health != Health::failed;
    if (!now.why.empty()) body["why"] = now.why;
    body["running"] = now.running;
    body["waiting"] = now.waiting;
    for (const ReplicaStatus& it : now.replicas) {
      json one{{"stage_id", it.stage_id},
               {"replica", it.replica},
               {"phase", name(it.phase)},
               {"restarts", it.restarts},
               {"requests", it.requests}};
      if (!it.last_failure.empty()) one["last_failure"] = it.last_failure;
      body["replicas"].push_back(std::move(one));
    }
  }
  if (context.draining) {
    status = "draining";
    serves = false;
  }
  body["status"] = status;
  exchange.answer({.status = serves ? 200 : 503,
                   .body = body.dump(-1, ' ', false, json::error_handler_t::replace),
                   .headers = {{"Cache-Control", "no-store"}}});
}

void answer_models(Context& context, Exchange& exchange) {
  static const std::time_t since = std::time(nullptr);
  json model{{"id", context.options.model},
             {"object", "model"},
             {"created", since},
             {"owned_by", "limelight"}};
  if (context.pipeline != nullptr) {
    model["max_model_len"] = context.pipeline->config().stages.front().shape.max_model_len;
    model["modalities"] = context.facts().outputs;
  }
  const std::string path = exchange.request().path, all = "/v1/models";
  if (path != all && path != all + "/" + context.options.model)
    return exchange.answer(ApiError{.status = 404,
                                    .message = "found another model than " + context.options.model,
                                    .param = "model",
                                    .code = "model_not_found"}
                               .answer());
  const json body = path == all ? json{{"object", "list"}, {"data", json::array({model})}} : model;
  exchange.answer({.body = body.dump(-1, ' ', false, json::error_handler_t::replace)});
}

void answer_metrics(Context& context, Exchange& exchange) {
  const PipelineStatus status =
      context.pipeline == nullptr ? PipelineStatus() : context.pipeline->status();
  std::string text =
      context.metrics.text(status, context.options.model,
                           context.connections ? context.connections() : 0, context.draining);
  if (context.spans) text += Metrics::text(context.spans->counts());
  exchange.answer({.type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(text)});
}

struct Route {
  const char* method;
  const char* path;  // one that ends with '/', but for the first one, has all below it
  bool about_profiles;
  void (*answer)(const ContextPtr&, const ExchangePtr&);
};
const Route routes[] = {
    {"GET", "/", false, send_page},
    {"GET", "/status", false, send_status},
    {"GET", "/health", false,
     [](const ContextPtr& c, const ExchangePtr& e) { answer_health(*c, *e); }},
    {"GET", "/metrics", false,
     [](const ContextPtr& c, const ExchangePtr& e) { answer_metrics(*c, *e); }},
    {"GET", "/v1/models", false,
     [](const ContextPtr& c, const ExchangePtr& e) { answer_models(*c, *e); }},
    {"GET", "/v1/models/", false,
     [](const ContextPtr& c, const ExchangePtr& e) { answer_models(*c, *e); }},
    {"POST", "/v1/completions", false,
     [](const ContextPtr& c, const ExchangePtr& e) { (void)complete(c, e, false); }},
    {"POST", "/v1/chat/completions", false,
     [](const ContextPtr& c, const ExchangePtr& e) { (void)complete(c, e, true); }},
    {"POST", "/v1/audio/speech", false,
     [](const ContextPtr& c, const ExchangePtr& e) { (void)speak(c, e); }},
    {"GET", "/v1/realtime", false,
     [](const ContextPtr& c, const ExchangePtr& e) { open_realtime(c, e); }},
    {"POST", "/start_profile", true,
     [](const ContextPtr& c, const ExchangePtr& e) { (void)start_profile(c, e); }},
    {"POST", "/stop_profile", true,
     [](const ContextPtr& c, const ExchangePtr& e) { (void)stop_profile(c, e); }},
    {"POST", "/dump_profile", true,
     [](const ContextPtr& c, const ExchangePtr& e) { (void)dump_profile(c, e); }},
    {"GET", "/profiles", true,
     [](const ContextPtr& c, const ExchangePtr& e) { list_profiles(c, e); }},
    {"GET", "/profiles/", true,
     [](const ContextPtr& c, const ExchangePtr& e) { (void)send_profile(c, e); }},
    {"GET", "/reports/", true,
     [](const ContextPtr& c, const ExchangePtr& e) { (void)send_report(c, e); }},
};

bool matches(const Route& route, const std::string& path) {
  const std::string_view known = route.path;
  return known.size() > 1 && known.ends_with('/')
             ? path.size() > known.size() && path.starts_with(known)
             : path == known;
}

// A page of another site that a browser shows must not use a service that trusts this machine.
bool is_of_another_site(const HttpRequest& request) {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return false;
  const auto scheme = origin.find("://");
  return scheme == std::string_view::npos || origin.substr(scheme + 3) != request.header("host");
}

// localhost, an address, or one of these; a client of HTTP/1.0 need not say it.
bool is_called_right(std::string_view host, const std::vector<std::string>& allowed) {
  if (host.empty() || host.front() == '[') return true;
  std::string name(host.substr(0, host.find(':')));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (name == "localhost" || name.find_first_not_of("0123456789.") == std::string::npos)
    return true;
  return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
}

std::string route_of(const std::string& path) {
  for (const Route& route : routes)
    if (matches(route, path)) return route.path;
  return "other";
}

}  // namespace

Service::Service(ServiceOptions options) : context_(std::make_shared<Context>()) {
  set_keys(options.api_keys, options.profile_keys);
  context_->options = std::move(options);
}

void Service::set_keys(const std::vector<std::string>& api,
                       const std::vector<std::string>& profile) {
  keys_ = Keys(api);
  profile_keys_ = Keys(profile);
}

const Keys& Service::keys_of(bool about_profiles) const {
  return about_profiles && !profile_keys_.empty() ? profile_keys_ : keys_;
}
bool Service::asks_for_token(bool about_profiles) const { return !keys_of(about_profiles).empty(); }
bool Service::may(const Exchange& exchange, bool about_profiles) const {
  return !asks_for_token(about_profiles) ||
         keys_of(about_profiles).accept(exchange.request().header("authorization"));
}

void Service::handle(const ExchangePtr& exchange) {
  const HttpRequest& request = exchange->request();
  const Route* found = nullptr;
  std::string methods;
  bool about_profiles = false;
  for (const Route& route : routes) {
    if (!matches(route, request.path)) continue;
    about_profiles = route.about_profiles;
    methods += (methods.empty() ? "" : ", ") + std::string(route.method);
    if (request.method == route.method || (request.method == "HEAD" && methods == "GET"))
      found = &route;
  }
  const auto refuse = [&](int status, const std::string& why, const char* code = "") {
    HttpAnswer answer = ApiError{.status = status, .message = why, .code = code}.answer();
    if (status == 405) answer.headers.emplace_back("Allow", methods);
    exchange->answer(std::move(answer));
  };
  // Strangers are not told which routes there are.
  if (request.path != "/" && !may(*exchange, about_profiles))
    return refuse(401,
                  "found no token, or a wrong one; expected a header \"Authorization: Bearer "
                  "<token>\" with one of this service",
                  "invalid_api_key");
  if (context_->options.checks_host && !asks_for_token(about_profiles) &&
      !is_called_right(request.header("host"), context_->options.allowed_hosts))
    return refuse(403,
                  "found another name of this service in the header Host, expected localhost, an "
                  "address or one of --allowed-host (a token would do as well)");
  if (is_of_another_site(request))
    return refuse(403, "found a request of another site's page, expected none (CORS is off)");
  if (methods.empty())
    return refuse(404, "found no route " + request.path.substr(0, 100), "unknown_url");
  if (found == nullptr)
    return refuse(405, "found " + request.method.substr(0, 20) + ", expected " + methods);
  found->answer(context_, exchange);
}

void Service::on_record(const AccessRecord& record) {
  context_->metrics.count_http(route_of(record.path), record.status);
  std::string text = record.peer + " \"" + record.method.substr(0, 20) + " ";
  for (const char c : std::string_view(record.path).substr(0, 200))
    text += c < 32 || c > 126 || c == '"' ? '?' : c;
  text +=
      "\" " + std::to_string(record.status) + " " + std::to_string(record.bytes) + " bytes " +
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(record.taken).count()) +
      " ms id=" + record.id;
  if (!record.whole) text += " broken off";
  const LogFields fields(
      {{"request_id", record.id},
       {"client", record.peer},
       {"method", record.method.substr(0, 20)},
       {"path", record.path.substr(0, 200)},
       {"status", std::int64_t{record.status}},
       {"bytes", static_cast<std::int64_t>(record.bytes)},
       {"duration_ms", std::chrono::duration<double, std::milli>(record.taken).count()}});
  log(LogLevel::info, text);
}

}  // namespace limelight::http
