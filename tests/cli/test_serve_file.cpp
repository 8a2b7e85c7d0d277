// One file for the Perfetto UI: whom it is served to, and when that ends.
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <iostream>
#include <sstream>

#include "cli/serve_file.hpp"
#include "tests/support.hpp"

using namespace limelight::tests;
using limelight::cli::serve_to_perfetto;
namespace fs = std::filesystem;

namespace {

sockaddr_in local(int port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return to;
}
int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in to = local(port);
  while (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) usleep(1000);
  return fd;
}
// What 127.0.0.1 answers; at most so many bytes of it are read.
std::string get(int port,
                const std::string& path,
                std::size_t most = SIZE_MAX,
                const std::string& header = "") {
  const int fd = connect_to(port);
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + header + "Connection: close\r\n\r\n";
  BOOST_REQUIRE(send(fd, request.data(), request.size(), 0) ==
                static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 65536> buffer;
  for (ssize_t n; answer.size() < most && (n = recv(fd, buffer.data(), buffer.size(), 0)) > 0;)
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  close(fd);
  return answer;
}

// A process that serves the file. Its output tells where.
struct Served {
  const int port = 20'000 + getpid() % 20'000;
  int ends[2];
  pid_t pid = -1;
  std::string said, path;
  explicit Served(const fs::path& file) {
    BOOST_REQUIRE(pipe(ends) == 0);
    std::cout.flush();  // the other process has a copy of what is left in it
    pid = in_process([&] {
      dup2(ends[1], STDOUT_FILENO);
      const auto served = serve_to_perfetto(file, port, false);
      if (!served) std::cerr << served.error().message << "\n";
      return served ? 0 : 1;
    });
    for (char byte; ::read(ends[0], &byte, 1) == 1 && byte != '\n';) said += byte;
    const std::string mark = ":" + std::to_string(port);
    BOOST_REQUIRE_MESSAGE(said.find(mark) != std::string::npos, said);
    path = said.substr(said.find(mark) + mark.size());
  }
  ~Served() {
    for (const int end : ends) close(end);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(serve_file)

BOOST_AUTO_TEST_CASE(the_ui_gets_the_file_and_then_it_ends) {
  const Folder folder;
  std::string bytes(5'000'000, 'x');
  bytes += '\0';
  const fs::path file = write_file(folder.path / "a.json.gz", bytes);
  const Served served(file);
  BOOST_TEST(served.said.starts_with("a.json.gz is at https://ui.perfetto.dev/#!/?url="
                                     "http://127.0.0.1:" +
                                     std::to_string(served.port) + "/"),
             served.said);
  // Without the word in the address nobody gets it.
  for (const char* path : {"/", "/trace", "/0000000000000000/trace"})
    BOOST_TEST(get(served.port, path).starts_with("HTTP/1.1 404"), path);
  // A transfer that breaks off is none.
  BOOST_TEST(get(served.port, served.path, 100).starts_with("HTTP/1.1 200"));
  const std::string answer = get(served.port, served.path);
  BOOST_TEST(answer.find("Access-Control-Allow-Origin: https://ui.perfetto.dev\r\n") !=
             std::string::npos);
  BOOST_TEST((answer.substr(answer.find("\r\n\r\n") + 4) == bytes));
  BOOST_TEST(exit_code(served.pid) == 0);
}

// Of the header "Range".
BOOST_AUTO_TEST_CASE(a_part_is_served_too_and_ends_nothing_before_all_parts_are_there) {
  const Folder folder;
  const std::string bytes(3'000'000, 'x');
  const Served served(write_file(folder.path / "a.json.gz", bytes));
  const auto part = [&](const std::string& range) {
    return get(served.port, served.path, SIZE_MAX, "Range: bytes=" + range + "\r\n");
  };
  for (const char* range : {"2999990-2999999", "0-9", "-10"}) {
    const std::string answer = part(range);
    BOOST_TEST(answer.starts_with("HTTP/1.1 206"), answer.substr(0, 100));
    BOOST_TEST(answer.substr(answer.find("\r\n\r\n") + 4) == std::string(10, 'x'));
  }
  (void)part("4000000-");  // behind the end
  const std::string rest = part("10-");
  BOOST_TEST(rest.substr(rest.find("\r\n\r\n") + 4).size() == bytes.size() - 10);
  BOOST_TEST(exit_code(served.pid) == 0);
}

BOOST_AUTO_TEST_CASE(a_second_one_on_the_same_port_is_refused) {
  const Folder folder;
  const fs::path file = write_file(folder.path / "a.json.gz", "x");
  const Served first(file);
  const auto second = serve_to_perfetto(file, first.port, false);
  BOOST_REQUIRE(!second.ok());
  BOOST_TEST((second.error().code == limelight::ErrorCode::unavailable));
  (void)get(first.port, first.path);
  BOOST_TEST(exit_code(first.pid) == 0);
}

BOOST_AUTO_TEST_CASE(each_time_the_address_is_another) {
  const Folder folder;
  const fs::path file = write_file(folder.path / "a.json.gz", "x");
  std::string paths[2];
  for (std::string& path : paths) {
    const Served served(file);
    path = served.path;
    (void)get(served.port, path);
    BOOST_TEST(exit_code(served.pid) == 0);
  }
  BOOST_TEST(paths[0] != paths[1]);
}

BOOST_AUTO_TEST_CASE(ctrl_c_ends_it) {
  for (int i = 0; i < 20; ++i) {
    const Folder folder;
    const Served served(write_file(folder.path / "a.json.gz", "x"));
    // The port is open, but it may not serve yet.
    if (i % 2 == 0) close(connect_to(served.port));
    kill(served.pid, SIGINT);
    BOOST_TEST(exit_code(served.pid) == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_missing_file_and_a_port_that_is_taken_are_errors) {
  const Folder folder;
  const auto missing = serve_to_perfetto(folder.path / "none", 9001, false);
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST((missing.error().code == limelight::ErrorCode::not_found));
  BOOST_TEST(missing.error().message.starts_with((folder.path / "none").string() + ": "));
  BOOST_TEST(
      serve_to_perfetto(write_file(folder.path / "empty", ""), 9001, false).error().message ==
      (folder.path / "empty").string() + ": found an empty file, expected a trace");
  const int taken = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at = local(0);
  socklen_t size = sizeof at;
  BOOST_REQUIRE(bind(taken, reinterpret_cast<const sockaddr*>(&at), size) == 0);
  BOOST_REQUIRE(listen(taken, 1) == 0);
  getsockname(taken, reinterpret_cast<sockaddr*>(&at), &size);
  const auto refused =
      serve_to_perfetto(write_file(folder.path / "a", "x"), ntohs(at.sin_port), false);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == limelight::ErrorCode::unavailable));
  BOOST_TEST(refused.error().message.starts_with("port " + std::to_string(ntohs(at.sin_port)) +
                                                 " of 127.0.0.1 is taken"),
             refused.error().message);
  close(taken);
}

// Perfetto refuses a byte-order mark; what the UI gets has none.
BOOST_AUTO_TEST_CASE(a_file_that_perfetto_refuses_is_served_as_one_that_it_takes) {
  const Folder folder;
  const fs::path file = write_file(
      folder.path / "marked.json",
      "\xef\xbb\xbf[{\"ph\": \"X\", \"name\": \"a\", \"cat\": \"c\", \"pid\": 1, \"tid\": 1, "
      "\"ts\": 1, \"dur\": 2}]");
  const int port = 20'000 + getpid() % 20'000;
  const std::string command = "exec " LIMELIGHT_COMMAND " trace open --no-browser --port " +
                              std::to_string(port) + " " + file.string() + " 2>" +
                              (folder.path / "said").string();
  FILE* pipe = popen(command.c_str(), "r");
  std::string line;
  for (int byte; (byte = fgetc(pipe)) != EOF && byte != '\n';) line += static_cast<char>(byte);
  BOOST_TEST(line.starts_with("marked.json is at "), line);
  const std::string mark = ":" + std::to_string(port);
  BOOST_REQUIRE(line.find(mark) != std::string::npos);
  const std::string answer = get(port, line.substr(line.find(mark) + mark.size()));
  BOOST_TEST(limelight::tests::code_of_status(pclose(pipe)) == 0);
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  BOOST_TEST(body.starts_with("\x1f\x8b"));
  const std::string said = read_file(folder.path / "said");
  BOOST_TEST(said.find("found a byte-order mark") != std::string::npos, said);
  BOOST_TEST(said.find("a copy without that is served") != std::string::npos, said);
}

BOOST_AUTO_TEST_SUITE_END()
