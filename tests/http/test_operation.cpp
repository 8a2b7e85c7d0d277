// What those do who operate the service.
#include <sys/un.h>

#include <sstream>

#include "tests/http/served.hpp"

using namespace limelight::tests;

namespace {

std::vector<std::string> bearer(const std::string& token) {
  return {"Authorization: Bearer " + token};
}

// What systemd would hear.
class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    const std::string path = (folder_.path / "notify").string();
    BOOST_REQUIRE(path.size() < sizeof at.sun_path);
    path.copy(at.sun_path, path.size());
    BOOST_REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "100000", 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::close(fd_);
  }
  std::string hear() const {
    pollfd it{fd_, POLLIN, 0};
    if (::poll(&it, 1, 10'000) <= 0) return "nothing";
    std::array<char, 100> text;
    const ssize_t size = ::recv(fd_, text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  Folder folder_;
  int fd_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(operation)

BOOST_AUTO_TEST_CASE(a_service_manager_hears_of_the_start_the_life_and_the_end) {
  const Manager manager;
  Served served;
  BOOST_TEST(manager.hear() == "READY=1");
  for (int i = 0; i < 3; ++i) BOOST_TEST(manager.hear() == "WATCHDOG=1");
  served.signal(SIGTERM);
  std::string heard;
  while ((heard = manager.hear()) == "WATCHDOG=1") {}
  BOOST_TEST(heard == "STOPPING=1");
  BOOST_TEST(served.wait() == 0);
}

BOOST_AUTO_TEST_CASE(sighup_reads_tokens_and_defaults_anew) {
  const Folder folder;
  const auto keys = write_file(folder.path / "keys", "old\n");
  std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
  const auto config = write_file(folder.path / "config.yaml", text);
  Served served({"--api-key-file", keys.string(), "--config", config.string()});
  const json request{{"prompt", "Hello"}, {"max_tokens", 8}, {"model", "config"}};
  const auto answer = [&](const char* token) {
    return served.post("/v1/completions", request, bearer(token)).document()["choices"][0]["text"];
  };
  const json before = answer("old");
  write_file(keys, "new\n");
  const auto at = text.find("seed: 42");
  write_file(config, text.replace(at, 8, "seed: 43"));
  served.signal(SIGHUP);
  BOOST_TEST(soon([&] { return served.get("/health", bearer("new")).status == 200; }));
  BOOST_TEST(served.get("/health", bearer("old")).status == 401);
  BOOST_TEST(soon([&] { return served.log().find("read anew") != std::string::npos; }));
  BOOST_TEST(answer("new") != before);

  write_file(keys, "\n");
  served.signal(SIGHUP);
  BOOST_TEST(soon([&] { return served.log().find("nothing is changed") != std::string::npos; }));
  BOOST_TEST(served.get("/health", bearer("new")).status == 200);
  BOOST_TEST(served.stop() == 0);
}

BOOST_AUTO_TEST_CASE(sighup_reads_the_file_of_flags_anew) {
  const Folder folder;
  const auto file = folder.path / "service.yaml", config = folder.path / "config.yaml";
  std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
  write_file(config, text);
  const std::string start =
      "config: " + config.string() + "\nserved-model-name: m\nmax-requests: 3\n";
  write_file(file, start + "api-key: old\n");
  Served served({"--config-file", file.string(), "--profile-key", "flag"});
  const json request{{"prompt", "Hello"}, {"max_tokens", 8}};
  const auto answer = [&](const char* token) {
    return served.post("/v1/completions", request, bearer(token)).document()["choices"][0]["text"];
  };
  const json before = answer("old");
  write_file(config, text.replace(text.find("seed: 42"), 8, "seed: 43"));
  write_file(file, start + "api-key: [new, newer]\nprofile-key: file\n");
  served.signal(SIGHUP);
  BOOST_TEST(soon([&] { return served.get("/health", bearer("newer")).status == 200; }));
  BOOST_TEST(served.get("/health", bearer("old")).status == 401);
  BOOST_TEST(answer("new") != before);
  BOOST_TEST(served.get("/profiles", bearer("flag")).status == 200);  // the flag still counts
  BOOST_TEST(served.get("/profiles", bearer("file")).status == 401);

  // What is wrong with the file is said, with its line, and nothing is changed.
  const auto refused = [&](const std::string& what, const std::string& why) {
    write_file(file, what);
    served.signal(SIGHUP);
    BOOST_TEST(soon([&] { return served.log().find(why) != std::string::npos; }), why);
    BOOST_TEST(served.get("/health", bearer("new")).status == 200);
  };
  refused(start + "api-kei: x\n", file.string() + ":4: key 'api-kei': found an unknown key");
  refused("config: [\n", file.string() + ":");
  refused("config: " CONFIG_DIR "/omni_tiny.yaml\napi-key: x\n", "found another config");
  refused(start, "found no token any more");  // it would be open to everybody
  BOOST_TEST(served.get("/health").status == 401);
  BOOST_TEST(served.stop() == 0);
}

BOOST_AUTO_TEST_CASE(a_check_starts_nothing_and_finds_what_is_wrong) {
  const std::string serve =
      LIMELIGHT_COMMAND " serve --check --config " CONFIG_DIR "/omni_tiny.yaml ";
  const Ran good = run(serve);
  BOOST_TEST(good.code == 0, good.output);
  BOOST_TEST(good.output.find("thinker") != std::string::npos, good.output);
  const Ran few = run("ulimit -n 600; " + serve);
  BOOST_TEST(few.output.find("600 open files (ulimit -n): 344 it is") != std::string::npos,
             few.output);
  BOOST_TEST(run(serve + "--api-key-file none").code == 2);
  BOOST_TEST(run(serve + "--ssl-certfile none --ssl-keyfile none").code == 2);
  BOOST_TEST(run(serve + "--host nowhere.invalid").code == 2);
}

BOOST_AUTO_TEST_CASE(a_file_says_what_flags_and_environment_do_not) {
  const Folder folder;
  const auto file = write_file(folder.path / "service.yaml",
                               "served-model-name: from-file\n"
                               "max_requests: 3\n"
                               "api-key: [one, two]\n"
                               "config: " CONFIG_DIR "/omni_tiny.yaml\n");
  const std::string check = LIMELIGHT_COMMAND " serve --check --config-file ";
  const Ran good = run(check + file.string());
  BOOST_TEST(good.code == 0, good.output);
  BOOST_TEST(good.output.find("thinker") != std::string::npos, good.output);
  const auto wrong = write_file(folder.path / "wrong.yaml", "port: 8091\nmax-request: 3\n");
  const Ran refused = run(check + wrong.string());
  BOOST_TEST(refused.code == 2);
  BOOST_TEST(refused.output.find(wrong.string() + ":2: key 'max-request': found an unknown key") !=
                 std::string::npos,
             refused.output);
  BOOST_TEST(run(check + (folder.path / "none.yaml").string()).code == 2);
  const auto with = write_file(folder.path / "bad-config.yaml", "config: none.yaml\n");
  BOOST_TEST(run(check + with.string()).output.find("none.yaml") != std::string::npos);

  ::setenv("LIMELIGHT_MAX_REQUESTS", "1", 1);
  Served served({"--config-file", file.string(), "--api-key", "flag"});
  ::unsetenv("LIMELIGHT_MAX_REQUESTS");
  BOOST_TEST(served.get("/v1/models", bearer("one")).status == 401);  // the flag counts
  const json models = served.get("/v1/models", bearer("flag")).document();
  BOOST_TEST(models["data"][0]["id"] == "from-file");
  const json two{{"prompt", {"a", "b"}}, {"max_tokens", 1}};
  BOOST_TEST(served.post("/v1/completions", two, bearer("flag")).status == 429);  // the variable
}

BOOST_AUTO_TEST_CASE(the_log_is_json_with_ids_and_has_tables_of_statistics) {
  Served served({"--log-format", "json", "--log-stats", "--log-stats-interval", "0.2"});
  const json request{{"prompt", "Hello"}, {"max_tokens", 8}, {"request_id", "mine"}};
  BOOST_TEST(served.post("/v1/completions", request).status == 200);
  const json late{{"prompt", "Hello"},
                  {"max_tokens", 1900},
                  {"ignore_eos", true},
                  {"deadline_ms", 1},
                  {"request_id", "late"}};
  BOOST_TEST(served.post("/v1/completions", late).status == 504);
  BOOST_TEST(
      soon([&] { return served.log().find("statistics of the last") != std::string::npos; }));
  BOOST_TEST(served.stop() == 0);
  std::istringstream lines(served.log());
  bool access = false, failure = false, tables = false;
  for (std::string text; std::getline(lines, text);) {
    const json line = json::parse(text, nullptr, false);
    BOOST_REQUIRE_MESSAGE(line.is_object(), text);
    BOOST_TEST(line["time"].get<std::string>().ends_with("Z"));
    const std::string message = line["message"];
    if (line.value("request_id", "") == "mine") {
      access = true;
      BOOST_TEST(line["status"] == 200);
      BOOST_TEST(line["path"] == "/v1/completions");
      BOOST_TEST(line["duration_ms"] > 0);
    }
    if (line.value("request_id", "") == "late" && line["level"] == "error") failure = true;
    if (message.starts_with("statistics of all requests:")) {
      tables = true;
      BOOST_TEST(message.find("1 of 2 requests done") != std::string::npos, message);
    }
  }
  BOOST_TEST(access);
  BOOST_TEST(failure);
  BOOST_TEST(tables);
}

BOOST_AUTO_TEST_SUITE_END()
