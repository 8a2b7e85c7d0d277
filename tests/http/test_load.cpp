// Many clients at once, some of them bad ones.
#include "tests/http/served.hpp"

using namespace limelight::tests;
using Clock = std::chrono::steady_clock;

namespace {
std::size_t entries_of(const Served& served, const char* what) {
  const std::filesystem::path folder =
      "/proc/" + std::to_string(served.pid()) + "/" + std::string(what);
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}
}  // namespace

BOOST_AUTO_TEST_SUITE(load)

BOOST_AUTO_TEST_CASE(two_hundred_streams_each_end_once_and_nothing_is_left) {
  Served served;
  const json request{{"prompt", "Hello"}, {"max_tokens", 4}, {"seed", 3}, {"stream", true}};
  const std::string wanted = [&] {
    Socket alone(served.port());
    alone.post("/v1/completions", request);
    const std::string got = alone.until("data: [DONE]");
    std::string text;
    for (auto at = got.find("\"text\":\""); at != std::string::npos;
         at = got.find("\"text\":\"", at + 1))
      text += got.substr(at + 8, got.find('"', at + 8) - at - 8);
    return text;
  }();
  BOOST_TEST(wanted != "");
  const std::size_t files = entries_of(served, "fd"), threads = entries_of(served, "task");
  // Two that read nothing of megabytes: others are not held up, and memory is needed for none.
  const auto anonymous_kib = [&] {
    const std::string status = read_file("/proc/" + std::to_string(served.pid()) + "/status");
    return std::stol(status.substr(status.find("RssAnon:") + 8));
  };
  const long kib = anonymous_kib();
  std::vector<std::unique_ptr<Socket>> mute;
  for (int i = 0; i < 2; ++i) {
    mute.push_back(std::make_unique<Socket>(served.port(), 4096));
    mute.back()->post("/v1/completions", {{"prompt", "Hello"},
                                          {"max_tokens", 300},
                                          {"ignore_eos", true},
                                          {"logprobs", 20},
                                          {"stream", true}});
  }
  std::vector<std::unique_ptr<Socket>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<Socket>(served.port()));
    clients.back()->post("/v1/completions", request);
  }
  // Each tenth one leaves in the middle, at the beginning or at once.
  for (std::size_t i = 0; i < clients.size(); i += 10) {
    if (i % 3 == 0) clients[i]->until("HTTP/1.1 200");
    if (i % 3 == 1) clients[i]->until("data: ");
    clients[i]->leave();
  }
  std::chrono::nanoseconds slowest{0};
  std::size_t ended = 0;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (i % 10 == 0) continue;
    const auto start = Clock::now();
    BOOST_TEST(served.get("/health").status == 200);
    slowest = std::max<std::chrono::nanoseconds>(slowest, Clock::now() - start);
    const std::string got = clients[i]->until("data: [DONE]");
    std::string text;
    for (auto at = got.find("\"text\":\""); at != std::string::npos;
         at = got.find("\"text\":\"", at + 1))
      text += got.substr(at + 8, got.find('"', at + 8) - at - 8);
    BOOST_TEST(text == wanted);
    BOOST_TEST(got.find("\"finish_reason\":\"length\"") != std::string::npos);
    ++ended;
  }
  BOOST_TEST(ended == 180u);
  BOOST_TEST((slowest < std::chrono::seconds(10)), slowest.count());
  clients.clear();
  BOOST_TEST(anonymous_kib() < kib + (48 << 10));
  mute.clear();
  BOOST_TEST(soon([&] {
    const json health = served.health();
    return health["running"] == 0 && health["waiting"] == 0 &&
           entries_of(served, "fd") <= files + 1;
  }));
  BOOST_TEST(entries_of(served, "task") <= threads);
  BOOST_TEST(served.stop() == 0);
}

BOOST_AUTO_TEST_CASE(a_rank_that_is_killed_fails_its_requests_alone) {
  Served served;
  const json request{{"messages", {{{"role", "user"}, {"content", "Hello"}}}},
                     {"max_tokens", 1000},
                     {"ignore_eos", true},
                     {"modalities", {"text", "audio"}},  // so that it is in all stages
                     {"stream", true}};
  Socket open(served.port());
  open.post("/v1/chat/completions", request);
  open.until("\"content\":\"");
  const Ran ranks = run("pgrep -x limelight-rank -P " + std::to_string(served.pid()));
  BOOST_REQUIRE_MESSAGE(ranks.code == 0, ranks.output);
  BOOST_REQUIRE(::kill(std::stoi(ranks.output), SIGKILL) == 0);
  const std::string got = open.until("data: [DONE]");
  BOOST_TEST(got.find("\"code\":\"rank_failed\"") != std::string::npos,
             got.substr(std::max<std::size_t>(got.size(), 600) - 600));
  BOOST_TEST(served.get("/health").status == 200);
  BOOST_TEST(soon([&] { return served.health()["status"] == "ready"; }));
  BOOST_TEST(served.post("/v1/completions", {{"prompt", "x"}}).status == 200);
  const std::string metrics = served.get("/metrics").body;
  BOOST_TEST(metrics.find(",replica=\"0\"} 1\n", metrics.find("stage_restarts_total{")) !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
