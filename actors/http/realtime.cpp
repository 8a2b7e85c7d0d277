#include "actors/http/realtime.hpp"

#include <limelight/task.hpp>
#include <nlohmann/json.hpp>

#include "actors/formats/base64.hpp"
#include "actors/formats/refusal.hpp"
#include "actors/formats/sampling_json.hpp"
#include "actors/http/api_error.hpp"
#include "actors/http/generation.hpp"
#include "actors/http/limited_json.hpp"
#include "actors/http/websocket.hpp"

namespace limelight::http {

using formats::Handlers;
using formats::refuse;
using formats::show;
using nlohmann::json;

namespace {

constexpr std::size_t most_message_bytes = std::size_t{1} << 20;
constexpr std::size_t most_conversation_bytes = std::size_t{4} << 20;

// What session.update sets, and a response.create for its response alone.
struct Settings {
  std::string instructions = {};
  bool text = true, audio = false;
  stages::SamplingParams params = {};
};

class Session : public std::enable_shared_from_this<Session>, public Generation::Sink {
 public:
  Session(ContextPtr context, ExchangePtr exchange)
      : context_(std::move(context)), exchange_(std::move(exchange)), name_(exchange_->id()) {
    const PipelineFacts facts = context_->facts();
    settings_.params = facts.defaults;
    settings_.text = facts.has("text");
    settings_.audio = facts.has("audio");
    outputs_ = facts.outputs;
    model_ = facts.model;
  }

  // The session lives until its connection is closed and its response is over.
  void open() {
    const auto self = shared_from_this();
    static std::uint64_t sessions = 0;
    drain_ = ++sessions;
    context_->on_drain[drain_] = [weak = weak_from_this()] {
      if (const auto it = weak.lock(); it && !it->generation_) it->end(1001);
    };
    socket_ = std::make_unique<WebSocket>(
        exchange_,
        WebSocket::Events{[self](std::string message) { self->hear(message); },
                          [self] { self->closed(); }},
        most_message_bytes);
    say("session.created", {{"session", description()}});
  }

  Task<bool> take(std::size_t, RequestOutput part) override {
    if (part.finished && part.error.code != ErrorCode::none) co_return false;
    bool stays = true;
    if (!part.text.empty()) {
      answer_ += part.text;
      const char* type =
          current_.audio ? "response.output_audio_transcript.delta" : "response.output_text.delta";
      const json event = of_content(type, {{"delta", part.text}});
      stays = co_await socket_->send(write(event));
    }
    if (stays && !part.audio.empty()) {
      const std::string bytes = sound_.encode(part.audio, part.sample_rate);
      const json event =
          of_content("response.output_audio.delta", {{"delta", formats::to_base64(bytes)}});
      stays = co_await socket_->send(write(event));
    }
    co_return stays;
  }

