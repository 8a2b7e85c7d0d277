// `limelight node` as a process of a test, on this machine; and a wire in front of it that keeps
// what goes over it.
#pragma once

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ipc/network/socket.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

inline std::filesystem::path write_token(const Folder& folder, const std::string& text) {
  const auto file = write_file(folder.path / "token", text);
  ::chmod(file.c_str(), 0600);
  return file;
}

class NodeProcess {
 public:
  // port: "0", or where another one was before. env: NAME=VALUE for it alone.
  NodeProcess(const std::filesystem::path& token,
              const std::string& port = "0",
              const std::vector<std::string>& env = {}) {
    int output[2];
    BOOST_REQUIRE(::pipe(output) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(output[1], 1);
      ::close(output[0]);
      ::close(output[1]);
      for (const std::string& one : env) ::putenv(const_cast<char*>(one.c_str()));
      ::execl(LIMELIGHT_COMMAND, "limelight", "node", "--listen", ("127.0.0.1:" + port).c_str(),
              "--token-file", token.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(output[1]);
    std::string line;
    for (char byte; line.find(": ") == std::string::npos && ::read(output[0], &byte, 1) == 1;)
      line += byte;
    ::close(output[0]);
    const std::string begin = "listening on 127.0.0.1:";
    BOOST_REQUIRE_MESSAGE(line.starts_with(begin), "the node says: " + line);
    port_ = line.substr(begin.size(), line.find(": ") - begin.size());
  }
  ~NodeProcess() { end(SIGTERM); }
  void end(int signal) {
    if (pid_ == 0) return;
    ::kill(pid_, signal);
    status_ = exit_code(std::exchange(pid_, 0));
  }
  int status() const { return status_; }
  std::string address() const { return "127.0.0.1:" + port_; }
  const std::string& port() const { return port_; }

 private:
  pid_t pid_ = 0;
  int status_ = 0;
  std::string port_;
};

// Passes connections on to an address, keeps the bytes, and cuts those of a kind.
class Tap {
 public:
  explicit Tap(const std::string& to) : to_(*ipc::parse_address(to)) {
    auto listener = ipc::listen_at({"127.0.0.1", 0});
    BOOST_REQUIRE(listener.ok());
    listener_ = std::move(*listener);
    address_ = ipc::address_of(listener_)->text();
    acceptor_ = std::thread([this] { accept(); });
  }
  ~Tap() {
    stopping_ = true;
    acceptor_.join();
    cut(0);
    for (Link& link : links_) {
      link.there.join();
      link.back.join();
    }
  }
  const std::string& address() const { return address_; }
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  // Those that have carried at least so many bytes. Returns how many were cut.
  int cut(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    int count = 0;
    for (Link& link : links_)
      if (link.bytes >= bytes && !link.is_cut) {
        link.is_cut = true;
        link.near.shutdown();
        link.far.shutdown();
        ++count;
      }
    return count;
  }

 private:
  struct Link {
    ipc::Socket near, far;
    std::atomic<std::uint64_t> bytes = 0;
    bool is_cut = false;
    std::thread there = {}, back = {};
  };
  void accept() {
    while (!stopping_) {
      auto near = ipc::accept_from(listener_);
      if (!near) {
        ::usleep(2000);
        continue;
      }
      auto far = ipc::connect_to(to_, std::chrono::seconds(2));
      if (!far) continue;
      const std::lock_guard lock(mutex_);
      Link& link = links_.emplace_back();
      link.near = std::move(*near);
      link.far = std::move(*far);
      link.there = std::thread([this, &link] { copy(link, link.near, link.far); });
      link.back = std::thread([this, &link] { copy(link, link.far, link.near); });
    }
  }
  void copy(Link& link, const ipc::Socket& from, const ipc::Socket& to) {
    std::vector<char> buffer(1 << 16);
    for (ssize_t n; (n = ::recv(from.fd(), buffer.data(), buffer.size(), 0)) > 0;) {
      link.bytes += static_cast<std::uint64_t>(n);
      {
        const std::lock_guard lock(mutex_);
        heard_.append(buffer.data(), static_cast<std::size_t>(n));
      }
      const auto data = std::as_bytes(std::span(buffer).first(static_cast<std::size_t>(n)));
      if (!ipc::send_all(to, data)) break;
    }
    to.shutdown();
    from.shutdown();
  }
  ipc::NetworkAddress to_;
  ipc::Socket listener_;
  std::string address_;
  std::mutex mutex_;
  std::string heard_;
  std::list<Link> links_;
  std::atomic<bool> stopping_ = false;
  std::thread acceptor_;
};

}  // namespace limelight::tests
