// The part of one run on this machine, for an orchestrator on another one: a process that the
// node's agent starts, and hands the connections of that run.
//
// To the orchestrator it is a launcher, to the ranks here it is the orchestrator: it passes on what
// they say, stands for each of them with an actor of its own, and relays their channels. It ends,
// and its ranks with it, when the orchestrator or the agent is gone, or when the orchestrator says
// so.
#pragma once

#include <filesystem>
#include <string>

namespace limelight::actors {

// agent_fd: where the connections come from, the first one to the orchestrator. run: its name here.
// Returns the exit status.
int run_node_session(int agent_fd, const std::string& run, const std::filesystem::path& token_file);

}  // namespace limelight::actors
