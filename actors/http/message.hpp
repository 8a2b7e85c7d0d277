// A request as it came, and an answer as it goes. Plain values.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limelight::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = {}, path = {}, query = {};  // of the target, as it came
  int version = 11;                                // 10 or 11
  bool keep_alive = true;
  Headers headers = {};  // names in small letters
  std::string body = {};

  // The first of that name (in small letters); empty: there is none.
  std::string_view header(std::string_view name) const {
    const auto at = std::find_if(headers.begin(), headers.end(),
                                 [&](const auto& one) { return one.first == name; });
    return at == headers.end() ? std::string_view() : std::string_view(at->second);
  }
};

struct HttpAnswer {
  int status = 200;
  std::string type = "application/json", body = {};
  Headers headers = {};
};

// The words behind the number, as the registry of IANA has them.
const char* reason(int status);

// By its header Upgrade.
bool asks_for_websocket(const HttpRequest& request);

// A word that may stand in a header, a trace and the name of a file: 1 to 128 letters, digits and
// any of - _ . : @
bool is_plain_word(std::string_view text);

// One server-sent event with this data, which has no line break.
inline std::string server_event(std::string_view data) {
  std::string event("data: ");
  event += data;
  event += "\n\n";
  return event;
}

}  // namespace limelight::http
