// The `limelight` command: parses the command line and calls the libraries.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <limelight/version.hpp>

#include "base/helper.hpp"
#include "base/log.hpp"
#include "cli/bench_command.hpp"
#include "cli/doctor_command.hpp"
#include "cli/fetch_command.hpp"
#include "cli/node_command.hpp"
#include "cli/profile_flags.hpp"
#include "cli/run_command.hpp"
#include "cli/sampling_flags.hpp"
#include "cli/serve_flags.hpp"
#include "cli/trace_commands.hpp"

int main(int argc, char** argv) {
  limelight::log_to_stderr();
  if (argc > 1 && std::strcmp(argv[1], "bench") == 0) return limelight::cli::bench(argv + 1);
  if (limelight::cli::is_node_session(argc, argv)) return limelight::cli::node_session(argv);
  CLI::App app{"Limelight: multi-stage inference with a built-in profiler", "limelight"};
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("limelight ") + limelight::version);
  app.footer(
      "Examples:\n"
      "  limelight run --prompt \"Tell me a story\" --output-dir out\n"
      "  limelight run --model FOLDER --prompt \"Why is the sky blue?\"\n"
      "  limelight run --prompts prompts.jsonl --profile 0,2 --profile-dir traces --json\n"
      "  limelight run --prompt Hi --profile all --profile-with-memory --on-trace 'gzip -t "
      "{file}'\n"
      "  limelight fetch smollm2 && limelight run --config stages/configs/smollm2.yaml --prompt "
      "\"Why is the sky blue?\"\n"
      "  limelight serve --port 8091\n"
      "  limelight node --listen 10.0.0.2:7420 --token-file token\n"
      "  limelight trace validate traces/*.pt.trace.json.gz\n"
      "  limelight trace summary traces/*.pt.trace.json.gz\n"
      "  limelight bench ipc --quick --json");

  limelight::cli::RunOptions run;
  if (const auto config = limelight::find_shared("configs/omni_tiny.yaml")) run.config = *config;
  CLI::App* command = app.add_subcommand("run", "Send prompts through the pipeline");
  CLI::Option* config = command->add_option("--config", run.config, "stage config (YAML)");
  config->capture_default_str();
  command->add_option("--model", run.model,
                      "in place of --config: a model's folder or file, or the name of one that "
                      "`limelight fetch` brought; its files say which stages there are");
  command->add_option("--deploy-config", run.deploy_config,
                      "how the stages of --model are run: a deploy config of vLLM-Omni (YAML)");
  command->add_option("--stage-overrides", run.stage_overrides,
                      "keys over those of --deploy-config: JSON by stage, such as "
                      "{\"0\": {\"max_num_seqs\": 8}}");
  command->add_option("--token-file", run.token_file,
                      "the token of the nodes that the config names (see limelight node --help)");
  command->add_flag("--collect", run.collect,
                    "bring the traces of other machines to --profile-dir");
  command->add_flag("--check", run.check,
                    "print the pipeline and which keys are ignored, and start nothing");
  auto* prompts = command->add_option_group("prompts");
  CLI::Option* prompt = prompts->add_option("--prompt", run.prompt, "one prompt");
  std::vector<std::string> audio, images;
  CLI::Option* hear = command->add_option(
      "--audio", audio,
      "a sound (WAV, FLAC or MP3) before the text of --prompt, for a model that hears; may be "
      "repeated, and mixed with --image in any order");
  CLI::Option* see = command->add_option(
      "--image", images, "a picture (PNG or JPEG), for a model that sees; as --audio");
  for (CLI::Option* option : {hear, see}) option->allow_extra_args(false)->needs(prompt);
  prompts->add_option("--prompts", run.prompts_file,
                      "a file, or - for standard input, with one JSON object in each line: "
                      "prompt, messages or prompt_token_ids, request_id, deadline_ms, and sampling "
                      "parameters such as max_tokens (docs/config.md lists them)");
  prompts->require_option(0, 1);
  command
      ->add_option("--modalities", run.modalities,
                   "wanted kinds of output, such as text or text,audio: stages that none of them "
                   "needs are not asked")
      ->delimiter(',');
  limelight::cli::add_sampling_flags(*command, run);
  command->footer(
      "Examples:\n"
      "  limelight run --prompt \"Name three colours\" --system \"Answer in German\" --max-tokens "
      "50\n"
      "  limelight run --prompt \"Tell me a story\" --temperature 0.8 --top-p 0.95 --seed 7 --n 3\n"
      "  limelight run --prompt \"Q: 1+1? A:\" --stop \"Q:\" --stop \"\\n\\n\" --logprobs 5 "
      "--json\n"
      "  limelight run --prompts prompts.jsonl --temperature 0 --output-dir out\n"
      "  limelight run --model FOLDER --image cat.png --audio purr.wav --prompt \"What is this?\"\n"
      "  limelight run --model FOLDER --speaker vivian --language english --prompt Hello\n"
      "  limelight run --model FOLDER --deploy-config deploy.yaml --stage-overrides '{\"0\": "
      "{\"devices\": \"cpu\"}}' --prompt Hello\n"
      "  limelight run --model FOLDER --deploy-config deploy.yaml --check");
  command->add_option("--output-dir", run.output_dir,
                      "where <request>.txt, <request>.wav and outputs.jsonl go");
  limelight::cli::ProfileFlags profile_flags(*command, run);
  command
      ->add_option("--otlp-endpoint", run.otlp_endpoint,
                   "where spans of requests, stages and hops go (OpenTelemetry's OTLP over HTTP, "
                   "JSON), such as http://127.0.0.1:4318/v1/traces")
      ->envname("LIMELIGHT_OTLP_ENDPOINT");
  limelight::cli::add_log_flags(*command, run.log_format, run.log_stats, run.log_stats_interval);
  command->add_flag("--json", run.json, "results as JSON on standard output");

  limelight::cli::ServeOptions serve_options;
  CLI::App* serve = limelight::cli::add_serve_command(app, serve_options);

  limelight::cli::NodeCommandOptions node_options;
  CLI::App* node = limelight::cli::add_node_command(app, node_options);

  limelight::cli::TraceCommands trace(app);

  app.add_subcommand(
      "bench", "Measure, and compare with peers in the same run (see limelight bench --help)");

  std::string model;
  CLI::App* fetch = app.add_subcommand(
      "fetch", "Download a published model to the cache: " + limelight::cli::known_models());
  fetch->add_option("MODEL", model, "its name")->required();

  CLI::App* doctor = app.add_subcommand(
      "doctor", "Show what this machine has, and what it means if something is missing");

  try {
    app.parse(argc, argv);
    if (command->parsed() && !run.check && prompts->count_all() == 0)
      throw CLI::RequiredError("--prompt or --prompts");
    for (const char* text : {"--config", "--model", "--deploy-config", "--stage-overrides",
                             "--prompts", "--output-dir"})
      if (command->count(text) > 0 && command->get_option(text)->as<std::string>().empty())
        throw CLI::ValidationError(text, "found an empty text");
    profile_flags.check();
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? 0 : 2;
  }
  if (config->count() == 0 && !(run.model.empty() && run.deploy_config.empty())) run.config.clear();
  std::size_t sounds = 0, pictures = 0;
  for (const CLI::Option* option : command->parse_order())
    if (option == hear) run.media.push_back({limelight::ContentPart::Kind::audio, audio[sounds++]});
    else if (option == see)
      run.media.push_back({limelight::ContentPart::Kind::image, images[pictures++]});
  profile_flags.apply();
  if (command->parsed()) return limelight::cli::run(run);
  if (serve->parsed()) {
    if (const auto done = limelight::cli::complete_serve_options(*serve, serve_options); !done)
      return std::fprintf(stderr, "limelight serve: %s\n", done.error().message.c_str()), 2;
    serve_options.reread = [=] { return limelight::cli::read_serve_options(argc, argv); };
    return limelight::cli::serve(std::move(serve_options));
  }
  if (node->parsed()) return limelight::cli::node(node_options);
  if (fetch->parsed()) return limelight::cli::fetch(model);
  if (doctor->parsed()) return limelight::cli::doctor();
  return trace.run();
}
