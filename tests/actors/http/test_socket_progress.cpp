// How far the peer of a TCP connection has read.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "actors/http/socket_progress.hpp"

using namespace limelight::http;

namespace {

// Two ends of a connection on this machine.
struct Connection {
  int ours = -1, theirs = -1;
  Connection() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* at = reinterpret_cast<sockaddr*>(&address);
    BOOST_REQUIRE(::bind(listener, at, size) == 0);
    BOOST_REQUIRE(::listen(listener, 1) == 0);
    BOOST_REQUIRE(::getsockname(listener, at, &size) == 0);
    ours = ::socket(AF_INET, SOCK_STREAM, 0);
    // So that little is taken by a peer's machine that does not read.
    const int small = 4096;
    BOOST_REQUIRE(::setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    BOOST_REQUIRE(::connect(ours, at, size) == 0);
    theirs = ::accept(listener, nullptr, nullptr);
    ::close(listener);
  }
  ~Connection() {
    ::close(ours);
    ::close(theirs);
  }
  void fill() const {
    const std::string bytes(64 * 1024, 'a');
    while (::send(ours, bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {}
  }
  void read_all() const {
    std::string bytes(64 * 1024, '\0');
    pollfd readable{.fd = theirs, .events = POLLIN, .revents = 0};
    while (progress_of(ours).left > 0 && ::poll(&readable, 1, 5000) == 1)
      BOOST_REQUIRE(::recv(theirs, bytes.data(), bytes.size(), 0) > 0);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(socket_progress)

BOOST_FIXTURE_TEST_CASE(bytes_wait_until_the_peer_reads, Connection) {
  fill();
  const SocketProgress full = progress_of(ours);
  BOOST_TEST(full.left > 0u);
  read_all();
  const SocketProgress read = progress_of(ours);
  BOOST_TEST(read.left == 0u);
  BOOST_TEST(read.acknowledged >= full.acknowledged + full.left);
}

BOOST_AUTO_TEST_CASE(what_is_no_connection_has_no_progress) {
  BOOST_TEST(progress_of(-1).left == 0u);
  int pipe_ends[2];
  BOOST_REQUIRE(::pipe(pipe_ends) == 0);
  BOOST_TEST(progress_of(pipe_ends[1]).acknowledged == 0u);
  BOOST_TEST(progress_of(pipe_ends[1]).left == 0u);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

BOOST_AUTO_TEST_SUITE_END()
