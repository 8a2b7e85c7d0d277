#include "actors/pipeline/thread_names.hpp"

#include <pthread.h>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <limelight/span.hpp>
#include <string_view>

namespace limelight::actors {

namespace {

class NameThread final : public caf::thread_hook {
 public:
  void init(caf::actor_system&) override {}
  void thread_started() override {
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    profiling::name_thread(name == std::string_view("caf.clock") ? "actor clock" : "actors");
  }
  void thread_terminates() override {}
};

}  // namespace

void name_actor_threads(caf::actor_system_config& settings) {
  settings.add_thread_hook<NameThread>();
}

void name_network_thread(caf::actor_system& system) {
  system.middleman().backend().post([] { profiling::name_thread("network"); });
}

}  // namespace limelight::actors
