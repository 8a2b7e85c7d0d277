#include "bench/chaos_client.hpp"

#include <curl/curl.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "actors/formats/base64.hpp"
#include "bench/load/event_stream.hpp"

namespace limelight::bench {

using nlohmann::json;

namespace {

std::string code_of(const json& error) {
  if (error.contains("code") && error["code"].is_string()) return error["code"];
  if (error.contains("type") && error["type"].is_string()) return error["type"];
  return {};
}

json body_of(const ChaosRequest& request, Manner manner, bool chat, bool stream) {
  json body{{"seed", request.seed},
            {"temperature", request.temperature},
            {"max_tokens", request.max_tokens},
            {"stream", stream}};
  if (chat) {
    json message{{"role", "user"}, {"content", request.prompt}};
    body["messages"] = json::array({std::move(message)});
    if (!request.text_alone) {
      body["modalities"] = {"text", "audio"};
      body["audio"] = {{"format", "pcm16"}};
    }
  } else {
    body["prompt"] = request.prompt;
  }
  // All have one, so that what watches deadlines is there from the first request on.
  body["deadline_ms"] = manner == Manner::late ? 5 : 300'000;
  return body;
}

std::string bytes_of(const json& audio) {
  auto bytes = formats::from_base64(audio.at("data").get<std::string>());
  return bytes ? std::move(bytes).value() : "no base64";
}

// A connection of its own for each request, so that leaving it leaves nothing else.
class Asking {
 public:
  Asking(Manner manner, std::uint64_t random) : manner_(manner) {
    // Some leave before the first byte, some after a few.
    leave_after_ms_ = static_cast<long>(random % 300);
    leave_after_pieces_ = 1 + static_cast<int>(random / 300 % 12);
  }

  ClientResult run(const std::string& url, const std::string& body, double patience_s) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                   curl_easy_cleanup);
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
        curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all);
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(patience_s * 1000));
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Asking::written);
    if (manner_ == Manner::slow) {
      curl_easy_setopt(curl.get(), CURLOPT_BUFFERSIZE, 1024L);
      curl_easy_setopt(curl.get(), CURLOPT_SOCKOPTFUNCTION, &Asking::narrow);
    }
    if (manner_ == Manner::leaves && leave_after_ms_ % 2 == 0) {
      curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
      curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, this);
      curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &Asking::wait);
    }
    curl_ = curl.get();
    start_ = std::chrono::steady_clock::now();
    const CURLcode code = curl_easy_perform(curl.get());
    return end(code);
  }

 private:
  static std::size_t written(char* data, std::size_t, std::size_t bytes, void* self) {
    return static_cast<Asking*>(self)->take({data, bytes}) ? bytes : 0;
  }
  static int narrow(void*, curl_socket_t socket, curlsocktype) {
    const int bytes = 2048;
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return CURL_SOCKOPT_OK;
  }
  static int wait(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    const auto* asking = static_cast<Asking*>(self);
    return std::chrono::steady_clock::now() - asking->start_ >
           std::chrono::milliseconds(asking->leave_after_ms_);
  }
  bool take(std::string_view bytes) {
    if (manner_ == Manner::leaves && ++pieces_ > leave_after_pieces_) return false;
    if (manner_ == Manner::slow) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const char* type = nullptr;
    curl_easy_getinfo(curl_, CURLINFO_CONTENT_TYPE, &type);
    if (type != nullptr && std::string_view(type).starts_with("text/event-stream")) {
      streams_ = true;
      events_.take(bytes, [&](std::string_view data) { reading_.event(data); });
    } else {
      whole_.append(bytes);
    }
    return true;
  }

  ClientResult end(CURLcode code) {
    if (code == CURLE_WRITE_ERROR || code == CURLE_ABORTED_BY_CALLBACK) return {ClientEnd::left};
    if (code == CURLE_OPERATION_TIMEDOUT) return {ClientEnd::wrong, {}, {}, "it never ended"};
    if (code != CURLE_OK)
      return {ClientEnd::cut, {}, {}, curl_easy_strerror(code), streams_ || !whole_.empty()};
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    if (streams_) {
      if (!events_.rest().empty())
        return {ClientEnd::wrong, {}, {}, "the stream ended within an event"};
      return reading_.result();
    }
    const json all = json::parse(whole_, nullptr, false);
    if (!all.is_object())
      return {ClientEnd::wrong, {}, {}, "status " + std::to_string(status) + " without JSON"};
    if (status != 200) return refusal(status, all);
    return answer(all);
  }
  ClientResult refusal(long status, const json& all) const {
    const std::string code = all.contains("error") ? code_of(all["error"]) : std::string();
    const std::string text = "status " + std::to_string(status) + ": " + whole_.substr(0, 300);
    if (code.empty()) return {ClientEnd::wrong, {}, {}, text};
    if (status == 429) return {ClientEnd::refused};
    if (status == 503 || status == 504) return {ClientEnd::failed, {}, {}, code};
    return {ClientEnd::wrong, {}, {}, text};
  }
  static ClientResult answer(const json& all) {
    try {
      const json& choice = all.at("choices").at(0);
      if (!choice.at("finish_reason").is_string())
        return {ClientEnd::wrong, {}, {}, "an answer without its end"};
      if (choice.contains("text")) return {ClientEnd::done, choice["text"]};
      const json& message = choice.at("message");
      ClientResult done{ClientEnd::done, message.at("content")};
      if (message.contains("audio")) done.sound = bytes_of(message["audio"]);
      return done;
    } catch (const json::exception& other) {
      return {ClientEnd::wrong, {}, {}, std::string("an answer of another form: ") + other.what()};
    }
  }

  Manner manner_;
  long leave_after_ms_;
  int leave_after_pieces_, pieces_ = 0;
  CURL* curl_ = nullptr;
  std::chrono::steady_clock::time_point start_ = {};
  bool streams_ = false;
  EventStream events_;
  StreamReading reading_;
  std::string whole_;
};

}  // namespace

