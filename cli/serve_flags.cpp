#include "cli/serve_flags.hpp"

#include <cctype>
#include <cstdlib>

#include "base/helper.hpp"
#include "base/try.hpp"
#include "cli/config_file.hpp"
#include "cli/profile_flags.hpp"
#include "cli/whole_number.hpp"

namespace limelight::cli {

namespace {

using std::chrono::milliseconds;

// A time in seconds, which may have a fraction.
CLI::Option* add_seconds(
    CLI::App& command, const char* flag, milliseconds& to, const char* what, const char* variable) {
  return command
      .add_option_function<double>(
          flag, [&to](const double& s) { to = milliseconds(static_cast<std::int64_t>(s * 1000)); },
          std::string(what) + " (seconds; " +
              std::to_string(std::chrono::duration_cast<std::chrono::seconds>(to).count()) + ")")
      ->check(CLI::Range(0.0, 1e6))
      ->envname(variable);
}

void add_pipeline(CLI::App& command, EngineArgs& engine) {
  command.add_option("--config", engine.config, "stage config (YAML)");
  command.add_option(
      "--model", engine.model,
      "in place of --config: a model's folder or file, or the name of one that `limelight fetch` "
      "brought");
  command.add_option("--deploy-config", engine.deploy_config,
                     "how the stages of --model are run (YAML)");
  command.add_option("--stage-overrides", engine.stage_overrides,
                     "keys over those of --deploy-config: JSON by stage");
  command.add_option("--token-file", engine.token_file,
                     "the token of the nodes that the config names (see limelight node --help)");
  command.add_flag("--collect", engine.collect_traces,
                   "bring the traces of other machines to --profile-dir");
  command.add_option("--profile-dir", engine.profile_dir,
                     "where traces go, and what GET /profiles lists (default: "
                     "$VLLM_TORCH_PROFILER_DIR, else that of the config, else traces)");
}

void add_limits(CLI::App& command, http::FrontOptions& front) {
  http::ConnectionLimits& limits = front.server.limits;
  command
      .add_option("--max-connections", front.server.most_connections,
                  "more get 429, but for /health and /metrics")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000))
      ->envname("LIMELIGHT_MAX_CONNECTIONS");
  command
      .add_option("--max-requests", front.service.most_requests,
                  "prompts that are worked on or wait; more get 429")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000))
      ->envname("LIMELIGHT_MAX_REQUESTS");
  command.add_option("--max-body-bytes", limits.sizes.body_bytes, "larger requests get 413")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32))
      ->envname("LIMELIGHT_MAX_BODY_BYTES");
  command.add_option("--max-header-bytes", limits.sizes.header_bytes, "larger headers get 431")
      ->capture_default_str()
      ->check(CLI::Range(std::uint32_t{256}, std::uint32_t{1} << 24))
      ->envname("LIMELIGHT_MAX_HEADER_BYTES");
  add_seconds(command, "--request-timeout", front.service.request_time,
              "requests that are not over by then get 504; 0: no limit",
              "LIMELIGHT_REQUEST_TIMEOUT");
  add_seconds(command, "--header-timeout", limits.header_time,
              "clients that send no whole header in time get 408", "LIMELIGHT_HEADER_TIMEOUT");
  add_seconds(command, "--body-timeout", limits.body_time, "the same of a body",
              "LIMELIGHT_BODY_TIMEOUT");
  add_seconds(command, "--idle-timeout", limits.idle_time,
              "connections without a request are closed", "LIMELIGHT_IDLE_TIMEOUT");
  add_seconds(command, "--write-timeout", limits.write_time,
              "clients that read no 64 KiB of their answer in time are dropped",
              "LIMELIGHT_WRITE_TIMEOUT");
  add_seconds(
      command, "--stream-idle-timeout", limits.stream_idle_time,
      "clients that read nothing of their stream for so long are dropped, and their requests "
      "aborted; 0: no limit",
      "LIMELIGHT_STREAM_IDLE_TIMEOUT");
}

void add_keys(CLI::App& command, ServeOptions& options) {
  http::FrontOptions& front = options.front;
  const auto many = CLI::MultiOptionPolicy::TakeAll;
  command
      .add_option("--api-key", front.service.api_keys,
                  "token that clients show as \"Authorization: Bearer TOKEN\", for all routes; may "
                  "be repeated. Other users of this machine see arguments: prefer the variable or "
                  "a file")
      ->allow_extra_args(false)
      ->multi_option_policy(many)
      ->envname("LIMELIGHT_API_KEY");
  command.add_option("--api-key-file", options.key_files, "file with a token in each line")
      ->allow_extra_args(false)
      ->multi_option_policy(many)
      ->envname("LIMELIGHT_API_KEY_FILE");
  command
      .add_option("--profile-key", front.service.profile_keys,
                  "the same for the routes about profiles alone, in place of --api-key")
      ->allow_extra_args(false)
      ->multi_option_policy(many)
      ->envname("LIMELIGHT_PROFILE_KEY");
  command.add_option("--profile-key-file", options.profile_key_files, "as --api-key-file")
      ->allow_extra_args(false)
      ->multi_option_policy(many)
      ->envname("LIMELIGHT_PROFILE_KEY_FILE");
  command
      .add_option_function<std::vector<std::string>>(
          "--allowed-host",
          [&front](std::vector<std::string> names) {
            for (std::string& name : names)
              for (char& c : name)
                c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            front.service.allowed_hosts = std::move(names);
          },
          "a name under which clients reach a service without a token on 127.0.0.1, such as that "
          "of a proxy; localhost and addresses are always allowed. May be repeated")
      ->allow_extra_args(false)
      ->multi_option_policy(many)
      ->envname("LIMELIGHT_ALLOWED_HOST");
  CLI::Option* certificate = command.add_option("--ssl-certfile", front.server.tls.certificate,
                                                "certificate chain (PEM): HTTPS in place of HTTP");
  CLI::Option* key = command.add_option("--ssl-keyfile", front.server.tls.key, "its key (PEM)");
  certificate->needs(key)->envname("LIMELIGHT_SSL_CERTFILE");
  key->needs(certificate)->envname("LIMELIGHT_SSL_KEYFILE");
}

}  // namespace

