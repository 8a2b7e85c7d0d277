// `limelight node` offers this machine to pipelines that are started on another one, until a signal
// ends it; `limelight node list` asks the nodes of a config what they have.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <string>

namespace limelight::cli {

struct NodeCommandOptions {
  std::string listen;
  std::filesystem::path token_file;
  std::filesystem::path config;  // of `list`
  CLI::App* list = nullptr;
};
CLI::App* add_node_command(CLI::App& app, NodeCommandOptions& options);

// Returns the exit code: 0 done, 1 a node cannot be reached, or it cannot listen, 2 wrong usage.
int node(const NodeCommandOptions& options);

// The process of one run, which `limelight node` starts with these words.
inline constexpr const char* node_session_word = "node-session";
bool is_node_session(int argc, char** argv);
int node_session(char** argv);

}  // namespace limelight::cli
