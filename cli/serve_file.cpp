#include "cli/serve_file.hpp"

#include <httplib.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>

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
}  // namespace

Result<void> serve_to_perfetto(const std::filesystem::path& file, int port, bool open_browser) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed) return Error{ErrorCode::not_found, file.string() + ": " + failed.message()};
  const std::string name = file.filename();
  const std::string path = "/" + random_word() + "/trace";
  httplib::Server server;
  // Browsers let only a page of this origin read the answer. (The members of the request are not
  // used: their layout depends on how httplib was built.)
  server.Get(path, [&](const httplib::Request&, httplib::Response& response) {
    response.set_header("Access-Control-Allow-Origin", page);
    response.set_header("Cache-Control", "no-cache");
    const auto in = std::make_shared<std::ifstream>(file, std::ios::binary);
    response.set_content_provider(
        size, "application/octet-stream",
        [in](std::size_t from, std::size_t length, httplib::DataSink& sink) {
          std::string piece(std::min<std::size_t>(length, std::size_t{1} << 20), '\0');
          in->seekg(static_cast<std::streamoff>(from));
          in->read(piece.data(), static_cast<std::streamsize>(piece.size()));
          return in->gcount() > 0 &&
                 sink.write(piece.data(), static_cast<std::size_t>(in->gcount()));
        },
        [&server](bool whole) {
          if (whole) server.stop();
        });
  });
  if (!server.bind_to_port("127.0.0.1", port))
    return Error{
        ErrorCode::unavailable,
        "port " + std::to_string(port) +
            " of 127.0.0.1 is taken: end the program that uses it, or choose another with --port"};
  EndSignals signals;
  signals.watch([&server](int) { server.stop(); });
  const std::string address =
      std::string(page) + "/#!/?url=http://127.0.0.1:" + std::to_string(port) + path;
  std::cout << name << " is at " << address << std::endl;
  if (open_browser) open_in_browser(address);
  server.listen_after_bind();
  return {};
}

}  // namespace limelight::cli
