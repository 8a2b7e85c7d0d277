// Any bytes, cut into pieces, as what a client sends on one connection of the HTTP front: requests
// one after the other, and a WebSocket where one is asked for. The first bytes say how large the
// pieces are, when writing fails, what becomes of the client at the end, and what the handlers do.
// Whatever comes, each request that a handler was given is recorded once, and nothing is left.
#include <cstdlib>
#include <limelight/task.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/http/connection.hpp"
#include "actors/http/loop_inside.hpp"
#include "actors/http/websocket.hpp"

using namespace limelight::http;

namespace {

void check(bool good) {
  if (!good) std::abort();
}

struct Client {
  std::string_view sends;
  std::size_t piece = 1;   // of what it sends
  std::size_t writes = 0;  // that it takes before it is gone
  bool stays = false;      // at the end it says nothing more, and does not leave
  std::string gets = {};
};

class ClientTransport : public Transport {
 public:
  ClientTransport(Loop& loop, Client& client) : loop_(loop), client_(client) {}
  void handshake(std::function<void(bool)> done) override {
    loop_.post([done] { done(true); });
  }
  void read(std::span<char> into, std::function<void(std::size_t)> done) override {
    check(!std::exchange(reading_, true) && !into.empty());
    // The callback keeps the connection, and so this, alive.
    loop_.post([this, into, done = std::move(done)]() mutable {
      if (!closed_ && client_.sends.empty() && client_.stays) {
        waits_ = std::move(done);
        return;
      }
      reading_ = false;
      const std::size_t size =
          closed_ ? 0 : std::min({client_.piece, client_.sends.size(), into.size()});
      client_.sends.copy(into.data(), size);
      client_.sends.remove_prefix(size);
      done(size);
    });
  }
  void write(std::string_view bytes, std::function<void(bool)> done) override {
    check(!std::exchange(writing_, true) && !bytes.empty());
    loop_.post([this, bytes, done = std::move(done)] {
      writing_ = false;
      const bool good = !closed_ && client_.writes > 0;
      if (good) {
        --client_.writes;
        client_.gets += bytes.substr(0, 16);
      }
      done(good);
    });
  }
  void finish() override {}
  void close() override {
    closed_ = true;
    if (!waits_) return;
    reading_ = false;
    loop_.post([done = std::exchange(waits_, nullptr)] { done(0); });
  }
  const std::string& peer() const override { return peer_; }
  SocketProgress progress() const override { return {}; }

 private:
  Loop& loop_;
  Client& client_;
  const std::string peer_ = "fuzz:1";
  bool reading_ = false, writing_ = false, closed_ = false;
  std::function<void(std::size_t)> waits_;
};

limelight::Task<void> stream(std::shared_ptr<Exchange> exchange, bool ends) {
  exchange->begin({.type = "text/event-stream"});
  const std::string part = server_event(std::string(30'000, 'x'));
  for (int i = 0; i < 4 && co_await exchange->write(part); ++i) continue;
  if (ends) exchange->end();
}

struct Service {
  Loop& loop;
  unsigned choice;
  std::map<std::string, int> records = {};  // by the id of a request that was handled
  std::vector<std::shared_ptr<WebSocket>> sockets = {};

  void handle(std::shared_ptr<Exchange> exchange) {
    exchange->set_id("handled-" + std::to_string(records.size()));
    records[exchange->id()] = 0;
    const unsigned what = choice;
    choice = choice * 5 + 3;
    if (WebSocket::is_asked_by(exchange->request())) {
      // An event may come after all else is gone.
      const auto held = std::make_shared<std::weak_ptr<WebSocket>>();
      sockets.push_back(
          std::make_shared<WebSocket>(std::move(exchange),
                                      WebSocket::Events{.message =
                                                            [held](std::string text) {
                                                              const auto socket = held->lock();
                                                              if (!socket) return;
                                                              if (text == "close")
                                                                socket->close(1000, "as asked");
                                                              else
                                                                (void)socket->send(std::move(text));
                                                            },
                                                        .closed = [] {}},
                                      2000));
      *held = sockets.back();
      return;
    }
    switch (what % 8) {
      case 0: return;  // dropped
      case 1: stream(std::move(exchange), true); return;
      case 2: stream(std::move(exchange), false); return;
      case 3: exchange->close_after(); [[fallthrough]];
      case 4: exchange->answer({.status = 404}); return;
      case 5: loop.post([later = std::move(exchange)] { later->answer({.body = "{}"}); }); return;
      case 6: exchange->break_off(); return;
      default: exchange->answer({.body = exchange->request().body}); return;
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  Client client{.sends = {reinterpret_cast<const char*>(data + 4), size - 4},
                .piece = data[0] + std::size_t{1},
                .writes = data[1] < 128 ? 1000u : data[1] - 128u,
                .stays = data[2] % 2 == 1};
  Loop loop;
  Service service{loop, data[3]};
  const auto owner = std::make_shared<Connection::Owner>(Connection::Owner{
      .loop = loop,
      .limits = {.sizes = {.header_bytes = 2000, .body_bytes = 8000}},
      .handle = [&](std::shared_ptr<Exchange> one) { service.handle(std::move(one)); },
      .on_record =
          [&](const AccessRecord& record) {
            if (record.id.starts_with("handled-")) ++service.records[record.id];
          },
      .most_bodies = 6000,
      .draining = data[2] % 16 == 15});
  auto& context = loop.inside().context;
  {
    const auto connection =
        std::make_shared<Connection>(owner, std::make_unique<ClientTransport>(loop, client));
    connection->start();
    context.poll();
    connection->close();
  }
  context.poll();
  service.sockets.clear();
  context.poll();
  for (const auto& [id, times] : service.records) check(times == 1);
  check(owner->open == 0 && owner->bodies == 0);
  check(client.gets.empty() || client.gets.starts_with("HTTP/1.1 "));
  return 0;
}
