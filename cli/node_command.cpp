#include "cli/node_command.hpp"

#include <atomic>
#include <future>
#include <iostream>
#include <limelight/config.hpp>

#include "actors/node/node_agent.hpp"
#include "actors/node/node_session.hpp"
#include "base/log.hpp"
#include "base/whole_number.hpp"
#include "cli/end_signals.hpp"
#include "cli/refuse.hpp"

namespace limelight::cli {

namespace {

int list(const NodeCommandOptions& options) {
  const auto config = stages::parse(options.config);
  if (!config) return refuse("node list", 2, config.error().message);
  if (config->nodes.empty())
    return refuse("node list", 2, options.config.string() + ": found no runtime.nodes");
  int status = 0;
  for (const auto& [name, where] : config->nodes) {
    const auto answer = actors::ask_node(where, options.token_file);
    std::cout << name << " " << where << ": " << (answer ? *answer : answer.error().message)
              << "\n";
    if (!answer) status = 1;
  }
  return status;
}

}  // namespace

CLI::App* add_node_command(CLI::App& app, NodeCommandOptions& options) {
  CLI::App* command =
      app.add_subcommand("node", "Offer this machine to pipelines that are started on another one");
  command->add_option("--listen", options.listen,
                      "ADDRESS:PORT; only who proves the token is told anything");
  command->add_option("--token-file", options.token_file,
                      "the token that both sides know: 16 bytes or more, in a file that its owner "
                      "alone can read");
  command->footer(
      "Examples:\n"
      "  (umask 077; openssl rand -hex 32 > token)        # and the same file on each machine\n"
      "  limelight node --listen 10.0.0.2:7420 --token-file token\n"
      "  limelight node list --config pipeline.yaml --token-file token\n"
      "  limelight run --config pipeline.yaml --token-file token --prompt Hello\n"
      "What goes over the connections is neither encrypted nor sealed once both sides have proved\n"
      "the token (docs/several-machines.md).");
  options.list = command->add_subcommand("list", "Ask the nodes of a config what they have");
  options.list->add_option("--config", options.config, "stage config (YAML)")->required();
  options.list->add_option("--token-file", options.token_file, "their token")->required();
  return command;
}

int node(const NodeCommandOptions& options) {
  if (options.list->parsed()) return list(options);
  if (options.listen.empty() || options.token_file.empty())
    return refuse("node", 2, "found no --listen or no --token-file, expected both");
  log_to_stderr();
  std::error_code failed;
  auto agent =
      actors::NodeAgent::start({.listen = options.listen,
                                .token_file = std::filesystem::absolute(options.token_file, failed),
                                .session_program = {"/proc/self/exe", node_session_word}});
  if (!agent) return refuse("node", exit_code(agent.error()), agent.error().message);
  std::cout << "listening on " << (*agent)->address() << ": " << actors::describe_machine()
            << std::endl;
  EndSignals signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
  std::promise<int> ended;
  std::atomic<bool> told = false;
  signals.watch([&](int signal) {
    if (!told.exchange(true)) ended.set_value(signal);
  });
  std::cerr << name_signal(ended.get_future().get()) << ": this node ends\n";
  agent->reset();
  return 0;
}

bool is_node_session(int argc, char** argv) {
  return argc == 5 && argv[1] == std::string_view(node_session_word);
}

int node_session(char** argv) {
  log_to_stderr();
  const auto fd = whole_number<int>(argv[2]);
  if (!fd) return refuse("node", 2, "a session is started by `limelight node` itself");
  return actors::run_node_session(*fd, argv[3], argv[4]);
}

}  // namespace limelight::cli
