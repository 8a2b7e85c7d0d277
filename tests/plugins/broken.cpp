// Libraries that cannot be used, each for the reason that its definition says.
#include <cstdlib>
#include <limelight/plugin.hpp>
#include <stdexcept>

using limelight::stages::PluginTypes;

#if defined(ANOTHER_VERSION)
// It also misses a symbol, as a library of another version may.
namespace limelight {
void what_only_another_version_has();
}
extern "C" const LimelightPlugin* limelight_plugin() {
  static const LimelightPlugin plugin{LIMELIGHT_PLUGIN_ABI + 1, "99.0.0", nullptr, nullptr};
  return &plugin;
}
extern "C" void used_later() { limelight::what_only_another_version_has(); }
#elif defined(MISSES_SYMBOL)
namespace limelight {
void what_nobody_has();
}
LIMELIGHT_PLUGIN(PluginTypes{})
extern "C" void used_later() { limelight::what_nobody_has(); }
#elif defined(NO_ENTRY)
extern "C" int another_entry() { return 0; }
#elif defined(NO_STAGE)
LIMELIGHT_PLUGIN(PluginTypes{})
#elif defined(CRASHES)
[[maybe_unused]] static const int crashed = (std::abort(), 0);
LIMELIGHT_PLUGIN(PluginTypes{})
#elif defined(THROWS)
static PluginTypes types() { throw std::runtime_error("no types today"); }
LIMELIGHT_PLUGIN(types())
#endif
