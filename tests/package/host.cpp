// A program that hosts its ranks itself, with the stages of a plug-in that is linked into it.
//   host <config> <prompt>
#include <cstdio>
#include <limelight/omni.hpp>
#include <limelight/rank.hpp>

extern "C" LimelightPluginEntry limelight_plugin;

int main(int argc, char** argv) {
  if (limelight::started_as_rank(argc, argv))
    return limelight::rank_main(argc, argv, *limelight_plugin()->types);
  if (argc != 3) return 2;
  const auto omni =
      limelight::Omni::from_engine_args({.config = argv[1], .rank_executable = "/proc/self/exe"});
  if (!omni) return std::puts(omni.error().message.c_str()), 1;
  for (const auto& output : (*omni)->generate({argv[2]}))
    std::puts((output.text + output.error.message).c_str());
}
