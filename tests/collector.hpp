// A collector of OpenTelemetry on a socket of its own: keeps what is sent to it, and answers as the
// test says.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace limelight::tests {

class Collector {
 public:
  // answer: to each request; empty: none, ever.
  explicit Collector(std::string answer = "200 OK", std::string body = "{}")
      : answer_(std::move(answer)),
        body_(std::move(body)),
        listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    BOOST_REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) == 0);
    BOOST_REQUIRE(::listen(listener_, 16) == 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Collector() {
    ending_ = true;
    thread_.join();
    ::close(listener_);
  }
  Collector(const Collector&) = delete;

  std::string endpoint() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/v1/traces";
  }
  void set_answer(std::string answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  // Whole requests that came.
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }
  // All spans, once there are so many; those that there are, if they do not come in time.
  std::vector<nlohmann::json> spans(std::size_t count,
                                    std::chrono::seconds most = std::chrono::seconds(30)) const {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, most, [&] { return spans_.size() >= count; });
    return spans_;
  }
  nlohmann::json resource() const {
    const std::lock_guard lock(mutex_);
    return resource_;
  }

 private:
  void run() {
    while (!ending_) {
      pollfd it{listener_, POLLIN, 0};
      if (::poll(&it, 1, 20) <= 0) continue;
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) continue;
      serve(client);
      ::close(client);
    }
  }
  // One request after the other of a connection; one connection after the other.
  void serve(int client) {
    std::string got;
    std::array<char, 16384> buffer;
    while (!ending_) {
      pollfd it{client, POLLIN, 0};
      if (::poll(&it, 1, 20) <= 0) continue;
      const ssize_t n = ::recv(client, buffer.data(), buffer.size(), 0);
      if (n <= 0) return;
      got.append(buffer.data(), static_cast<std::size_t>(n));
      const auto end = got.find("\r\n\r\n");
      const auto at = got.find("Content-Length: ");
      if (end == std::string::npos || at == std::string::npos) continue;
      const std::size_t whole = end + 4 + std::stoul(got.substr(at + 16));
      if (got.size() < whole) continue;
      const std::string answer = take(got.substr(0, end), got.substr(end + 4, whole - end - 4));
      got.erase(0, whole);
      if (!answer.empty()) (void)!::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  std::string take(const std::string& head, const std::string& body) {
    const std::lock_guard lock(mutex_);
    heads_.push_back(head);
    if (answer_.starts_with("2")) {
      const auto document = nlohmann::json::parse(body, nullptr, false);
      for (const auto& from : document["resourceSpans"]) {
        resource_ = from["resource"];
        for (const auto& scope : from["scopeSpans"])
          for (const auto& span : scope["spans"]) spans_.push_back(span);
      }
    }
    came_.notify_all();
    if (answer_.empty()) return {};
    return "HTTP/1.1 " + answer_ +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body_.size()) +
           "\r\n\r\n" + body_;
  }

  std::string answer_;
  const std::string body_;
  const int listener_;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  std::vector<std::string> heads_;
  std::vector<nlohmann::json> spans_;
  nlohmann::json resource_;
  std::thread thread_;
};

// The value of an attribute, as it was sent; null: the span has none of this name.
inline nlohmann::json attribute(const nlohmann::json& span, const std::string& name) {
  for (const auto& one : span["attributes"])
    if (one["key"] == name) return one["value"];
  return nullptr;
}

}  // namespace limelight::tests