void StreamReading::event(std::string_view data) {
  if (dones_ > 0) wrong_ = "something behind the end of the stream";
  if (data == "[DONE]") {
    ++dones_;
    return;
  }
  const json all = json::parse(data, nullptr, false);
  try {
    if (all.is_object()) return read(all);
    wrong_ = "an event that is no object";
  } catch (const json::exception& other) {
    wrong_ = std::string("an event of another form: ") + other.what();
  }
}

void StreamReading::read(const json& all) {
  if (finishes_ + errors_ > 0) wrong_ = "something behind the end of the answer";
  if (all.contains("error")) {
    ++errors_;
    code_ = code_of(all["error"]);
    return;
  }
  for (const json& choice : all.at("choices")) {
    const json& part = choice.contains("delta") ? choice["delta"] : choice;
    for (const char* key : {"content", "text"})
      if (part.contains(key) && part[key].is_string()) text_ += part[key].get<std::string>();
    if (part.contains("audio")) sound_ += bytes_of(part["audio"]);
    if (choice.at("finish_reason").is_string()) ++finishes_;
  }
}

ClientResult StreamReading::result() const {
  if (!wrong_.empty()) return {ClientEnd::wrong, {}, {}, wrong_};
  if (dones_ != 1 || finishes_ + errors_ != 1)
    return {ClientEnd::wrong,
            {},
            {},
            "a stream with " + std::to_string(finishes_) + " ends, " + std::to_string(errors_) +
                " errors and " + std::to_string(dones_) + " [DONE]"};
  if (errors_ == 0) return {ClientEnd::done, text_, sound_};
  if (code_.empty()) return {ClientEnd::wrong, {}, {}, "an error without a code"};
  return {ClientEnd::failed, {}, {}, code_};
}

ClientResult ask_as(const std::string& url,
                    const ChaosRequest& request,
                    Manner manner,
                    std::size_t number,
                    std::uint64_t random,
                    double patience_s) {
  const bool chat = !request.text_alone || number % 2 == 0;
  const bool stream = random % 5 != 0;
  return Asking(manner, random / 5)
      .run(url + (chat ? "/v1/chat/completions" : "/v1/completions"),
           body_of(request, manner, chat, stream).dump(), patience_s);
}

Answered exchange(const std::string& url, const char* body, double patience_s) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  Answered answered;
  const auto write = +[](char* data, std::size_t, std::size_t bytes, void* to) {
    static_cast<std::string*>(to)->append(data, bytes);
    return bytes;
  };
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  if (body != nullptr) curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answered.body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, write);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(patience_s * 1000));
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK)
    return {0, curl_easy_strerror(code)};
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answered.status);
  return answered;
}

}  // namespace limelight::bench
