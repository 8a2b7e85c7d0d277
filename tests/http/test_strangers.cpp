// What a stranger could send: each answer has a status that says what was wrong, and the service
// goes on.
#include <regex>
#include <set>
#include <sstream>

#include "tests/http/served.hpp"

using namespace limelight::tests;

namespace {

// The answers to these bytes, until the service closes the connection.
std::string answer_to(const Served& served, const std::string& bytes) {
  Socket client(served.port());
  client.send(bytes);
  return client.until("", std::chrono::seconds(10));
}
int status_of(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}
std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}
std::uint64_t resident_bytes(const Served& served) {
  const std::string statm = read_file("/proc/" + std::to_string(served.pid()) + "/statm");
  return std::stoull(statm.substr(statm.find(' '))) * 4096;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(strangers)

BOOST_AUTO_TEST_CASE(requests_that_two_readers_could_take_for_different_ones_are_refused) {
  Served served;
  const std::string post = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n", body = "{}";
  const std::string inner = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::pair<const char*, std::string> requests[] = {
      {"two lengths", post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} " + inner},
      {"a length that is none", post + "Content-Length: 2x\r\n\r\n" + body},
      {"a negative length", post + "Content-Length: -2\r\n\r\n" + body},
      {"a length and chunks",
       post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner},
      {"chunks and a length",
       post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner},
      {"another coding", post + "Transfer-Encoding: gzip\r\n\r\n" + inner},
      {"two codings", post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + inner},
      {"a chunk's size that is none", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"},
      {"a blank before the colon", post + "Content-Length : 2\r\n\r\n{}" + inner},
      {"no host", "GET /health HTTP/1.1\r\n\r\n"},
      {"two hosts", "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n\r\n"},
      {"no version", "GET /health\r\n\r\n"},
      {"a zero in a header", std::string("GET /health HTTP/1.1\r\nHost: a\0b\r\n\r\n", 35)}};
  for (const auto& [what, request] : requests) {
    const std::string answer = answer_to(served, request);
    const int status = status_of(answer);
    BOOST_TEST((status == 400 || status == 501 || status == 505), what << ": " << answer);
    BOOST_TEST(count_of(answer, "HTTP/1.1 ") == 1u, what << ": " << answer);
  }
  BOOST_TEST(status_of(answer_to(served, "GET /health HTTP/3.0\r\nHost: x\r\n\r\n")) == 505);
  BOOST_TEST(served.get("/health").status == 200);
}

BOOST_AUTO_TEST_CASE(old_and_unusual_requests_are_understood) {
  Served served;
  const std::string old = answer_to(served, "GET /health HTTP/1.0\r\n\r\n");
  BOOST_TEST(status_of(old) == 200);
  BOOST_TEST(old.find("Connection: close\r\n") != std::string::npos, old);
  BOOST_TEST(old.find("chunked") == std::string::npos);
  const std::string body = R"({"prompt": "x", "max_tokens": 2, "stream": true})";
  // A stream to such a client ends with its connection.
  const std::string stream = answer_to(served, "POST /v1/completions HTTP/1.0\r\nContent-Length: " +
                                                   std::to_string(body.size()) + "\r\n\r\n" + body);
  BOOST_TEST(stream.find("chunked") == std::string::npos);
  BOOST_TEST(stream.ends_with("data: [DONE]\n\n"), stream);
  for (const char* target :
       {"http://localhost/health", "HTTP://localhost:1/health?x=1", "/health?", "/health?x=/../y"})
    BOOST_TEST(status_of(answer_to(served, "GET " + std::string(target) +
                                               " HTTP/1.1\r\nHost: localhost\r\n"
                                               "Connection: close\r\n\r\n")) == 200,
               target);
  std::string chunks =
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  for (const char c : std::string(R"({"prompt": "x", "max_tokens": 2})"))
    chunks += "1;name=value\r\n" + std::string(1, c) + "\r\n";
  BOOST_TEST(status_of(answer_to(served, chunks + "0\r\nTrailer: x\r\n\r\n")) == 200);

  // One behind the other, with bodies: each has its answer, in order.
  std::string many;
  for (int i = 0; i < 20; ++i) {
    const std::string ask =
        R"({"prompt": "x", "max_tokens": 1, "request_id": "r)" + std::to_string(i) + "\"}";
    many += "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
            std::to_string(ask.size()) + "\r\n" + (i == 19 ? "Connection: close\r\n" : "") +
            "\r\n" + ask;
  }
  const std::string answers = answer_to(served, many);
  BOOST_TEST(count_of(answers, "HTTP/1.1 200 OK\r\n") == 20u, answers);
  std::size_t at = 0;
  for (int i = 0; i < 20; ++i) {
    at = answers.find("\"id\":\"cmpl-r" + std::to_string(i) + "\"", at);
    BOOST_TEST((at != std::string::npos), i);
  }
  const Reply options = served.ask("OPTIONS", "/v1/completions");
  BOOST_TEST(options.status == 405);
  BOOST_TEST(options.headers.at("allow") == "POST");
  BOOST_TEST(options.headers.count("access-control-allow-origin") == 0u);
  BOOST_TEST(served.ask("HEAD", "/metrics").status == 200);
  BOOST_TEST(served.ask("HEAD", "/v1/completions").status == 405);
  BOOST_TEST(served.ask("DELETE", "/profiles/x").status == 405);
}

// RFC 9110, section 10.1.1: who may not send the body is told so before.
BOOST_AUTO_TEST_CASE(who_asks_before_he_sends_is_answered) {
  Served served({"--max-body-bytes", "1000"});
  Socket large(served.port());
  large.send(
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n"
      "Expect: 100-continue\r\n\r\n");
  const std::string answer = large.all();
  BOOST_TEST(status_of(answer) == 413);
  BOOST_TEST(answer.find("100 Continue") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_page_that_calls_itself_by_another_name_reaches_nothing) {
  const auto as = [](const Served& served, const std::string& host) {
    return status_of(answer_to(
        served, "GET /health HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"));
  };
  {
    Served served;
    // A name that an attacker's server resolves to this machine (DNS rebinding).
    for (const char* host : {"example.org", "example.org:80", "localhost.example.org", "x"})
      BOOST_TEST(as(served, host) == 403, host);
    for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:8091", "[::1]:80", "10.0.0.1"})
      BOOST_TEST(as(served, host) == 200, host);
  }
  {
    Served served({"--allowed-host", "models.example.org", "--allowed-host", "other"});
    BOOST_TEST(as(served, "models.example.org:443") == 200);
    BOOST_TEST(as(served, "example.org") == 403);
  }
  Served served({"--api-key", "k"});  // such a page does not know the token
  BOOST_TEST(as(served, "example.org") == 401);
  BOOST_TEST(served.get("/health", {"Host: example.org", "Authorization: Bearer k"}).status == 200);
}

BOOST_AUTO_TEST_CASE(bodies_that_are_no_requests_are_refused_with_what_is_wrong) {
  Served served;
  const std::string deep(100'000, '[');
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("null"), std::string("\"x\""),
        std::string("{\"prompt\": \"\xff\xfe\"}"), std::string("{\"prompt\": \"\xed\xa0\x80\"}"),
        std::string("{\"prompt\": \"\\ud800\"}"), std::string("{\"prompt\": \"x\"} y"),
        std::string("{'prompt': 'x'}"), std::string("{\"prompt\": NaN}"), "{\"prompt\": " + deep,
        "{\"a\": " + deep + "}", std::string(1 << 20, ' '), std::string("\xef\xbb\xbf{"),
        std::string("{\"max_tokens\": 1e400, \"prompt\": \"x\"}")})
    for (const char* route : {"/v1/completions", "/v1/chat/completions", "/v1/audio/speech",
                              "/start_profile", "/stop_profile", "/dump_profile"}) {
      const Reply reply = served.ask("POST", route, body);
      if (body.find_first_not_of(' ') == std::string::npos && reply.status == 400) continue;
      BOOST_TEST(reply.status == 400, route << " " << body.substr(0, 60) << reply.body);
      BOOST_TEST(reply.document()["error"]["message"].is_string());
    }
  BOOST_TEST(served.get("/health").status == 200);
}

// Each key with each kind of value: what is wrong is a 400 that names the key, never a 500.
BOOST_AUTO_TEST_CASE(each_key_refuses_values_of_a_wrong_type_by_name) {
  Served served;
  const std::vector<json> values{true,   -1,           1.5,           1e39, 18446744073709551615u,
                                 "x",    "",           json::array(), {{}}, json::object(),
                                 {1, 2}, {{"a", "b"}}, {nullptr}};
  const char* both[] = {"model",
                        "max_tokens",
                        "temperature",
                        "top_p",
                        "top_k",
                        "min_p",
                        "presence_penalty",
                        "frequency_penalty",
                        "repetition_penalty",
                        "logit_bias",
                        "seed",
                        "stop",
                        "stop_token_ids",
                        "ignore_eos",
                        "min_tokens",
                        "n",
                        "logprobs",
                        "stream",
                        "stream_options",
                        "return_stage_metrics",
                        "deadline_ms",
                        "request_id",
                        "tools",
                        "response_format",
                        "user",
                        "echo",
                        "best_of",
                        "suffix",
                        "tool_choice"};
  std::set<std::string> never_refused(std::begin(both), std::end(both));
  std::size_t refused = 0;
  const auto try_all = [&](const char* route, const char* key, const json& good) {
    for (const json& value : values) {
      json body = good;
      body[key] = value;
      const Reply reply = served.post(route, body);
      const auto what = std::string(route) + " " + key + ": " + value.dump() + ": " + reply.body;
      // A deadline of a millisecond may be over.
      BOOST_TEST((reply.status == 200 || reply.status == 400 || reply.status == 504 ||
                  (reply.status == 404 && key == std::string("model"))),
                 what);
      if (reply.status == 200) continue;
      never_refused.erase(key);
      ++refused;
      const std::string said = reply.document()["error"]["message"];
      BOOST_TEST((reply.status != 400 || said.find(key) != std::string::npos), what);
    }
  };
  const json text{{"prompt", "x"}, {"max_tokens", 1}};
  const json chat{{"messages", {{{"role", "user"}, {"content", "x"}}}}, {"max_tokens", 1}};
  for (const char* key : both) {
    try_all("/v1/completions", key, text);
    try_all("/v1/chat/completions", key, chat);
  }
  try_all("/v1/completions", "prompt", text);
  for (const char* key :
       {"messages", "modalities", "audio", "top_logprobs", "max_completion_tokens"})
    try_all("/v1/chat/completions", key, chat);
  const json speech{{"input", "x"}, {"response_format", "wav"}, {"max_tokens", 1}};
  for (const char* key : {"input", "voice", "response_format", "stream_format", "speed"})
    try_all("/v1/audio/speech", key, speech);
  for (const json& message : std::vector<json>{
           {{"role", 1}, {"content", "x"}},
           {{"role", "nobody"}, {"content", "x"}},
           {{"role", "user"}, {"content", 1}},
           {{"role", "user"}, {"content", {{{"type", "text"}}}}},
           {{"role", "user"}, {"content", {{{"type", "image_url"}, {"image_url", "file:///x"}}}}},
           {{"role", "user"},
            {"content", {{{"type", "image_url"}, {"image_url", {{"url", "http://x/y"}}}}}}},
           "x"})
    BOOST_TEST(served.post("/v1/chat/completions", {{"messages", {message}}}).status == 400,
               message.dump());
  // "user" is for OpenAI alone.
  BOOST_TEST((never_refused == std::set<std::string>{"user"}), json(never_refused).dump());
  BOOST_TEST(refused > 200u);
  BOOST_TEST(served.get("/health").status == 200);
}

// A line that does not end, wherever it is, needs no more memory than a header may have.
BOOST_AUTO_TEST_CASE(what_does_not_end_is_cut_off) {
  Served served;
  const auto before = resident_bytes(served);
  const std::string head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n";
  const std::string piece(1 << 20, 'x');
  for (const std::string& begin :
       {head + "X-Long: ", head + "Transfer-Encoding: chunked\r\n\r\n1;",
        head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX: ", std::string("GET /")}) {
    Socket client(served.port());
    client.send(begin);
    for (int i = 0; i < 64 && !client.closed(); ++i) {
      client.send(piece);
    }
    const int status = status_of(client.all());
    BOOST_TEST((status == 400 || status == 431 || status == 0), begin);
  }
  BOOST_TEST(resident_bytes(served) < before + (std::uint64_t{32} << 20));
  BOOST_TEST(served.get("/health").status == 200);
}

// Prometheus' text format, version 0.0.4: families in one piece, each with its type before it.
BOOST_AUTO_TEST_CASE(the_metrics_are_what_prometheus_reads) {
  Served served({"--served-model-name", "a \"model\"\\ with\nall"});
  served.post("/v1/completions", {{"prompt", "x"}, {"max_tokens", 2}});
  served.post("/v1/audio/speech", {{"input", "x"}, {"response_format", "wav"}});
  served.get("/nothing");
  const Reply reply = served.get("/metrics");
  BOOST_TEST(reply.headers.at("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  BOOST_REQUIRE(reply.body.ends_with("\n"));
  const std::string name = "[a-zA-Z_:][a-zA-Z0-9_:]*";
  const std::string label = "[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\n]|\\\\[\\\\\"n])*\"";
  const std::regex help("# HELP (" + name + ") .+"),
      type("# TYPE (" + name + ") (counter|gauge|histogram|summary|untyped)"),
      sample("(" + name + ")(\\{(?:" + label + "(?:," + label + ")*,?)?\\})? (\\S+)");
  std::map<std::string, std::string> types;
  std::set<std::string> ended, series;
  std::string family;
  std::map<std::string, std::vector<double>> buckets;  // of each histogram's labels
  std::map<std::string, double> counts;
  std::istringstream lines(reply.body);
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (std::regex_match(line, found, help) || std::regex_match(line, found, type)) {
      if (found[1] != family) {
        BOOST_TEST(ended.insert(family).second, line);
        family = found[1];
        BOOST_TEST(!ended.contains(family), line);
      }
      if (line.starts_with("# TYPE")) BOOST_TEST(types.emplace(family, found[2]).second, line);
      continue;
    }
    BOOST_REQUIRE_MESSAGE(std::regex_match(line, found, sample), line);
    BOOST_TEST(series.insert(found[1].str() + found[2].str()).second, line);
    std::size_t used = 0;
    const double value = std::stod(found[3], &used);
    BOOST_TEST(used == found[3].str().size(), line);
    std::string of = found[1];
    const bool histogram = types.contains(family) && types[family] == "histogram";
    if (histogram)
      for (const char* end : {"_bucket", "_sum", "_count"})
        if (of == family + end) of = family;
    BOOST_TEST(of == family, line);
    if (types[family] == "counter") BOOST_TEST(value >= 0, line);
    if (histogram && found[1] == family + "_bucket") buckets[family].push_back(value);
    if (histogram && found[1] == family + "_count") counts[family] = value;
  }
  BOOST_TEST(!buckets.empty());
  for (const auto& [of, values] : buckets) {
    BOOST_TEST(std::is_sorted(values.begin(), values.end()), of);
    BOOST_TEST(values.back() == counts[of], of);
    BOOST_TEST(reply.body.find("limelight:" + of.substr(10) + "_sum{") != std::string::npos);
    BOOST_TEST(reply.body.find("le=\"+Inf\"") != std::string::npos);
  }
  BOOST_TEST(types.size() > 30u);
}

BOOST_AUTO_TEST_SUITE_END()
