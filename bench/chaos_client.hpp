// One request of a chaos run over HTTP, with the manners of its client, and what became of it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/chaos_load.hpp"

namespace limelight::bench {

enum class Manner {
  good,
  slow,    // reads little at a time, with pauses
  leaves,  // closes its connection in the middle, wherever that is
  late     // wants an answer within a few milliseconds
};

// How a request ended, as its client saw it.
enum class ClientEnd {
  done,     // with its whole answer
  failed,   // with a typed error
  refused,  // 429
  left,     // its client did
  cut,      // the connection ended, or was not to be had
  wrong     // anything else: it ended twice, or never, or with an error without a type
};

struct ClientResult {
  ClientEnd end = ClientEnd::wrong;
  std::string text = {}, sound = {};  // of `done`; the sound is PCM
  std::string why = {};               // of `failed` the error's code; of `cut` and `wrong` what
  bool begun = false;                 // of `cut`: some of an answer had come
};

// Asks as the request says. number: its place among the requests, which chooses the route; random
// chooses between a stream and a whole answer, and when a client leaves.
ClientResult ask_as(const std::string& url,
                    const ChaosRequest& request,
                    Manner manner,
                    std::size_t number,
                    std::uint64_t random,
                    double patience_s = 120);

// One exchange beside the load: POST with a body, GET without. Status 0: no answer within the time,
// and `body` says why.
struct Answered {
  long status = 0;
  std::string body = {};
};
Answered exchange(const std::string& url, const char* body, double patience_s);

// What an answer's stream says, event by event: exactly one end, and nothing behind it.
class StreamReading {
 public:
  void event(std::string_view data);
  // Once the stream is over.
  ClientResult result() const;

 private:
  void read(const nlohmann::json& all);
  std::string text_, sound_, code_, wrong_;
  int finishes_ = 0, errors_ = 0, dones_ = 0;
};

}  // namespace limelight::bench
