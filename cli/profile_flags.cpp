#include "cli/profile_flags.hpp"

#include <cstdlib>
#include <limits>

#include "cli/stage_list.hpp"
#include "cli/whole_number.hpp"

namespace limelight::cli {

void add_on_trace(CLI::App& command, std::string& words, std::chrono::seconds& time) {
  command
      .add_option("--on-trace", words,
                  "a command for each trace once it is whole, such as 'gzip -t {file}': no shell "
                  "runs, {file} becomes the trace's path, and two run at a time")
      ->envname("LIMELIGHT_ON_TRACE");
  command
      .add_option_function<std::uint64_t>(
          "--on-trace-timeout", [&time](const std::uint64_t& s) { time = std::chrono::seconds(s); },
          "for how many seconds each may run, and all of them at the end (" +
              std::to_string(time.count()) + ")")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
      ->envname("LIMELIGHT_ON_TRACE_TIMEOUT");
}

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
      .add_option("--profile-steps,--profile-max-iterations", profile.steps,
                  "each rank ends its trace after so many steps")
      ->check(whole_number())
      ->envname("LIMELIGHT_PROFILE_STEPS");
  const auto add_steps = [&](const char* flag, const char* variable, std::uint64_t& to,
                             const char* what) {
    command_.add_option(flag, to, what)->check(whole_number())->envname(variable);
  };
  add_steps("--profile-delay-iterations", "LIMELIGHT_PROFILE_DELAY_ITERATIONS", profile.delay_steps,
            "each rank begins its trace after so many steps");
  add_steps("--profile-wait-iterations", "LIMELIGHT_PROFILE_WAIT_ITERATIONS", profile.wait_steps,
            "before each repeat: steps that are not recorded");
  add_steps("--profile-warmup-iterations", "LIMELIGHT_PROFILE_WARMUP_ITERATIONS",
            profile.warmup_steps, "after those: steps that are not recorded either");
  add_steps("--profile-active-iterations", "LIMELIGHT_PROFILE_ACTIVE_ITERATIONS",
            profile.active_steps, "steps that are recorded in each repeat, in a file of its own");
  add_steps("--profile-repeat", "LIMELIGHT_PROFILE_REPEAT", profile.repeat,
            "how many repeats; 0: until the end");
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
      .add_option("--profile-phase", profile.phase,
                  "only steps with parts of prompts (prefill), or only the others (decode)")
      ->check(CLI::IsMember({"prefill", "decode"}))
      ->envname("LIMELIGHT_PROFILE_PHASE");
  command_
      .add_option("--profile-activities", profile.activities,
                  "some of cpu,ipc,actors,collectives,gpu (default: all)")
      ->envname("LIMELIGHT_PROFILE_ACTIVITIES");
  command_
      .add_option("--profile-detail", profile.detail,
                  "step: steps and hand-offs alone; block: one record a layer and its large "
                  "operations; op (default): every operation")
      ->check(CLI::IsMember({"step", "block", "op"}))
      ->envname("LIMELIGHT_PROFILE_DETAIL");
  command_
      .add_option("--profile-format", profile.format,
                  "json.gz, json.zst for newer readers, or pftrace: Perfetto's own format")
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
  const auto add_detail = [&](const char* flag, const char* variable, bool& to, const char* what) {
    command_.add_flag(flag, to, what)->envname(variable);
  };
  add_detail("--profile-record-shapes,!--no-profile-record-shapes",
             "LIMELIGHT_PROFILE_RECORD_SHAPES", profile.record_shapes,
             "shapes of operations (the default)");
  add_detail("--profile-with-flops", "LIMELIGHT_PROFILE_WITH_FLOPS", profile.with_flops,
             "operations of matrix products");
  add_detail("--profile-with-memory", "LIMELIGHT_PROFILE_WITH_MEMORY", profile.with_memory,
             "memory over time, and who had most of it: tensors, KV blocks, chunks, process");
  add_detail("--profile-with-stack", "LIMELIGHT_PROFILE_WITH_STACK", profile.with_stack,
             "native call stacks of computing threads, a thousand in a second");
  add_detail("--profile-nvtx", "LIMELIGHT_PROFILE_NVTX", profile.nvtx,
             "spans are NVTX ranges, too, for Nsight Systems and its like");
  command_
      .add_option("--profile-prefix", profile.prefix,
                  "the beginning of the names of the trace files")
      ->envname("LIMELIGHT_PROFILE_PREFIX");
  command_
      .add_flag("--profile-startup", run.profile_startup,
                "each rank also traces its start: startup-... in --profile-dir")
      ->envname("LIMELIGHT_PROFILE_STARTUP");
  add_on_trace(command_, run.on_trace, run.on_trace_time);
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
    if ((name.starts_with("--profile-") || name.starts_with("--no-profile-")) &&
        name != "--profile-dir" && name != "--profile-startup")
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
