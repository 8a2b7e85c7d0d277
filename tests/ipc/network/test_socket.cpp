// Addresses as a user writes them, and connections to and from this machine.
#include <boost/test/unit_test.hpp>

#include "ipc/network/socket.hpp"

using namespace limelight::ipc;
using namespace std::chrono_literals;
using limelight::ErrorCode;

BOOST_AUTO_TEST_CASE(an_address_is_a_host_and_a_port) {
  BOOST_TEST(parse_address("10.0.0.2:7420")->host == "10.0.0.2");
  BOOST_TEST(parse_address("gpu2.example:1")->port == 1);
  BOOST_TEST(parse_address("[fd00::2]:7420")->host == "fd00::2");
  BOOST_TEST(parse_address("[fd00::2]:7420")->text() == "[fd00::2]:7420");
  for (const char* wrong :
       {"", "7420", ":7420", "a:", "a:b", "a:65536", "a:-1", "fd00::2:7420", "a b:1", "http://a:1"})
    BOOST_TEST((parse_address(wrong).error().code == ErrorCode::invalid_argument), wrong);
}

BOOST_AUTO_TEST_CASE(what_one_side_sends_arrives_and_an_end_is_noticed) {
  const auto listener = listen_at({"127.0.0.1", 0});
  if (!listener) BOOST_FAIL(listener.error().message);
  const auto address = address_of(*listener);
  BOOST_TEST(address->port != 0);
  auto one = connect_to(*address, 5s);
  auto other = accept_from(*listener);
  BOOST_REQUIRE((one && other));
  const std::uint64_t sent = 17;
  std::uint64_t got = 0;
  BOOST_TEST(send_all(*one, bytes_of(sent)).ok());
  BOOST_TEST(receive_all(*other, bytes_of(got)).ok());
  BOOST_TEST(got == sent);
  BOOST_TEST(
      (receive_all(*other, bytes_of(got), std::chrono::steady_clock::now() + 20ms).error().code ==
       ErrorCode::timeout));
  one->shutdown();
  BOOST_TEST((receive_all(*other, bytes_of(got)).error().code == ErrorCode::cancelled));
}

BOOST_AUTO_TEST_CASE(nobody_at_an_address_is_an_error_that_names_it) {
  const auto listener = listen_at({"127.0.0.1", 0});
  const auto address = address_of(*listener);
  listener->shutdown();
  { const Socket gone(::dup(listener->fd())); }
  const auto none = connect_to({"127.0.0.1", 1}, 2s);
  BOOST_TEST((none.error().code == ErrorCode::io));
  BOOST_TEST(none.error().message.starts_with("127.0.0.1:1: "));
}
