// `limelight serve` as a process, and clients of it: libcurl for whole exchanges, a socket for what
// no good client does.
#pragma once

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/support.hpp"

namespace limelight::tests {

using nlohmann::json;

// Waits until condition() holds, at most so long.
template <class F>
bool soon(F condition, std::chrono::milliseconds most = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + most;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

struct Reply {
  int status = 0;                                   // 0: no answer came
  std::map<std::string, std::string> headers = {};  // names in small letters
  std::string body = {};
  json document() const { return json::parse(body, nullptr, false); }
};

class Served {
 public:
  // With the shipped config, unless an argument says another.
  explicit Served(std::vector<std::string> arguments = {}) {
    const auto says = [&](const char* flag) {
      return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
    };
    if (!says("--config") && !says("--model") && !says("--config-file"))
      arguments.insert(arguments.end(), {"--config", std::string(CONFIG_DIR) + "/omni_tiny.yaml"});
    if (!says("--profile-dir"))
      arguments.insert(arguments.end(), {"--profile-dir", traces().string()});
    tls_ = says("--ssl-certfile");
    arguments.insert(arguments.begin(), {"limelight", "serve", "--port", "0"});
    start(arguments);
  }
  ~Served() {
    if (pid_ > 0) stop();
  }
  Served(const Served&) = delete;

  int port() const { return port_; }
  pid_t pid() const { return pid_; }
  std::filesystem::path traces() const { return folder_.path / "traces"; }
  const Folder& folder() const { return folder_; }
  std::string log() const { return read_file(folder_.path / "log"); }
  std::string url(const std::string& path) const {
    return (tls_ ? "https" : "http") + std::string("://127.0.0.1:") + std::to_string(port_) + path;
  }

  void signal(int number) const { ::kill(pid_, number); }
  int wait() { return exit_code(std::exchange(pid_, 0)); }
  int stop(int number = SIGTERM) {
    signal(number);
    return wait();
  }

  Reply ask(const std::string& method,
            const std::string& path,
            const std::string& body = {},
            const std::vector<std::string>& headers = {}) const {
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(::curl_easy_init(), ::curl_easy_cleanup);
    Reply reply;
    ::curl_slist* list = nullptr;
    for (const std::string& header : headers) list = ::curl_slist_append(list, header.c_str());
    list = ::curl_slist_append(list, "Content-Type: application/json");
    const std::string address = url(path);
    ::curl_easy_setopt(curl.get(), CURLOPT_URL, address.c_str());
    ::curl_easy_setopt(curl.get(), CURLOPT_PATH_AS_IS, 1L);
    ::curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, list);
    ::curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 120L);
    ::curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, 0L);
    ::curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, 0L);
    if (method == "HEAD") ::curl_easy_setopt(curl.get(), CURLOPT_NOBODY, 1L);
    else if (method != "GET") {
      ::curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(body.size()));
      ::curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
      ::curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
    }
    using Take = std::size_t (*)(char*, std::size_t, std::size_t, void*);
    const Take take = [](char* from, std::size_t, std::size_t size, void* to) {
      static_cast<std::string*>(to)->append(from, size);
      return size;
    };
    const Take take_header = [](char* from, std::size_t, std::size_t size, void* to) {
      const std::string line(from, size);
      const auto colon = line.find(": ");
      if (colon == std::string::npos) return size;
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      (*static_cast<std::map<std::string, std::string>*>(to))[name] =
          line.substr(colon + 2, line.find('\r') - colon - 2);
      return size;
    };
    ::curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take);
    ::curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply.body);
    ::curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, take_header);
    ::curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &reply.headers);
    const CURLcode code = ::curl_easy_perform(curl.get());
    ::curl_slist_free_all(list);
    long status = 0;
    ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK) reply.status = static_cast<int>(status);
    return reply;
  }
  Reply get(const std::string& path, const std::vector<std::string>& headers = {}) const {
    return ask("GET", path, {}, headers);
  }
  Reply post(const std::string& path,
             const json& body,
             const std::vector<std::string>& headers = {}) const {
    return ask("POST", path, body.dump(), headers);
  }
  json health() const { return get("/health").document(); }

 private:
  void start(std::vector<std::string>& arguments) {
    int output[2];
    BOOST_REQUIRE(pipe(output) == 0);
    const std::string log_file = (folder_.path / "log").string();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(output[1], 1);
      close(output[0]);
      FILE* log = std::fopen(log_file.c_str(), "w");
      dup2(fileno(log), 2);
      std::vector<char*> argv;
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      execv(LIMELIGHT_COMMAND, argv.data());
      _exit(127);
    }
    close(output[1]);
    std::string said;
    std::array<char, 512> buffer;
    while (said.find("serving ") == std::string::npos) {
      const ssize_t n = read(output[0], buffer.data(), buffer.size());
      if (n <= 0) break;
      said.append(buffer.data(), static_cast<std::size_t>(n));
    }
    close(output[0]);
    const auto at = said.find("127.0.0.1:");
    BOOST_REQUIRE_MESSAGE(said.find("serving ") != std::string::npos && at != std::string::npos,
                          said + log());
    port_ = std::stoi(said.substr(at + 10));
  }

  Folder folder_;
  pid_t pid_ = 0;
  int port_ = 0;
  bool tls_ = false;
};

// A client that does with its connection what the test says.
class Socket {
 public:
  explicit Socket(int port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
  ~Socket() { leave(); }
  Socket(const Socket&) = delete;
  void leave() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void send(const std::string& bytes) const {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return;
      at += static_cast<std::size_t>(n);
    }
  }
  void post(const std::string& path, const json& body) const {
    const std::string text = body.dump();
    send("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
         std::to_string(text.size()) + "\r\n\r\n" + text);
  }
  // All that came, once it has `what` in it, or the peer has closed, or the time is over.
  const std::string& until(const std::string& what,
                           std::chrono::milliseconds most = std::chrono::seconds(60)) {
    const auto end = std::chrono::steady_clock::now() + most;
    std::array<char, 4096> buffer;
    while (!closed_ && (what.empty() || got_.find(what) == std::string::npos)) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      pollfd it{fd_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&it, 1, static_cast<int>(left.count())) <= 0) break;
      const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (n <= 0) closed_ = true;
      else got_.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return got_;
  }
  const std::string& all() { return until(""); }
  // What is there, at most so much; it is not kept.
  void read_some(std::size_t most) {
    std::string some(most, '\0');
    pollfd it{fd_, POLLIN, 0};
    if (::poll(&it, 1, 10) > 0 && ::recv(fd_, some.data(), most, 0) <= 0) closed_ = true;
  }
  bool closed() const { return closed_; }

 private:
  int fd_;
  std::string got_;
  bool closed_ = false;
};

// The documents of a stream, without its end; it has to have that.
inline std::vector<json> events_of(const std::string& body) {
  std::vector<json> events;
  bool done = false;
  for (std::size_t at = 0; at < body.size();) {
    const auto end = body.find("\n\n", at);
    BOOST_REQUIRE(end != std::string::npos);
    const std::string event = body.substr(at, end - at);
    at = end + 2;
    BOOST_REQUIRE_MESSAGE(event.starts_with("data: "), event);
    BOOST_REQUIRE(!done);
    if (event == "data: [DONE]") done = true;
    else events.push_back(json::parse(event.substr(6)));
  }
  BOOST_TEST(done);
  return events;
}

}  // namespace limelight::tests
