// What a client of any kind meets before its request is looked at: routes, limits, times, and the
// end of the service.
#include "tests/http/served.hpp"

using namespace limelight::tests;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
void check_error(const Reply& reply, int status, const std::string& what) {
  BOOST_TEST(reply.status == status, reply.body);
  BOOST_TEST(reply.headers.at("content-type") == "application/json");
  const json error = reply.document()["error"];
  BOOST_TEST(error["message"].get<std::string>().find(what) != std::string::npos, reply.body);
  for (const char* key : {"type", "param", "code"}) BOOST_TEST(error.contains(key));
}
const json long_request{
    {"prompt", "A long story"}, {"max_tokens", 1500}, {"ignore_eos", true}, {"stream", true}};
}  // namespace

BOOST_AUTO_TEST_SUITE(server)

BOOST_AUTO_TEST_CASE(routes_methods_and_errors) {
  Served served;
  const Reply health = served.get("/health");
  BOOST_TEST(health.status == 200);
  BOOST_TEST(health.document()["status"] == "ready");
  BOOST_TEST(health.document()["replicas"].size() == 3u);
  BOOST_TEST(served.ask("HEAD", "/health").status == 200);
  const json models = served.get("/v1/models").document();
  BOOST_TEST(models["object"] == "list");
  BOOST_TEST(models["data"][0]["id"] == "omni_tiny");
  BOOST_TEST(served.get("/v1/models/omni_tiny").document()["object"] == "model");
  check_error(served.get("/v1/models/other"), 404, "another model");
  const Reply page = served.get("/");
  BOOST_TEST(page.headers.at("content-type") == "text/html; charset=utf-8");
  BOOST_TEST(page.body.find("://") == std::string::npos);  // nothing from elsewhere
  BOOST_TEST(served.post("/v1/completions", {{"prompt", "x"}, {"max_tokens", 2}}).status == 200);
  const json status = served.get("/status").document();
  BOOST_TEST(status["stages"].size() == 3u);
  BOOST_TEST(status["recent"][0]["output_tokens"] == 2);
  BOOST_TEST(!status["recent"][0].contains("text"));
  check_error(served.get("/v1/nothing"), 404, "no route /v1/nothing");
  const Reply wrong = served.get("/v1/completions");
  check_error(wrong, 405, "expected POST");
  BOOST_TEST(wrong.headers.at("allow") == "POST");
  // A page of another site, in a browser of this machine.
  check_error(served.get("/health", {"Origin: https://example.org"}), 403, "another site");
  BOOST_TEST(served.get("/health", {"Origin: " + served.url("")}).status == 200);
  BOOST_TEST(health.headers.count("access-control-allow-origin") == 0u);
  // The request id is the client's, or one of the service.
  BOOST_TEST(served.get("/health", {"X-Request-Id: mine-1"}).headers.at("x-request-id") ==
             "mine-1");
  BOOST_TEST(served.get("/health", {"X-Request-Id: a b\""}).headers.at("x-request-id") != "a b\"");

  Socket pipelined(served.port());
  pipelined.send(
      "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: "
      "localhost\r\n"
      "Connection: close\r\n\r\n");
  const std::string both = pipelined.all();
  BOOST_TEST(both.find("ready") < both.find("omni_tiny"));
  BOOST_TEST(both.find("omni_tiny") != std::string::npos);

  Socket garbage(served.port());
  garbage.send("\x16\x03\x01 this is no HTTP\r\n\r\n");
  BOOST_TEST(garbage.all().starts_with("HTTP/1.1 400 "));
  BOOST_TEST(served.stop() == 0);
  BOOST_TEST(served.log().find("\"GET /v1/nothing\" 404") != std::string::npos, served.log());
}