void add_log_flags(CLI::App& command,
                   LogFormat& format,
                   bool& stats,
                   std::chrono::milliseconds& stats_interval) {
  command
      .add_option_function<std::string>(
          "--log-format",
          [&format](const std::string& name) {
            format = name == "json" ? LogFormat::json : LogFormat::text;
          },
          "lines of the log: text, or json: objects with time, level, message and request_id "
          "(text)")
      ->check(CLI::IsMember({"text", "json"}))
      ->envname("LIMELIGHT_LOG_FORMAT");
  command
      .add_flag("--log-stats", stats,
                "tables of requests, stages and edges in the log, every few seconds and at the "
                "end")
      ->envname("LIMELIGHT_LOG_STATS");
  add_seconds(command, "--log-stats-interval", stats_interval, "how often",
              "LIMELIGHT_LOG_STATS_INTERVAL")
      ->check(CLI::Range(0.1, 1e6));
}

Result<void> complete_serve_options(CLI::App& command, ServeOptions& options) {
  if (!options.config_file.empty())
    LIMELIGHT_TRY(apply_config_file(command, options.config_file, {"check", "config-file"}));
  EngineArgs& engine = options.front.engine;
  if (engine.config.empty() && engine.model.empty() && engine.deploy_config.empty())
    if (const auto found = find_shared("configs/omni_tiny.yaml")) engine.config = *found;
  if (engine.profile_dir.empty())
    if (const char* folder = std::getenv("VLLM_TORCH_PROFILER_DIR")) engine.profile_dir = folder;
  return {};
}

Result<ServeOptions> read_serve_options(int argc, char** argv) {
  ServeOptions options;
  CLI::App app;
  CLI::App* command = add_serve_command(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return Error{ErrorCode::invalid_argument, wrong.what()};
  }
  LIMELIGHT_TRY(complete_serve_options(*command, options));
  return options;
}

CLI::App* add_serve_command(CLI::App& app, ServeOptions& options) {
  CLI::App* command = app.add_subcommand("serve", "Offer a pipeline over HTTP, as OpenAI's API");
  http::FrontOptions& front = options.front;
  command
      ->add_option("--config-file", options.config_file,
                   "flags of this command (YAML, such as \"port: 8091\"), for what neither the "
                   "command line nor the environment says")
      ->envname("LIMELIGHT_CONFIG_FILE");
  add_pipeline(*command, front.engine);
  command->add_option("--host", front.server.host, "address to listen on; 0.0.0.0: all")
      ->capture_default_str()
      ->envname("LIMELIGHT_HOST");
  command->add_option("--port", front.server.port, "0: any that is free; it is printed")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535))
      ->envname("LIMELIGHT_PORT");
  command->add_option("--served-model-name", front.service.model,
                      "what clients call the model (default: its name, or the config's)");
  command
      ->add_flag("--profile-startup", front.engine.profile_startup,
                 "each rank traces its start: startup-... in --profile-dir")
      ->envname("LIMELIGHT_PROFILE_STARTUP");
  add_on_trace(*command, options.on_trace, options.on_trace_time);
  command->add_flag("--check", options.check,
                    "print the pipeline, check tokens and certificate, and start nothing");
  command
      ->add_option("--otlp-endpoint", front.service.otlp_endpoint,
                   "where spans of requests, stages and hops go (OpenTelemetry's OTLP over HTTP, "
                   "JSON), such as http://127.0.0.1:4318/v1/traces")
      ->envname("LIMELIGHT_OTLP_ENDPOINT");
  add_log_flags(*command, options.log_format, options.log_stats, options.log_stats_interval);
  add_keys(*command, options);
  add_limits(*command, front);
  add_seconds(*command, "--drain-timeout", options.drain_time,
              "SIGTERM: open requests are finished within this time", "LIMELIGHT_DRAIN_TIMEOUT");
  command->footer(
      "Examples:\n"
      "  limelight serve --port 8091\n"
      "  limelight serve --model smollm2 --served-model-name smollm2 --max-requests 64\n"
      "  limelight serve --config-file service.yaml --check\n"
      "  limelight serve --otlp-endpoint http://127.0.0.1:4318/v1/traces --log-format json\n"
      "  LIMELIGHT_API_KEY=secret limelight serve --host 0.0.0.0 --ssl-certfile cert.pem "
      "--ssl-keyfile key.pem\n"
      "  curl http://127.0.0.1:8091/v1/completions -d '{\"prompt\": \"Hello\", \"max_tokens\": "
      "20}'\n"
      "  curl http://127.0.0.1:8091/start_profile -d '{\"stages\": [1]}'");
  return command;
}

}  // namespace limelight::cli
