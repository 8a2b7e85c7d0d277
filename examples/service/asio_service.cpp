// A service on Boost.Asio. The library's coroutines are resumed on the service's executor, so one
// thread does all, and nothing needs a lock. Each line that a client sends is a command:
//   ask PROMPT         the answer, as it is generated, and the end of a line
//   profile [STAGE...] starts a profile of these stages; none: of all
//   stop               stops it, and names each rank's trace
// asio_service CONFIG TRACES; it ends with SIGTERM or SIGINT.
// Asio of Boost 1.74 needs <utility>, and does not include it.
// clang-format off
#include <utility>
#include <boost/asio.hpp>
// clang-format on
#include <coroutine>
#include <iostream>
#include <limelight/async_omni.hpp>
#include <limelight/task.hpp>
#include <optional>
#include <sstream>
#include <string>

namespace asio = boost::asio;
using asio::ip::tcp;
using limelight::AsyncOmni, limelight::RankTrace, limelight::RequestOutput;
using Traces = limelight::Result<std::vector<RankTrace>>;

namespace {

// What the library offers to await, as something that a coroutine of Asio can await.
template <class T, class Pending>
asio::awaitable<T> awaited(Pending pending) {
  const auto initiate = [](auto handler, Pending what) {
    [](auto go_on, Pending held) -> limelight::Task<void> {
      T value = co_await held;
      std::move(go_on)(std::move(value));
    }(std::move(handler), std::move(what));
  };
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(T)>(
      initiate, asio::use_awaitable, std::move(pending));
}

asio::awaitable<void> say(tcp::socket& client, const std::string& text) {
  co_await asio::async_write(client, asio::buffer(text), asio::use_awaitable);
}

// A client that leaves ends this with an exception; the stream is destroyed with it, which cancels
// the request in every stage.
asio::awaitable<void> answer(AsyncOmni& omni, tcp::socket& client, std::string prompt) {
  auto stream = omni.generate(std::move(prompt));
  while (const auto part = co_await awaited<std::optional<RequestOutput>>(stream.next())) {
    co_await say(client, part->text);
    if (!part->error.message.empty()) co_await say(client, "error: " + part->error.message);
  }
  co_await say(client, "\n");
}

std::string files_of(const Traces& traces) {
  if (!traces) return "error: " + traces.error().message + "\n";
  std::string lines;
  for (const RankTrace& rank : *traces) lines += rank.file.string() + "\n";
  return lines;
}

asio::awaitable<void> session(AsyncOmni& omni, tcp::socket client) {
  std::string input;
  for (;;) {
    const std::size_t size = co_await asio::async_read_until(
        client, asio::dynamic_buffer(input, 1 << 16), '\n', asio::use_awaitable);
    std::istringstream line(input.substr(0, size - 1));
    input.erase(0, size);
    std::string command;
    line >> command >> std::ws;
    if (command == "ask") {
      std::string prompt;
      std::getline(line, prompt);
      co_await answer(omni, client, prompt);
    } else if (command == "profile") {
      std::vector<int> stages;
      for (int stage = 0; line >> stage;) stages.push_back(stage);
      co_await say(client, files_of(co_await awaited<Traces>(omni.start_profile(stages))));
    } else if (command == "stop") {
      co_await say(client, files_of(co_await awaited<Traces>(omni.stop_profile())));
    } else {
      co_await say(client, "error: found '" + command + "', expected ask, profile or stop\n");
    }
  }
}

asio::awaitable<void> serve(AsyncOmni& omni, tcp::acceptor& acceptor) {
  for (;;) {
    tcp::socket client = co_await acceptor.async_accept(asio::use_awaitable);
    // Whatever ends a session ends it alone.
    asio::co_spawn(acceptor.get_executor(), session(omni, std::move(client)), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::cerr << "usage: asio_service CONFIG TRACES\n", 2;
  asio::io_context io(1);
  const auto omni = AsyncOmni::from_engine_args(
      {.config = argv[1], .profile_dir = argv[2]},
      [&io](std::coroutine_handle<> waiting) { asio::post(io, waiting); });
  if (!omni) return std::cerr << omni.error().message << "\n", 1;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  asio::signal_set ending(io, SIGINT, SIGTERM);
  ending.async_wait([&](auto...) { io.stop(); });
  asio::co_spawn(io, serve(**omni, acceptor), asio::detached);
  std::cout << "port " << acceptor.local_endpoint().port() << std::endl;
  io.run();
}
