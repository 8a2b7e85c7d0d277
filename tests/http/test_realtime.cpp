// /v1/realtime: a conversation over a WebSocket.
#include <utility>
// Before Boost.Asio, which takes std::exchange from it.
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include "actors/formats/base64.hpp"
#include "tests/http/served.hpp"

using namespace limelight::tests;
using limelight::formats::from_base64;
namespace beast = boost::beast;
using tcp = boost::asio::ip::tcp;

namespace {

class Talk {
 public:
  explicit Talk(const Served& served, int receive_buffer = 0) : stream_(context_) {
    const tcp::endpoint to(boost::asio::ip::address_v4::loopback(),
                           static_cast<std::uint16_t>(served.port()));
    stream_.next_layer().open(to.protocol());
    if (receive_buffer > 0)
      stream_.next_layer().set_option(tcp::socket::receive_buffer_size(receive_buffer));
    stream_.next_layer().connect(to);
    stream_.handshake("127.0.0.1", "/v1/realtime?model=omni_tiny");
  }
  void say(const json& event) { stream_.write(boost::asio::buffer(event.dump())); }
  // An empty object once it is closed.
  json hear() {
    beast::flat_buffer in;
    boost::system::error_code failed;
    stream_.read(in, failed);
    return failed ? json::object() : json::parse(beast::buffers_to_string(in.data()));
  }
  // The next event of this type, and all before it.
  json hear(const std::string& type) {
    for (;;) {
      json event = hear();
      BOOST_REQUIRE_MESSAGE(!event.empty(), "closed before " + type);
      heard.push_back(event);
      if (event["type"] == type) return event;
    }
  }
  void ask(const std::string& text, const json& response) {
    say({{"type", "conversation.item.create"},
         {"item",
          {{"type", "message"},
           {"role", "user"},
           {"content", {{{"type", "input_text"}, {"text", text}}}}}}});
    say({{"type", "response.create"}, {"response", response}});
  }
  int close_code() const { return stream_.reason().code; }
  void leave() { stream_.next_layer().close(); }
  std::vector<json> heard;

 private:
  boost::asio::io_context context_;
  beast::websocket::stream<tcp::socket> stream_;
};

const json brief{{"max_output_tokens", 12}, {"seed", 7}, {"temperature", 0.8}};

}  // namespace

BOOST_AUTO_TEST_SUITE(realtime)

BOOST_AUTO_TEST_CASE(texts_come_in_and_text_and_sound_go_out) {
  Served served;
  const auto chat = [&](json messages) {
    return served
        .post("/v1/chat/completions", {{"messages", std::move(messages)},
                                       {"max_tokens", 12},
                                       {"seed", 7},
                                       {"temperature", 0.8},
                                       {"modalities", {"text", "audio"}},
                                       {"audio", {{"format", "pcm16"}}}})
        .document()["choices"][0]["message"];
  };
  const json first = chat({{{"role", "user"}, {"content", "Hello"}}});
  Talk talk(served);
  BOOST_TEST(talk.hear("session.created")["session"]["model"] == "omni_tiny");
  talk.ask("Hello", brief);
  const json done = talk.hear("response.done")["response"];
  BOOST_TEST(done["status"] == "incomplete");  // max_output_tokens
  BOOST_TEST(done["usage"]["output_tokens"] == 12);
  BOOST_TEST(done["output"][0]["content"][0]["transcript"] == first["content"]);
  std::string text, sound;
  for (const json& event : talk.heard) {
    if (event["type"] == "response.output_audio_transcript.delta")
      text += event["delta"].get<std::string>();
    if (event["type"] == "response.output_audio.delta")
      sound += *from_base64(event["delta"].get<std::string>());
  }
  BOOST_TEST(text == first["content"]);
  BOOST_TEST((sound == *from_base64(first["audio"]["data"].get<std::string>())));

  // The answer is part of the conversation.
  json response = brief;
  response["output_modalities"] = {"text"};
  talk.ask("And then?", response);
  const json second = talk.hear("response.output_text.done");
  BOOST_TEST(second["text"] == chat({{{"role", "user"}, {"content", "Hello"}},
                                     {{"role", "assistant"}, {"content", text}},
                                     {{"role", "user"}, {"content", "And then?"}}})["content"]);
  talk.hear("response.done");

  // What is wrong is told, and the conversation goes on.
  talk.say({{"type", "input_audio_buffer.append"}, {"event_id", "mine"}});
  const json error = talk.hear("error")["error"];
  BOOST_TEST(error["event_id"] == "mine");
  BOOST_TEST(error["message"].get<std::string>().find("sound does not come in") !=
             std::string::npos);
  talk.say({{"type", "session.update"}, {"session", {{"temperature", -1}}}});
  BOOST_TEST(talk.hear("error")["error"]["param"] == "temperature");
  talk.say({{"type", "session.update"}, {"session", {{"instructions", "Be brief"}}}});
  BOOST_TEST(talk.hear("session.updated")["session"]["instructions"] == "Be brief");

  served.signal(SIGTERM);
  BOOST_TEST(talk.hear().empty());
  BOOST_TEST(talk.close_code() == 1001);
  BOOST_TEST(served.wait() == 0);
}

BOOST_AUTO_TEST_CASE(an_answer_is_cancelled_or_left) {
  Served served;
  const json endless{{"max_output_tokens", 1500}, {"ignore_eos", true}};
  Talk talk(served);
  talk.ask("A long story", endless);
  talk.hear("response.output_audio_transcript.delta");
  talk.say({{"type", "response.create"}});
  BOOST_TEST(talk.hear("error")["error"]["message"].get<std::string>().find("under way") !=
             std::string::npos);
  talk.say({{"type", "response.cancel"}});
  BOOST_TEST(talk.hear("response.done")["response"]["status"] == "cancelled");
  talk.ask("Another", endless);
  talk.hear("response.output_audio_transcript.delta");
  talk.leave();
  BOOST_TEST(soon([&] { return served.health()["running"] == 0; }, std::chrono::seconds(3)));
  BOOST_TEST(served.get("/v1/realtime").status == 400);
  BOOST_TEST(served.stop() == 0);
}

BOOST_AUTO_TEST_CASE(a_client_that_reads_nothing_is_dropped) {
  Served served({"--stream-idle-timeout", "1.5", "--write-timeout", "600"});
  Talk talk(served, 4096);
  talk.ask("Hello", {{"max_output_tokens", 1900}});
  BOOST_TEST(soon([&] {
    return served.log().find("it is dropped id=") != std::string::npos &&
           served.health()["running"] == 0;
  }));
}

BOOST_AUTO_TEST_SUITE_END()
