#include "cli/serve_file.hpp"

#include <httplib.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

#include "cli/end_signals.hpp"

extern char** environ;

namespace limelight::cli {

namespace {
constexpr const char* page = "https://ui.perfetto.dev";

// A part of the address that other processes cannot guess, so that they cannot fetch the file.
std::string random_word() {
  std::random_device source;
  char word[17];
  std::snprintf(word, sizeof word, "%08x%08x", source(), source());
  return word;
}

void open_in_browser(std::string address) {
  std::string command = "xdg-open";
  char* argv[] = {command.data(), address.data(), nullptr};
  pid_t pid = 0;
  if (::posix_spawnp(&pid, command.c_str(), nullptr, nullptr, argv, environ) == 0)
    ::waitpid(pid, nullptr, 0);
}

// How much of the file was handed out, from its beginning. Who asks for a range has not fetched the
// file by that; who asks for one range after the other has, with the last of them.
class Fetched {
 public:
  explicit Fetched(std::uint64_t size) : size_(size) {}
  void add(std::uint64_t from, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (from <= until_) until_ = std::max(until_, from + bytes);
  }
  bool whole() {
    const std::lock_guard lock(mutex_);
    return until_ >= size_;
  }

 private:
  std::mutex mutex_;  // the server answers on several threads
  std::uint64_t size_, until_ = 0;
};

// The library would let two servers share a port (SO_REUSEPORT), and a request would reach either.
void claim_port(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}
}  // namespace

Result<void> serve_to_perfetto(const std::filesystem::path& file,
                               int port,
                               bool open_browser,
                               const std::string& shown) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed) return Error{ErrorCode::not_found, file.string() + ": " + failed.message()};
  if (size == 0)
    return Error{ErrorCode::corrupt, file.string() + ": found an empty file, expected a trace"};
  const std::string name = shown.empty() ? file.filename().string() : shown;
  const std::string path = "/" + random_word() + "/trace";
  Fetched fetched(size);
  httplib::Server server;
  server.set_socket_options(claim_port);
  // Browsers let only a page of this origin read the answer. (The members of the request are not
  // used: their layout depends on how httplib was built.)
  server.Get(path, [&](const httplib::Request&, httplib::Response& response) {
    response.set_header("Access-Control-Allow-Origin", page);
    response.set_header("Cache-Control", "no-cache");
    const auto in = std::make_shared<std::ifstream>(file, std::ios::binary);
    response.set_content_provider(
        size, "application/octet-stream",
        [in, &fetched](std::size_t from, std::size_t length, httplib::DataSink& sink) {
          std::string piece(std::min<std::size_t>(length, std::size_t{1} << 20), '\0');
          in->seekg(static_cast<std::streamoff>(from));
          in->read(piece.data(), static_cast<std::streamsize>(piece.size()));
          const auto got = static_cast<std::size_t>(std::max<std::streamsize>(in->gcount(), 0));
          if (got == 0 || !sink.write(piece.data(), got)) return false;
          fetched.add(from, got);
          return true;
        },
        [&server, &fetched](bool sent) {
          if (sent && fetched.whole()) server.stop();
        });
  });
  if (!server.bind_to_port("127.0.0.1", port))
    return Error{
        ErrorCode::unavailable,
        "port " + std::to_string(port) +
            " of 127.0.0.1 is taken: end the program that uses it, or choose another with --port"};
  std::atomic<bool> over{false};
  EndSignals signals;
  signals.watch([&](int) {
    // A server that does not listen yet has nothing to stop, and would listen all the same.
    while (!server.is_running() && !over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    server.stop();
  });
  std::string address(page);
  address.append("/#!/?url=http://127.0.0.1:").append(std::to_string(port)).append(path);
  std::cout << name << " is at " << address << std::endl;
  if (open_browser) open_in_browser(address);
  server.listen_after_bind();
  over = true;
  return {};
}

}  // namespace limelight::cli
