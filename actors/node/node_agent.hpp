// `limelight node`: offers this machine to orchestrators on others. It listens, lets in who proves
// the token, and starts a session for each run; it hands the later connections of a run to its
// session.
//
// A peer that has not proved the token is told nothing, and nothing of it is read but the numbers
// of the proof. At most `most_strangers` of them are there at one time.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <vector>

namespace limelight::actors {

struct NodeOptions {
  std::string listen;  // ADDRESS:PORT; port 0: one that is free
  std::filesystem::path token_file;
  // Starts a session: the program and its first arguments. A descriptor's number, the run and the
  // token's file come after them.
  std::vector<std::string> session_program;
};

class NodeAgent {
 public:
  static constexpr int most_strangers = 64;
  static constexpr std::size_t most_sessions = 64;

  // Errors: those of the token and of listening.
  static Result<std::unique_ptr<NodeAgent>> start(const NodeOptions& options);
  // Ends all sessions, and their ranks with them.
  ~NodeAgent();
  std::string address() const;  // where it listens

 private:
  struct State;
  explicit NodeAgent(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// What this machine has, in a line.
std::string describe_machine();

// Asks a node what it has, and which runs. Errors: those of the token, of the connection and of the
// handshake.
Result<std::string> ask_node(const std::string& address, const std::filesystem::path& token_file);

}  // namespace limelight::actors
