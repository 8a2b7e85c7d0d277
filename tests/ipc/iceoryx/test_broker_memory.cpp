// The broker's two segments: whole before anybody uses them, and gone with the broker. iceoryx
// keeps what it maps for the life of a process, so each case is one.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <iceoryx_hoofs/posix_wrapper/posix_access_rights.hpp>
#include <optional>

#include "ipc/iceoryx/broker_layout.hpp"
#include "ipc/iceoryx/broker_memory.hpp"
#include "tests/ipc/iceoryx/channels.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using limelight::ErrorCode;

namespace {

std::string group() { return iox::posix::PosixGroup::getGroupOfCurrentProcess().getName().c_str(); }
const std::string management = "/dev/shm/iceoryx_mgmt";
std::string payload() { return "/dev/shm/" + group(); }

std::optional<struct stat> info(const std::string& file) {
  struct stat info {};
  return ::stat(file.c_str(), &info) == 0 ? std::optional(info) : std::nullopt;
}
std::uint64_t allocated(const std::string& file) {
  return static_cast<std::uint64_t>(info(file)->st_blocks) * 512;
}

// What these return is the number of the check that failed; 0: none did.
int segments_are_whole() {
  const BrokerLayout layout = broker_layout(pools);
  {
    const auto memory = BrokerMemory::create(pools, group());
    if (!memory) return 1;
    const auto first = info(management), second = info(payload());
    if (!first || !second) return 2;
    if ((first->st_mode & 0777) != 0600 || (second->st_mode & 0777) != 0600) return 3;
    if (static_cast<std::uint64_t>(first->st_size) != layout.management) return 4;
    if (static_cast<std::uint64_t>(second->st_size) != layout.payload) return 5;
    if (allocated(management) != limelight::page_bytes(layout.used)) return 6;
    if (allocated(payload()) < layout.payload) return 7;
  }
  return info(management) || info(payload()) ? 8 : 0;
}

// Nothing is allocated by use: a full /dev/shm cannot end a broker that has begun.
int use_allocates_nothing() {
  const auto memory = BrokerMemory::create(pools, group());
  if (!memory) return 1;
  const std::uint64_t before = allocated(management);
  if ((*memory)->portPool() || (*memory)->segmentManager()) return 2;
  if ((*memory)->createAndAnnounceMemory().has_error()) return 3;
  if (!(*memory)->portPool() || !(*memory)->segmentManager()) return 4;
  if (!(*memory)->introspectionMemoryManager()) return 5;
  return allocated(management) == before ? 0 : 6;
}

int the_second_is_refused() {
  const auto first = BrokerMemory::create(pools, group());
  if (!first) return 1;
  const auto second = BrokerMemory::create(pools, group());
  if (second || second.error().code != ErrorCode::busy) return 2;
  return info(management) && info(payload()) ? 0 : 3;  // those of the first
}

// The files of a broker that was killed, with other sizes.
int what_is_left_is_replaced() {
  for (const std::string& name : {std::string("/iceoryx_mgmt"), "/" + group()}) {
    const int fd = ::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || ::write(fd, "left", 4) != 4) return 1;
    ::close(fd);
  }
  const auto memory = BrokerMemory::create(pools, group());
  if (!memory) return 2;
  return static_cast<std::uint64_t>(info(payload())->st_size) == broker_layout(pools).payload ? 0
                                                                                              : 3;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(broker_memory)

BOOST_AUTO_TEST_CASE(both_segments_are_allocated_as_planned_and_removed_at_the_end) {
  BOOST_TEST(exit_code(in_process(segments_are_whole)) == 0);
}
BOOST_AUTO_TEST_CASE(iceoryx_touches_only_the_parts_that_are_allocated) {
  BOOST_TEST(exit_code(in_process(use_allocates_nothing)) == 0);
}
BOOST_AUTO_TEST_CASE(a_machine_has_one_broker_at_a_time) {
  BOOST_TEST(exit_code(in_process(the_second_is_refused)) == 0);
}
BOOST_AUTO_TEST_CASE(the_files_of_a_killed_broker_are_replaced) {
  BOOST_TEST(exit_code(in_process(what_is_left_is_replaced)) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
