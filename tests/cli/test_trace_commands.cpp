// `limelight trace ...` as a user sees it, on traces of two ranks that hand chunks to each other.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limelight/span.hpp>
#include <nlohmann/json.hpp>

#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

namespace {
// Two traces, written by two processes.
struct Traces {
  Folder own;
  fs::path folder = own.path;
  std::string all;
  Traces() {
    for (const int rank : {0, 1})
      BOOST_REQUIRE(exit_code(in_process([&] { return write(rank) ? 0 : 1; })) == 0);
    for (const auto& entry : fs::directory_iterator(folder)) all += " " + entry.path().string();
  }

 private:
  bool write(int rank) const {
    static const auto name = prof::intern("<script>alert(1)</script>"),
                      step = prof::intern("a step", prof::Category::user_annotation,
                                          prof::ValueKind::step);
    static const auto hand = prof::intern(rank == 0 ? "ipc.publish" : "ipc.take",
                                          prof::Category::cpu_op, prof::ValueKind::chunk);
    auto session = prof::Session::start({.directory = folder,
                                         .timestamp = "1700000000000",
                                         .rank = rank,
                                         .world_size = 2,
                                         .stage_id = rank,
                                         .stage_name = "test",
                                         .base_ns = prof::default_base_ns()});
    prof::name_request(1, "the <b>first</b>");
    const prof::RequestScope request(1);
    for (std::uint64_t i = 0; i < 20; ++i) {
      const prof::Span whole(step, i);
      { const prof::Span work(name); }
      const prof::Span span(hand, prof::pack_chunk(5, i, 4096));
      usleep(500);
    }
    return session.ok() && (*session)->stop().ok();
  }
};

Ran limelight_command(const std::string& arguments) {
  return run(LIMELIGHT_COMMAND " trace " + arguments);
}
// What 127.0.0.1 answers.
std::string get(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  while (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) usleep(1000);
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  BOOST_REQUIRE(send(fd, request.data(), request.size(), 0) ==
                static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 65536> buffer;
  for (ssize_t n; (n = recv(fd, buffer.data(), buffer.size(), 0)) > 0;)
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  close(fd);
  return answer;
}
}  // namespace

BOOST_AUTO_TEST_CASE(report_is_one_page_that_holds_everything_and_no_name_breaks_it) {
  const Traces traces;
  const fs::path page = traces.folder / "report.html";
  const Ran ran = limelight_command("report -o " + page.string() + traces.all);
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  const std::string html = read_file(page);
  BOOST_TEST(html.find("<script>alert") == std::string::npos);
  for (const char* absent : {"http://", "https://", "@DATA@"})
    BOOST_TEST(html.find(absent) == std::string::npos, absent);
  const auto from = html.find("const data = ") + 13;
  const auto data = nlohmann::json::parse(html.substr(from, html.find(";\n", from) - from));
  BOOST_TEST(data["ranks"].size() == 2u);
  BOOST_TEST(data["channels"][0]["matched"] == 20);
  BOOST_TEST(data["channels"][0]["bytes"] == 20 * 4096);
  BOOST_TEST(data["ranks"][0]["steps"]["count"] == 20);
  BOOST_TEST(data["requests"][0]["request"] == "the <b>first</b>");
  for (const auto& row : data["ranks"][0]["operations"])
    BOOST_TEST(row["self_us"].get<double>() <= row["total_us"].get<double>());
  BOOST_TEST(limelight_command("report /no/such.gz").output.find("/no/such.gz") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(open_serves_one_file_to_the_perfetto_ui_and_ends) {
  const Traces traces;
  const std::string file = traces.all.substr(1, traces.all.find(' ', 1) - 1);
  const int port = 20'000 + getpid() % 20'000;
  FILE* pipe = popen((std::string(LIMELIGHT_COMMAND) + " trace open --no-browser --port " +
                      std::to_string(port) + " " + file)
                         .c_str(),
                     "r");
  char line[512] = {};
  BOOST_REQUIRE(fgets(line, sizeof line, pipe) != nullptr);
  const std::string said = line, port_text = ":" + std::to_string(port);
  BOOST_TEST(said.find("https://ui.perfetto.dev/#!/?url=http://127.0.0.1" + port_text) !=
                 std::string::npos,
             said);
  const std::string path = said.substr(said.find(port_text) + port_text.size());
  BOOST_TEST(get(port, "/trace").find("404") !=
             std::string::npos);  // without the word of the address
  const std::string answer = get(port, path.substr(0, path.find('\n')));
  BOOST_TEST(answer.find("Access-Control-Allow-Origin: https://ui.perfetto.dev") !=
             std::string::npos);
  BOOST_TEST((answer.substr(answer.find("\r\n\r\n") + 4) == read_file(file)));
  BOOST_TEST(pclose(pipe) == 0);
  BOOST_TEST(limelight_command("open --no-browser /no/such.gz").code == 1);
  BOOST_TEST(limelight_command("open --no-browser" + traces.all).output.find("expected one") !=
             std::string::npos);
}
