// Reads any bytes as requests of HTTP, cut where the first byte says, and their bodies as the JSON
// of each route. The first bytes are no part of the request.
#include <nlohmann/json.hpp>

#include "actors/http/completion_request.hpp"
#include "actors/http/limited_json.hpp"
#include "actors/http/profile_request.hpp"
#include "actors/http/request_parser.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace limelight::http;
  using State = RequestParser::State;
  if (size < 1) return 0;
  const std::size_t piece = data[0] % 64 + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto read = [](std::string_view body) {
    static const PipelineFacts facts{.model = "m", .outputs = {"text", "audio"}};
    const auto json = read_json_object(body);
    if (!json) return;
    for (const bool chat : {true, false}) {
      const auto request = read_completion(*json, chat, facts, body);
      if (request && (request->prompts.empty() || request->n < 1)) std::abort();
    }
    (void)read_profile(*json);
  };
  read(bytes);
  RequestParser parser({.header_bytes = 1000, .body_bytes = 4000});
  std::string in;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    in += bytes.substr(at, piece);
    in.erase(0, parser.put(in));
    (void)parser.expects_continue();
    if (parser.body_bytes() > 4000) std::abort();
    if (parser.state() == State::failed) {
      if (parser.status() < 400 || parser.why().empty()) std::abort();
      return 0;
    }
    if (parser.state() != State::done) continue;
    const HttpRequest request = parser.take();
    if (request.method.empty()) std::abort();
    (void)request.header("host");
    read(request.body);
  }
  return 0;
}
