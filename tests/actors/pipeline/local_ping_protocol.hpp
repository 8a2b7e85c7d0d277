// What the processes of test_local_middleman say to each other. A process serves a hub; its peers
// join it, and each can ping the other.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <cstdint>
#include <functional>

namespace limelight::actors {

using PeerActor = caf::typed_actor<caf::replies_to<std::int32_t>::with<std::int32_t>>;
struct Joined {
  std::int32_t pid = 0;
  PeerActor actor;
};
template <class I>
auto inspect(I& f, Joined& x) {
  return f(caf::meta::type_name("Joined"), x.pid, x.actor);
}
using HubActor =
    caf::typed_actor<caf::replies_to<std::int32_t>::with<std::int32_t>, caf::reacts_to<Joined>>;

}  // namespace limelight::actors

CAF_BEGIN_TYPE_ID_BLOCK(local_test, first_custom_type_id)
  CAF_ADD_TYPE_ID(local_test, (limelight::actors::PeerActor))
  CAF_ADD_TYPE_ID(local_test, (limelight::actors::Joined))
CAF_END_TYPE_ID_BLOCK(local_test)

namespace limelight::actors {

struct Settings : caf::actor_system_config {
  Settings() {
    add_message_types<caf::id_block::local_test>();
    load<caf::io::middleman>();
    set("middleman.app-identifiers", std::vector<std::string>{"limelight-test-run"});
    set("middleman.workers", std::size_t{0});
    set("scheduler.max-threads", 2);
    set("scheduler.policy", caf::atom("sharing"));
  }
};

inline HubActor::behavior_type hub_actor(HubActor::broker_pointer,
                                         std::function<void(const Joined&)> joined) {
  return {[](std::int32_t n) { return n + 1; }, [joined](const Joined& m) { joined(m); }};
}
inline PeerActor::behavior_type peer_actor(PeerActor::broker_pointer, int) {
  return {[](std::int32_t n) { return n + 1; }};
}

// Whether it answers. On any thread.
template <class Actor>
bool answers(caf::actor_system& system, const Actor& actor) {
  bool right = false;
  caf::scoped_actor self(system);
  self->request(actor, std::chrono::seconds(10), std::int32_t{1})
      .receive([&](std::int32_t n) { right = n == 2; }, [](const caf::error&) {});
  return right;
}

}  // namespace limelight::actors
