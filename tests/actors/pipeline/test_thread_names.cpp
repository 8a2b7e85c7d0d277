// CAF's threads have names in traces.
#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <filesystem>
#include <future>
#include <set>

#include "actors/pipeline/thread_names.hpp"
#include "profiling/record/registry.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(thread_names)

BOOST_AUTO_TEST_CASE(threads_of_actors_and_of_the_network_are_told_apart) {
  caf::actor_system_config settings;
  settings.load<caf::io::middleman>();
  settings.set("middleman.workers", std::size_t{0});
  settings.set("scheduler.max-threads", std::size_t{2});
  limelight::actors::name_actor_threads(settings);
  caf::actor_system system(settings);
  limelight::actors::name_network_thread(system);
  std::promise<void> reached;
  system.middleman().backend().post([&] { reached.set_value(); });
  reached.get_future().wait();
  std::promise<void> acted;
  system.spawn([&] { acted.set_value(); });
  acted.get_future().wait();
  std::multiset<std::string> names;
  for (const auto& [tid, name] : prof::detail::thread_names())
    if (std::filesystem::exists("/proc/self/task/" + std::to_string(tid))) names.insert(name);
  BOOST_TEST(names.count("network") == 1u);
  BOOST_TEST(names.count("actors") >= 1u);
}

BOOST_AUTO_TEST_SUITE_END()