BOOST_AUTO_TEST_CASE(sizes_and_times_are_limited) {
  Served served({"--max-body-bytes", "1000", "--max-header-bytes", "1000", "--header-timeout",
                 "0.3", "--body-timeout", "0.3", "--idle-timeout", "0.4"});
  check_error(served.ask("POST", "/v1/completions", std::string(1001, ' ')), 413, "1000 bytes");
  check_error(served.get("/health", {"X-Large: " + std::string(1000, 'x')}), 431, "1000 bytes");
  Socket slow_header(served.port());
  slow_header.send("GET /health HTTP/1.1\r\n");
  BOOST_TEST(slow_header.all().starts_with("HTTP/1.1 408 "));
  Socket slow_body(served.port());
  slow_body.send(
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
  BOOST_TEST(slow_body.all().starts_with("HTTP/1.1 408 "));
  Socket idle(served.port());
  BOOST_TEST(idle.all() == "");
  BOOST_TEST(idle.closed());
  Socket asks(served.port());
  asks.send(
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
      "Expect: 100-continue\r\n\r\n");
  BOOST_TEST(asks.until("100 Continue").starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
  asks.send("{}");
  BOOST_TEST(asks.until("\"error\"").find("400 Bad Request") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(too_many_requests_and_connections_are_told_to_come_again) {
  Served served({"--max-requests", "1", "--max-connections", "3"});
  Socket first(served.port());
  first.post("/v1/completions", long_request);
  first.until("data: ");
  const Reply second = served.post("/v1/completions", {{"prompt", "x"}});
  check_error(second, 429, "1 at most");
  BOOST_TEST(second.headers.count("retry-after") == 1u);
  const Socket more(served.port()), others(served.port());
  BOOST_TEST(soon([&] { return served.get("/v1/models").status == 429; }));
  BOOST_TEST(served.get("/health").status == 200);
  BOOST_TEST(served.get("/metrics").status == 200);
}

BOOST_AUTO_TEST_CASE(sigterm_finishes_what_is_open_and_refuses_what_is_new) {
  Served served;
  Socket open(served.port()), waiting(served.port());
  json request = long_request;
  request["max_tokens"] = 150;
  open.post("/v1/completions", request);
  open.until("data: ");
  served.signal(SIGTERM);
  BOOST_TEST(soon([&] { return served.get("/health").status == 503; }));
  BOOST_TEST(served.health()["status"] == "draining");
  const Reply refused = served.post("/v1/completions", {{"prompt", "x"}});
  check_error(refused, 503, "drained");
  BOOST_TEST(refused.headers.count("retry-after") == 1u);
  BOOST_TEST(open.all().find("data: [DONE]") != std::string::npos);
  BOOST_TEST(open.all().find("\"finish_reason\":\"length\"") != std::string::npos);
  BOOST_TEST(served.wait() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_not_over_by_the_end_of_the_drain_ends_with_an_error) {
  Served served({"--drain-timeout", "0.2"});
  Socket open(served.port());
  open.post("/v1/completions", long_request);
  open.until("data: ");
  BOOST_TEST(served.stop() == 1);
  BOOST_TEST(open.all().find("\"code\":\"cancelled\"") != std::string::npos, open.all());
  BOOST_TEST(served.log().find("1 requests were not over") != std::string::npos, served.log());
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_slow_holds_nobody_up_and_is_dropped) {
  Served served({"--write-timeout", "8"});
  std::filesystem::create_directories(served.traces());
  // Nobody's memory can hold as much of it as it has.
  const auto file = served.traces() / "large.pt.trace.json.gz";
  write_file(file, "");
  std::filesystem::resize_file(file, std::uint64_t{1} << 30);
  const auto resident = [&] {
    const std::string statm = read_file("/proc/" + std::to_string(served.pid()) + "/statm");
    return std::stoull(statm.substr(statm.find(' '))) * 4096;
  };
  const auto before = resident();
  std::vector<std::unique_ptr<Socket>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<Socket>(served.port(), 4096));
    slow.back()->send("GET /profiles/large.pt.trace.json.gz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  const auto start = std::chrono::steady_clock::now();
  BOOST_TEST(served.post("/v1/completions", {{"prompt", "x"}, {"max_tokens", 2}}).status == 200);
  BOOST_TEST((std::chrono::steady_clock::now() - start < seconds(8)));
  BOOST_TEST(resident() < before + (std::uint64_t{32} << 20));
  BOOST_TEST(soon([&] {
    return served.get("/metrics").body.find("http_connections{model_name=\"omni_tiny\"} 1\n") !=
           std::string::npos;
  }));
}

BOOST_AUTO_TEST_CASE(a_stream_that_nobody_reads_is_dropped_and_its_request_aborted) {
  Served served({"--stream-idle-timeout", "1.5", "--write-timeout", "600"});
  const json request{{"prompt", "Hello"},  {"max_tokens", 1900},  {"ignore_eos", true},
                     {"logprobs", 20},     {"stream", true},      {"n", 4},
                     {"temperature", 1.5}, {"request_id", "mute"}};
  Socket mute(served.port(), 4096);
  mute.post("/v1/completions", request);
  BOOST_TEST(soon([&] { return served.health()["running"] == 4; }));
  // Who reads a little is not dropped.
  json other = request;
  other["request_id"] = "slow";
  Socket slow(served.port(), 4096);
  slow.post("/v1/completions", other);
  BOOST_TEST(soon([&] {
    slow.read_some(2000);
    return served.log().find("it is dropped id=mute") != std::string::npos;
  }));
  for (int i = 0; i < 20; ++i) {
    slow.read_some(2000);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  BOOST_TEST(!slow.closed());
  slow.leave();
  BOOST_TEST(soon([&] {
    const json health = served.health();
    if (health["running"] != 0 || health["waiting"] != 0) return false;
    return std::all_of(health["replicas"].begin(), health["replicas"].end(),
                       [](const json& replica) { return replica["requests"] == 0; });
  }));
  BOOST_TEST(served.log().find("it is dropped id=slow") == std::string::npos);
  // The four of the mute one; the other client may have got some of its own.
  const std::string metrics = served.get("/metrics").body, words = "finished_reason=\"abort\"} ";
  const auto at = metrics.find(words);
  BOOST_REQUIRE(at != std::string::npos);
  BOOST_TEST(std::stoi(metrics.substr(at + words.size())) >= 4);
}

BOOST_AUTO_TEST_CASE(wrong_usage_is_told_before_anything_starts) {
  const auto code = [](const std::string& arguments, const std::string& what) {
    const Ran ran = run(LIMELIGHT_COMMAND " serve " + arguments);
    BOOST_TEST(ran.output.find(what) != std::string::npos, ran.output);
    return ran.code;
  };
  BOOST_TEST(code("--help", "limelight serve --port 8091") == 0);
  BOOST_TEST(code("--port 70000", "--port") == 2);
  BOOST_TEST(code("--host 198.51.100.7", "cannot listen on 198.51.100.7") == 1);
  BOOST_TEST(code("--host nowhere.invalid", "host: found 'nowhere.invalid'") == 2);
  BOOST_TEST(code("--port 0 --config none.yaml", "none.yaml") == 2);
  BOOST_TEST(code("--port 0 --ssl-certfile a.pem", "--ssl-keyfile") == 2);
  BOOST_TEST(code("--port 0 --ssl-certfile a.pem --ssl-keyfile b.pem", "a.pem") == 2);
  BOOST_TEST(code("--port 0 --api-key-file none", "none: cannot read the tokens") == 2);
}

BOOST_AUTO_TEST_SUITE_END()