 private:
  static std::string write(const json& event) {
    return event.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  json event_of(const char* type, json members) {
    members["type"] = type;
    members["event_id"] = "event_" + name_ + "_" + std::to_string(++events_);
    return members;
  }
  json of_content(const char* type, json members) {
    members["response_id"] = response_id_;
    members["item_id"] = item_id_;
    members["output_index"] = 0;
    members["content_index"] = 0;
    return event_of(type, std::move(members));
  }
  void say(const char* type, json members) {
    socket_->send(write(event_of(type, std::move(members))));
  }
  void say_error(const std::string& message, const std::string& param, const json& cause) {
    say("error", {{"error",
                   {{"type", "invalid_request_error"},
                    {"message", message},
                    {"param", param.empty() ? json() : json(param)},
                    {"code", nullptr},
                    {"event_id", cause}}}});
  }
  json description() const {
    json kinds = json::array();
    if (settings_.text && !settings_.audio) kinds.push_back("text");
    if (settings_.audio) kinds.push_back("audio");
    return {{"id", "sess_" + name_},
            {"object", "realtime.session"},
            {"type", "realtime"},
            {"model", model_},
            {"output_modalities", std::move(kinds)},
            {"instructions", settings_.instructions},
            {"audio", {{"output", {{"format", {{"type", "audio/pcm"}, {"rate", rate()}}}}}}}};
  }
  int rate() const {
    for (const auto& stage : context_->pipeline->config().stages)
      if (stage.user_output >= 0 && stage.final_output_type == "audio") return stage.sample_rate;
    return stages::usual_sample_rate;
  }

  void hear(const std::string& message) {
    if (context_->pipeline == nullptr) return end(1001);
    const auto event = read_json_object(message);
    if (!event) return say_error(event.error().message, "", nullptr);
    const json type = event->value("type", json());
    const json cause = event->value("event_id", json());
    try {
      if (type == "session.update") update(*event);
      else if (type == "conversation.item.create") add_item(*event);
      else if (type == "response.create") respond(*event);
      else if (type == "response.cancel") cancel();
      else
        refuse("type", show(type),
               "session.update, conversation.item.create, response.create or response.cancel: "
               "sound does not come in here");
    } catch (const formats::Refusal& refusal) {
      const ApiError error = api_error({ErrorCode::invalid_argument, refusal.text});
      say_error(error.message, error.param, cause);
    }
  }

  // key: of the object, for messages.
  void read_settings(const json& object, const std::string& key, Settings& settings) const {
    if (!object.is_object()) refuse(key, show(object), "an object");
    const auto modalities = [&](const json& v, const std::string& k) {
      if (!v.is_array() || v.empty()) refuse(k, show(v), "[\"text\"] or [\"audio\"]");
      settings.text = settings.audio = false;
      for (const json& one : v) {
        const bool has =
            one.is_string() && std::find(outputs_.begin(), outputs_.end(), one) != outputs_.end();
        if (!has) refuse(k, show(one), "a kind of output that the pipeline has");
        (one == "text" ? settings.text : settings.audio) = true;
      }
      // Sound comes with its transcript.
      settings.text =
          settings.text || std::find(outputs_.begin(), outputs_.end(), "text") != outputs_.end();
    };
    const auto tokens = [&](const json& v, const std::string& k) {
      if (v == "inf") settings.params.max_tokens.reset();
      else settings.params.max_tokens = formats::whole(v, k);
    };
    Handlers sampling = formats::sampling_handlers(settings.params);
    const Handlers own{
        {"instructions",
         [&](const json& v, const std::string& k) { settings.instructions = formats::text(v, k); }},
        {"modalities", modalities},
        {"output_modalities", modalities},
        {"max_output_tokens", tokens},
        {"max_response_output_tokens", tokens},
        {"tools", [](const json& v, const std::string& k) {
           if (!v.empty()) refuse(k, show(v), "none: tools are not called here");
         }}};
    read_object(object, key + ".", {&sampling, &own}, formats::UnknownKeys::ignored);
    if (settings.params.n != 1) refuse(key + ".n", std::to_string(settings.params.n), "1");
    formats::check_ranges(settings.params);
  }

  void update(const json& event) {
    Settings changed = settings_;
    read_settings(event.value("session", json()), "session", changed);
    settings_ = std::move(changed);
    say("session.updated", {{"session", description()}});
  }

  void add_item(const json& event) {
    const json item = event.value("item", json());
    if (!item.is_object() || item.value("type", json("message")) != "message")
      refuse("item", show(item), "an object of the type message");
    const std::string role = formats::text(item.value("role", json()), "item.role");
    if (role != "user" && role != "assistant" && role != "system")
      refuse("item.role", show(role), "system, user or assistant");
    const json content = item.value("content", json());
    if (!content.is_array() || content.empty())
      refuse("item.content", show(content), "a list of parts");
    std::string text;
    for (const json& part : content) {
      const json type = part.is_object() ? part.value("type", json()) : json();
      if (type != "input_text" && type != "text" && type != "output_text")
        refuse("item.content[].type", show(type), "input_text, output_text or text");
      text += formats::text(part.value("text", json()), "item.content[].text");
    }
    bytes_ += text.size();
    if (bytes_ > most_conversation_bytes)
      refuse("item", "a conversation of " + std::to_string(bytes_) + " bytes",
             std::to_string(most_conversation_bytes) + " at most");
    const std::string id =
        item.value("id", json()).is_string() ? item["id"].get<std::string>() : next_item();
    conversation_.push_back({role, std::move(text)});
    const json shown{{"id", id},          {"object", "realtime.item"},
                     {"type", "message"}, {"status", "completed"},
                     {"role", role},      {"content", content}};
    say("conversation.item.added", {{"item", shown}});
    say("conversation.item.done", {{"item", shown}});
  }
  std::string next_item() { return "item_" + name_ + "_" + std::to_string(++items_); }

  void respond(const json& event) {
    if (generation_)
      refuse("type", "response.create while a response is under way", "its end first");
    if (context_->draining) return end(1001);
    if (context_->open_requests >= context_->options.most_requests)
      refuse("type", "response.create with too many requests under way", "another try later");
    current_ = settings_;
    if (event.contains("response") && !event["response"].is_null())
      read_settings(event["response"], "response", current_);
    GenerateRequest request{.messages = conversation_};
    if (!current_.instructions.empty())
      request.messages.insert(request.messages.begin(), {"system", current_.instructions});
    if (request.messages.empty()) refuse("response", "an empty conversation", "a message first");
    request.sampling_params = current_.params;
    if (current_.text) request.modalities.emplace_back("text");
    if (current_.audio) request.modalities.emplace_back("audio");
    answer_.clear();
    sound_ = SoundStream(SoundFormat::pcm);
    response_id_ = "resp_" + name_ + "_" + std::to_string(++responses_);
    item_id_ = next_item();
    exchange_->set_id(name_ + "-" + std::to_string(responses_));
    generation_ = std::make_shared<Generation>(context_, exchange_, 1);
    say("response.created", {{"response", response("in_progress", {})}});
    (void)run(shared_from_this(), std::move(request));
  }
  void cancel() {
    if (generation_) generation_->abort("the client has cancelled it");
  }

  static Task<void> run(std::shared_ptr<Session> self, GenerateRequest request) {
    std::vector<GenerateRequest> prompts;
    prompts.push_back(std::move(request));
    const auto generation = self->generation_;
    const auto task = Generation::run(generation, std::move(prompts), self.get());
    co_await task;
    self->finish(*generation);
  }
  void finish(const Generation& of) {
    const Error& error = of.error();
    const RequestOutput& end = of.ends().front();
    if (!answer_.empty()) {
      bytes_ += answer_.size();
      conversation_.push_back({"assistant", answer_});
    }
    if (error.code == ErrorCode::none) {
      if (current_.audio) {
        say_of("response.output_audio.done", json::object());
        say_of("response.output_audio_transcript.done", {{"transcript", answer_}});
      } else {
        say_of("response.output_text.done", {{"text", answer_}});
      }
    }
    const char* status = error.code == ErrorCode::cancelled     ? "cancelled"
                         : error.code != ErrorCode::none        ? "failed"
                         : end.answer.finish_reason == "length" ? "incomplete"
                                                                : "completed";
    json done = response(status, end.answer);
    if (error.code != ErrorCode::none)
      done["status_details"] = {{"type", status}, {"error", {{"message", error.message}}}};
    say("response.done", {{"response", std::move(done)}});
    generation_.reset();
    if (context_->draining) end_connection();
  }
  void end_connection() { end(1001); }
  void say_of(const char* type, json members) {
    socket_->send(write(of_content(type, std::move(members))));
  }
  json response(const char* status, const AnswerInfo& answer) const {
    json content = json::array();
    if (current_.audio) content.push_back({{"type", "output_audio"}, {"transcript", answer_}});
    else content.push_back({{"type", "output_text"}, {"text", answer_}});
    const json item{{"id", item_id_},    {"object", "realtime.item"},
                    {"type", "message"}, {"role", "assistant"},
                    {"status", status},  {"content", std::move(content)}};
    json all{{"id", response_id_},        {"object", "realtime.response"}, {"status", status},
             {"status_details", nullptr}, {"output", json::array()},       {"usage", nullptr}};
    if (std::string_view(status) == "in_progress") return all;
    all["output"].push_back(item);
    all["usage"] = {{"input_tokens", answer.prompt_tokens},
                    {"output_tokens", answer.output_tokens},
                    {"total_tokens", answer.prompt_tokens + answer.output_tokens}};
    return all;
  }

  void end(int code) { socket_->close(code, "the service is being drained"); }
  void closed() {
    context_->on_drain.erase(drain_);
    if (generation_) generation_->abort("the client has left");
  }

  ContextPtr context_;
  ExchangePtr exchange_;
  const std::string name_;
  std::string model_;
  std::vector<std::string> outputs_;
  std::unique_ptr<WebSocket> socket_;
  std::uint64_t drain_ = 0;
  Settings settings_, current_;
  std::vector<Message> conversation_;
  std::size_t bytes_ = 0;                   // of the conversation
  std::shared_ptr<Generation> generation_;  // of the response that is under way
  SoundStream sound_{SoundFormat::pcm};
  std::string answer_, response_id_, item_id_;
  std::uint64_t events_ = 0, items_ = 0, responses_ = 0;
};

}  // namespace

void open_realtime(const ContextPtr& context, const ExchangePtr& exchange) {
  if (refuse_now(*context, *exchange, 0)) return;
  if (!WebSocket::is_asked_by(exchange->request()))
    return exchange->answer(
        ApiError{.message = "found a plain request, expected one that asks for a WebSocket"}
            .answer());
  std::make_shared<Session>(context, exchange)->open();
}

}  // namespace limelight::http
