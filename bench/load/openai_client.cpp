#include "bench/load/openai_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/load/event_stream.hpp"

namespace limelight::bench {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

namespace {

constexpr std::size_t most_error_bytes = 1 << 16;
constexpr double usual_rate = 24000;  // of OpenAI's pcm16, in Hz

double client_seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::uint64_t bytes_of_base64(const std::string& text) {
  std::uint64_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  return text.size() / 4 * 3 - padding;
}

// What a body that reports an error says, in OpenAI's form or as it is.
std::string message_of(const std::string& body) {
  const json all = json::parse(body, nullptr, false);
  if (all.is_object() && all.contains("error")) {
    const json& error = all["error"];
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      return error["message"];
    if (error.is_string()) return error;
  }
  return body.substr(0, 200);
}

const char* route_of(OpenAiBackend backend) {
  switch (backend) {
    case OpenAiBackend::completions: return "/v1/completions";
    case OpenAiBackend::chat: return "/v1/chat/completions";
    case OpenAiBackend::speech: return "/v1/audio/speech";
  }
  return "";
}

json body_of(const OpenAiOptions& options, const PlannedRequest& request) {
  json body{{"model", options.model}, {"stream", true}};
  if (options.temperature >= 0) body["temperature"] = options.temperature;
  if (options.backend == OpenAiBackend::speech) {
    body["input"] = request.prompt;
    body["voice"] = options.voice;
    body["response_format"] = "pcm";
    body["stream_format"] = "sse";
    return body;
  }
  body["max_tokens"] = request.output_len;
  body["stream_options"] = {{"include_usage", true}};
  if (options.ignore_eos) body["ignore_eos"] = true;
  if (options.backend == OpenAiBackend::completions) {
    body["prompt"] = request.prompt;
    return body;
  }
  json message{{"role", "user"}, {"content", request.prompt}};
  body["messages"] = json::array({std::move(message)});
  body["return_stage_metrics"] = true;
  if (options.audio) {
    body["modalities"] = {"text", "audio"};
    body["audio"] = {{"format", "pcm16"}, {"voice", options.voice}};
  }
  return body;
}

// An open request.
class Exchange {
 public:
  Exchange(const OpenAiOptions& options,
           const PlannedRequest& request,
           std::size_t number,
           Clock::time_point origin)
      : number_(number), origin_(origin), body_(body_of(options, request).dump()) {
    headers_ = curl_slist_append(nullptr, "Content-Type: application/json");
    if (!options.api_key.empty())
      headers_ = curl_slist_append(headers_, ("Authorization: Bearer " + options.api_key).c_str());
    const std::string url = options.base_url + (options.endpoint.empty() ? route_of(options.backend)
                                                                         : options.endpoint);
    curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body_.c_str());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    curl_easy_setopt(curl_, CURLOPT_PRIVATE, this);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &Exchange::written);
    curl_easy_setopt(curl_, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, &Exchange::header);
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout_s * 1000));
    times_.start = client_seconds_since(origin_);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() {
    curl_easy_cleanup(curl_);
    curl_slist_free_all(headers_);
  }
  CURL* handle() const { return curl_; }
  std::size_t number() const { return number_; }

  RequestTimes end(CURLcode code) {
    times_.end = client_seconds_since(origin_);
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) times_.error = curl_easy_strerror(code);
    else if (status != 200)
      times_.error = "status " + std::to_string(status) + ": " + message_of(refusal_);
    else if (times_.error.empty() && !done_)
      times_.error = "the stream ended without its last event";
    times_.success = times_.error.empty();
    // A server that does not count gives a piece a token.
    if (times_.output_tokens == 0) times_.output_tokens = times_.texts.size();
    return std::move(times_);
  }

 private:
  static std::size_t written(char* data, std::size_t, std::size_t bytes, void* self) {
    static_cast<Exchange*>(self)->take({data, bytes});
    return bytes;
  }
  static std::size_t header(char* data, std::size_t, std::size_t bytes, void* self) {
    const std::string_view line(data, bytes);
    constexpr std::string_view rate = "x-sample-rate:";
    const bool is_rate = line.size() > rate.size() &&
                         std::equal(rate.begin(), rate.end(), line.begin(), [](char a, char b) {
                           return a == (b >= 'A' && b <= 'Z' ? b + 32 : b);
                         });
    if (is_rate) {
      const double found = std::strtod(std::string(line.substr(rate.size())).c_str(), nullptr);
      if (found >= 1000 && found <= 1e6) static_cast<Exchange*>(self)->rate_ = found;
    }
    return bytes;
  }
  void take(std::string_view bytes) {
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
      refusal_.append(
          bytes.substr(0, most_error_bytes - std::min(most_error_bytes, refusal_.size())));
      return;
    }
    const double at = client_seconds_since(origin_);
    events_.take(bytes, [&](std::string_view data) { event(data, at); });
  }
  void event(std::string_view data, double at) {
    if (data == "[DONE]") {
      done_ = true;
      return;
    }
    const json all = json::parse(data, nullptr, false);
    if (!all.is_object()) {
      times_.error = "found an event that is no JSON object";
      return;
    }
    try {
      read(all, at);
    } catch (const json::exception&) {
      times_.error = "found an event of another form: " + std::string(data.substr(0, 120));
    }
  }
  void read(const json& all, double at) {
    if (all.contains("error")) times_.error = message_of(all.dump());
    if (all.contains("usage") && all["usage"].is_object()) {
      const json& usage = all["usage"];
      times_.prompt_tokens = usage.value("prompt_tokens", usage.value("input_tokens", 0ull));
      times_.output_tokens = usage.value("completion_tokens", usage.value("output_tokens", 0ull));
    }
    const std::string type = all.value("type", "");
    if (type == "speech.audio.delta") sound(all.at("audio"), at);
    if (type == "speech.audio.done") done_ = true;
    if (all.contains("stage_metrics")) stages(all["stage_metrics"]);
    if (!all.contains("choices")) return;
    for (const json& choice : all["choices"]) {
      const json& part = choice.contains("delta") ? choice["delta"] : choice;
      for (const char* key : {"content", "text"})
        if (part.contains(key) && part[key].is_string() && !part[key].empty())
          text(part[key].get<std::string>(), at);
      if (part.contains("audio") && part["audio"].is_object() && part["audio"].contains("data"))
        sound(part["audio"]["data"], at);
    }
  }
  void text(const std::string& piece, double at) {
    if (piece.empty()) return;
    times_.texts.push_back(at);
    times_.text += piece;
  }
  void sound(const std::string& base64, double at) {
    const auto samples = static_cast<double>(bytes_of_base64(base64)) / 2;
    if (samples > 0) times_.sound.add(at, samples / rate_);
  }
  void stages(const json& lists) {
    for (const json& one : lists) {
      for (const json& stage : one.value("stages", json::array()))
        times_.stages["stage_" + std::to_string(stage.at("stage_id").get<int>()) + "_gen_ms"] +=
            stage.at("stage_gen_time_ms").get<double>();
      for (const json& hop : one.value("transfers", json::array()))
        times_.stages["transfer_" + std::to_string(hop.at("from_stage").get<int>()) + "_" +
                      std::to_string(hop.at("to_stage").get<int>()) + "_ms"] +=
            hop.at("total_time_ms").get<double>();
    }
  }

  CURL* curl_ = curl_easy_init();
  curl_slist* headers_ = nullptr;
  std::size_t number_;
  Clock::time_point origin_;
  std::string body_, refusal_;
  EventStream events_;
  RequestTimes times_;
  double rate_ = usual_rate;
  bool done_ = false;
};

}  // namespace

