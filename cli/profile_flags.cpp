#include "cli/profile_flags.hpp"

#include <cstdlib>
#include <limits>

#include "cli/stage_list.hpp"
#include "cli/whole_number.hpp"

namespace limelight::cli {

ProfileFlags::ProfileFlags(CLI::App& command, RunOptions& run) : command_(command), run_(run) {
  ProfileOptions& profile = run.profile_options;
  const char* folder = std::getenv("VLLM_TORCH_PROFILER_DIR");
  if (folder != nullptr) run.profile_dir = folder;
  command_.add_option("--profile", run.profile, "stages to profile: all, or ids such as 0,2")
      ->envname("LIMELIGHT_PROFILE");
  command_.add_option(
      "--profile-dir", run.profile_dir,
      "where traces go (default: $VLLM_TORCH_PROFILER_DIR, else traces), and the last "
      "seconds of a rank that fails");
  const auto set_ranks = [&profile](const std::string& list) {
    auto ranks = read_ranks(list);
    if (!ranks) throw CLI::ValidationError(ranks.error().message);
    profile.ranks = std::move(ranks).value();
  };
  command_
      .add_option_function<std::string>("--profile-ranks", set_ranks,
                                        "only these ranks of the chosen stages, such as 0,2")
      ->envname("LIMELIGHT_PROFILE_RANKS");
  command_.add_option("--profile-request", profile.request_id, "only the work for this request")
      ->envname("LIMELIGHT_PROFILE_REQUEST");
  command_
      .add_option("--profile-steps", profile.steps, "each rank ends its trace after so many steps")
      ->check(whole_number())
      ->envname("LIMELIGHT_PROFILE_STEPS");
  command_
      .add_option("--profile-ms", profile.milliseconds,
                  "each rank ends its trace after so many milliseconds")
      ->check(whole_milliseconds())
      ->envname("LIMELIGHT_PROFILE_MS");
  command_
      .add_option("--profile-bytes", profile.bytes,
                  "each rank ends its trace after about so many bytes")
      ->check(whole_number())
      ->envname("LIMELIGHT_PROFILE_BYTES");
  command_
      .add_option("--profile-start-at-ns", profile.start_at_ns,
                  "all ranks start their traces at this time of CLOCK_REALTIME")
      ->check(whole_number(std::numeric_limits<std::int64_t>::max()))
      ->envname("LIMELIGHT_PROFILE_START_AT_NS");
  command_
      .add_option("--profile-activities", profile.activities,
                  "some of cpu,ipc,actors,collectives,gpu (default: all)")
      ->envname("LIMELIGHT_PROFILE_ACTIVITIES");
  command_.add_option("--profile-format", profile.format, "json.gz, or json.zst for newer readers")
      ->envname("LIMELIGHT_PROFILE_FORMAT")
      ->capture_default_str();
  command_
      .add_option("--profile-run-id", profile.run_id,
                  "name of this profile; while it runs, starting another one fails")
      ->envname("LIMELIGHT_PROFILE_RUN_ID");
  command_
      .add_flag("--profile-orchestrator", profile.orchestrator,
                "also trace this process: requests in its queue, and their outputs")
      ->envname("LIMELIGHT_PROFILE_ORCHESTRATOR");
  command_
      .add_option("--profile-prefix", profile.prefix,
                  "the beginning of the names of the trace files")
      ->envname("LIMELIGHT_PROFILE_PREFIX");
  command_
      .add_option("--slow-request-ms", slow_ms_,
                  "write the flight recorders when a request is slower (SIGUSR2 writes them at "
                  "any time, a failing rank always)")
      ->check(whole_milliseconds())
      ->envname("LIMELIGHT_SLOW_REQUEST_MS");
  command_
      .add_option("--full-queue-ms", full_queue_ms_,
                  "write the flight recorders when a queue stays full for longer")
      ->check(whole_milliseconds())
      ->envname("LIMELIGHT_FULL_QUEUE_MS");
}

void ProfileFlags::check() const {
  for (const char* text :
       {"--profile", "--profile-dir", "--profile-ranks", "--profile-request",
        "--profile-activities", "--profile-format", "--profile-run-id", "--profile-prefix"})
    if (command_.count(text) > 0 && command_.get_option(text)->as<std::string>().empty())
      throw CLI::ValidationError(text, "found an empty text");
  if (command_.count("--profile") > 0) return;
  for (const CLI::Option* given : command_.parse_order()) {
    const std::string name = given->get_name();
    if (name.starts_with("--profile-") && name != "--profile-dir")
      throw CLI::ValidationError(
          name,
          "found no --profile beside it, expected the stages to profile: all, or ids "
          "such as 0,2");
  }
}

void ProfileFlags::apply() {
  run_.slow_request = std::chrono::milliseconds(slow_ms_);
  run_.full_queue = std::chrono::milliseconds(full_queue_ms_);
}

}  // namespace limelight::cli
