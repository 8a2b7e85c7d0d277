// Two ends of a connection that know a token, or do not; what an ear on the wire hears.
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <limelight/version.hpp>
#include <optional>
#include <thread>

#include "ipc/network/handshake.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using limelight::ErrorCode;
using limelight::Result;

namespace {

const std::string secret = "a token of more than 16 bytes";

struct Pair {
  Socket connects, listens;
  Pair() {
    int ends[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    connects = Socket(ends[0]);
    listens = Socket(ends[1]);
  }
};

// Passes on what two ends say, and keeps it.
class Ear {
 public:
  Ear(Socket one, Socket other)
      : one_(std::move(one)),
        other_(std::move(other)),
        there_([this] { copy(one_, other_, said_); }),
        back_([this] { copy(other_, one_, answered_); }) {}
  std::string heard() {
    there_.join();
    back_.join();
    return said_ + answered_;
  }
  const std::string& said() const { return said_; }

 private:
  static void copy(const Socket& from, const Socket& to, std::string& kept) {
    char byte;
    while (::recv(from.fd(), &byte, 1, 0) == 1) {
      kept += byte;
      if (::send(to.fd(), &byte, 1, MSG_NOSIGNAL) != 1) break;
    }
    to.shutdown();
  }
  Socket one_, other_;
  std::string said_, answered_;
  std::thread there_, back_;
};

Token token_of(const std::string& text) {
  auto token = Token::of(text);
  if (!token) BOOST_FAIL(token.error().message);
  return *token;
}

// What the one who listens has of it, in a thread of its own.
struct Listener {
  std::optional<Result<Greeted>> greeted;
  std::thread thread;
  Listener(const Socket& socket, const Token& token, bool answers = true)
      : thread([this, &socket, token, answers] {
          greeted = receive_greeting(socket, token);
          if (!*greeted) return socket.shutdown();
          if (!answers) return;
          const Greeted& peer = **greeted;
          (void)answer_greeting(socket, peer, peer.refusal.empty() ? "welcome" : peer.refusal,
                                !peer.refusal.empty());
        }) {}
  ~Listener() {
    if (thread.joinable()) thread.join();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(two_that_know_the_token_hear_each_other_s_words) {
  Pair pair;
  Listener listener(pair.listens, token_of(secret));
  const auto answer = greet(pair.connects, token_of(secret + "\n"), "run\n17-1");
  listener.thread.join();
  if (!answer) BOOST_FAIL(answer.error().message);
  BOOST_TEST(*answer == "welcome");
  BOOST_TEST((*listener.greeted)->purpose == "run\n17-1");
}

BOOST_AUTO_TEST_CASE(who_has_another_token_is_told_nothing_and_told_of_nothing) {
  Pair pair, wire;
  Ear ear(std::move(wire.listens), std::move(pair.connects));
  Listener listener(pair.listens, token_of(secret));
  const auto answer = greet(wire.connects, token_of("another token of 16 bytes"), "run\n17-1");
  BOOST_TEST((answer.error().code == ErrorCode::unavailable));
  wire.connects.shutdown();
  listener.thread.join();
  BOOST_TEST((listener.greeted->error().code == ErrorCode::unavailable));
  const std::string heard = ear.heard();
  BOOST_TEST(heard.find("17-1") == std::string::npos);
  // Its beginning and its random number, the other random number, and a proof that is wrong.
  BOOST_TEST(heard.size() == 8 + 32 + 32 + 32);
}

BOOST_AUTO_TEST_CASE(who_listens_with_another_token_hears_no_purpose) {
  Pair pair;
  // It lets anybody in, and wants to know what for.
  bool heard_more = true;
  std::thread liar([&] {
    std::array<std::byte, 8 + 32> begin;
    std::array<std::byte, 32> mine{};
    (void)receive_all(pair.listens, begin);
    (void)send_all(pair.listens, mine);
    (void)receive_all(pair.listens, std::span(begin).first(32));
    (void)send_all(pair.listens, mine);
    std::byte more;
    heard_more = receive_all(pair.listens, std::span(&more, 1)).ok();
  });
  const auto answer = greet(pair.connects, token_of(secret), "run\n17-1");
  BOOST_TEST((answer.error().code == ErrorCode::unavailable));
  pair.connects.shutdown();
  liar.join();
  BOOST_TEST(!heard_more);
}

BOOST_AUTO_TEST_CASE(the_token_is_not_on_the_wire_and_what_was_said_cannot_be_said_again) {
  Pair pair, wire;
  Ear ear(std::move(wire.listens), std::move(pair.connects));
  {
    Listener listener(pair.listens, token_of(secret));
    BOOST_TEST(greet(wire.connects, token_of(secret), "clock").ok());
    listener.thread.join();
  }
  wire.connects.shutdown();
  const std::string heard = ear.heard();
  for (std::size_t i = 0; i + 8 <= secret.size(); ++i)
    BOOST_TEST(heard.find(secret.substr(i, 8)) == std::string::npos);
  Pair again;
  Listener listener(again.listens, token_of(secret));
  (void)send_all(again.connects, std::as_bytes(std::span(ear.said())));
  listener.thread.join();
  BOOST_TEST((listener.greeted->error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_CASE(another_version_is_refused_in_words) {
  Pair pair;
  Listener listener(pair.listens, token_of(secret));
  const auto answer = detail::greet_as(pair.connects, token_of(secret), "run\n17-1", "0.0.1");
  listener.thread.join();
  BOOST_TEST((answer.error().code == ErrorCode::unavailable));
  BOOST_TEST(answer.error().message == "found Limelight 0.0.1, expected " +
                                           std::string(limelight::version) +
                                           ", which this node has");
}

BOOST_AUTO_TEST_CASE(what_is_no_greeting_gets_no_answer) {
  for (const std::string text : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "LLNODE2\n"}) {
    Pair pair;
    Listener listener(pair.listens, token_of(secret));
    (void)send_all(pair.connects, std::as_bytes(std::span(text)));
    std::byte more;
    BOOST_TEST(
        (receive_all(pair.connects, std::span(&more, 1)).error().code == ErrorCode::cancelled));
    listener.thread.join();
    BOOST_TEST((listener.greeted->error().code == ErrorCode::corrupt));
  }
}

BOOST_AUTO_TEST_CASE(a_greeting_that_somebody_changed_on_the_way_does_not_count) {
  Pair pair, wire;
  Listener listener(pair.listens, token_of(secret));
  std::thread changer([&] {
    std::array<std::byte, 8 + 32 + 32> data;
    const auto pass = [&](const Socket& from, const Socket& to, std::size_t bytes, bool flip) {
      const auto part = std::span(data).first(bytes);
      (void)receive_all(from, part);
      if (flip) part[4] ^= std::byte{1};
      (void)send_all(to, part);
    };
    pass(wire.listens, pair.connects, 40, false);
    pass(pair.connects, wire.listens, 32, false);
    pass(wire.listens, pair.connects, 32, false);
    pass(pair.connects, wire.listens, 32, false);
    pass(wire.listens, pair.connects, 2 + std::string(limelight::version).size() + 6 + 32, true);
    wire.listens.shutdown();
  });
  (void)greet(wire.connects, token_of(secret), "clock");
  changer.join();
  listener.thread.join();
  BOOST_TEST((listener.greeted->error().code == ErrorCode::corrupt));
}

BOOST_AUTO_TEST_CASE(a_token_is_long_enough_and_its_owner_s_alone) {
  const Folder folder;
  const auto file = write_file(folder.path / "token", secret + "\n");
  ::chmod(file.c_str(), 0600);
  BOOST_TEST(Token::read(file)->secret() == secret);
  ::chmod(file.c_str(), 0640);
  BOOST_TEST((Token::read(file).error().code == ErrorCode::invalid_argument));
  ::chmod(write_file(file, "short\n").c_str(), 0600);
  BOOST_TEST(Token::read(file).error().message.find("found a token of 5 bytes, expected 16") !=
             std::string::npos);
  BOOST_TEST((Token::read(folder.path / "none").error().code == ErrorCode::not_found));
}