OpenAiClient::OpenAiClient(OpenAiOptions options) : options_(std::move(options)) {
  while (options_.base_url.ends_with('/')) options_.base_url.pop_back();
}

Result<std::string> OpenAiClient::ask(const std::string& route, const char* body) const {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  if (!options_.api_key.empty())
    list = curl_slist_append(list, ("Authorization: Bearer " + options_.api_key).c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list,
                                                                            curl_slist_free_all);
  const std::string url = options_.base_url + route;
  std::string answer;
  const auto write = +[](char* data, std::size_t, std::size_t bytes, void* to) {
    static_cast<std::string*>(to)->append(data, bytes);
    return bytes;
  };
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  if (body != nullptr) curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, write);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout_s * 1000));
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return Error{ErrorCode::unavailable, url + ": " + curl_easy_strerror(code)};
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200)
    return Error{ErrorCode::invalid_argument,
                 url + ": status " + std::to_string(status) + ": " + message_of(answer)};
  return answer;
}

Result<void> OpenAiClient::find_model() {
  if (!options_.model.empty()) return {};
  const auto answer = ask("/v1/models", nullptr);
  if (!answer) return answer.error();
  const json all = json::parse(*answer, nullptr, false);
  if (all.is_object() && all.contains("data") && all["data"].is_array() && !all["data"].empty() &&
      all["data"][0].contains("id") && all["data"][0]["id"].is_string()) {
    options_.model = all["data"][0]["id"];
    return {};
  }
  return Error{ErrorCode::unavailable, options_.base_url + "/v1/models lists no model"};
}

std::vector<RequestTimes> OpenAiClient::send(const std::vector<PlannedRequest>& plan,
                                             const Progress& progress) const {
  const std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi(curl_multi_init(),
                                                                    curl_multi_cleanup);
  std::vector<RequestTimes> all(plan.size());
  std::vector<std::unique_ptr<Exchange>> open(plan.size());
  const Clock::time_point origin = Clock::now();
  const std::size_t most = options_.max_concurrency > 0
                               ? static_cast<std::size_t>(options_.max_concurrency)
                               : plan.size();
  std::size_t next = 0, active = 0, ended = 0, failed = 0;
  while (ended < plan.size()) {
    while (next < plan.size() && active < most && plan[next].at_s <= client_seconds_since(origin)) {
      open[next] = std::make_unique<Exchange>(options_, plan[next], next, origin);
      curl_multi_add_handle(multi.get(), open[next]->handle());
      ++next;
      ++active;
    }
    int running = 0, left = 0;
    curl_multi_perform(multi.get(), &running);
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Exchange* exchange = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
      const CURLcode code = message->data.result;
      curl_multi_remove_handle(multi.get(), exchange->handle());
      const std::size_t number = exchange->number();
      all[number] = exchange->end(code);
      open[number].reset();
      --active;
      ++ended;
      failed += !all[number].success;
    }
    if (progress) progress(ended, failed);
    if (ended == plan.size()) break;
    double wait = 0.2;
    if (next < plan.size() && active < most)
      wait = std::clamp(plan[next].at_s - client_seconds_since(origin), 0.0, wait);
    curl_multi_poll(multi.get(), nullptr, 0, static_cast<int>(std::ceil(wait * 1000)), nullptr);
  }
  return all;
}

}  // namespace limelight::bench
