// Which channels a replica has, and when they are connected.
#include "tests/actors/rank/two_talkers.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(rank_channels)

BOOST_AUTO_TEST_CASE(there_is_one_for_each_replica_at_the_other_end_and_one_to_the_user) {
  BOOST_TEST(with_ends([](const auto&, const Ends& ends) {
               const auto& out = ends.thinker.outlets;
               if (out.size() != 3 || ends.thinker.input) return 1;
               for (int replica : {0, 1})
                 if (out[static_cast<std::size_t>(replica)].to_stage != 1 ||
                     out[static_cast<std::size_t>(replica)].to_replica != replica)
                   return 2;
               if (out[2].to_stage != Outlet::user) return 3;
               if (ends.first.inlets.size() != 1 || ends.first.outlets.size() != 1) return 4;
               return 0;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(who_is_absent_is_not_waited_for) {
  BOOST_TEST(with_ends([](const auto&, const Ends& ends) {
               // Nobody has opened the channels of stage 2.
               if (ends.first.connected({})) return 1;
               if (ends.first.connected({{2, 1}})) return 2;
               return ends.first.connected({{1, 1}, {2, 0}}) ? 0 : 3;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(a_route_leads_to_one_replica_and_to_a_user_who_wants_it) {
  BOOST_TEST(with_ends([](const auto&, const Ends& ends) {
               const auto on = [&](const Route& route) {
                 std::string all;
                 for (const Outlet& outlet : ends.thinker.outlets)
                   all += outlet.is_on(route) ? '1' : '0';
                 return all;
               };
               if (on({{0, 0, 0}, true}) != "101") return 1;
               if (on({{0, 1, 0}, false}) != "010") return 2;
               return on({{0, -1, -1}, true}) == "001" ? 0 : 3;
             }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
