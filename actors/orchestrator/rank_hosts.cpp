#include "actors/orchestrator/rank_hosts.hpp"

#include <fstream>
#include <sstream>

#include "actors/pipeline/placement.hpp"
#include "base/try.hpp"

namespace limelight::actors {

RankHosts::RankHosts(std::filesystem::path run_folder,
                     std::function<void(const RankDeath&)> on_death)
    : on_death_(std::move(on_death)), launcher_(std::move(run_folder), on_death_) {}

NodeLink* RankHosts::link_of(int rank) const {
  for (const auto& link : links_)
    if (link->has(rank)) return link.get();
  return nullptr;
}

Result<void> RankHosts::start(const RankProgram& program,
                              const stages::PipelineConfig& config,
                              const Nodes& nodes) {
  RankProgram here = program;
  const auto names = nodes_in_use(config);
  if (!names.empty()) {
    if (nodes.token_file.empty())
      return Error{ErrorCode::invalid_argument,
                   "stages are placed on node " + names.front() +
                       ", and no token was named: expected the file of its token (--token-file)"};
    if (!config.rank_executable.empty())
      return Error{ErrorCode::invalid_argument,
                   "rank_executable: found " + config.rank_executable.string() +
                       ", expected none where stages are placed on nodes: a node has "
                       "limelight-rank alone"};
    const auto token = ipc::Token::read(nodes.token_file);
    if (!token) return token.error();
    std::string text = program.config_text;
    if (text.empty()) {
      std::ifstream in(program.config, std::ios::binary);
      std::ostringstream all;
      all << in.rdbuf();
      if (!in)
        return Error{ErrorCode::io, program.config.string() + ": cannot be read for the nodes"};
      text = std::move(all).str();
    }
    for (const std::string& name : names) {
      const auto address = ipc::parse_address(config.nodes.at(name));
      if (!address) return address.error();
      NodeLink::Options options{.name = name,
                                .address = *address,
                                .token = *token,
                                .run = program.run,
                                .config = &config,
                                .config_text = text,
                                .env = {},
                                .flight = program.flight};
      for (std::size_t rank = 0; rank < program.env.size(); ++rank)
        if (node_of_rank(config, static_cast<int>(rank)) == name)
          options.env[static_cast<std::int32_t>(rank)] = program.env[rank];
      links_.push_back(std::make_unique<NodeLink>(*nodes.system, nodes.orchestrator,
                                                  std::move(options), on_death_));
    }
    for (int rank = 0; rank < config.world_size(); ++rank)
      if (!is_here(rank)) here.elsewhere.push_back(rank);
    // In this order: a producer connects to the machine of its consumer.
    for (const auto& link : links_) LIMELIGHT_TRY(link->start());
  }
  return launcher_.start(here, config.world_size());
}

Result<void> RankHosts::restart(int rank, int incarnation, const std::string& absent) {
  if (NodeLink* link = link_of(rank)) {
    link->restart(rank, incarnation, absent);
    return {};
  }
  return launcher_.restart(rank, incarnation, absent);
}

void RankHosts::kill(int rank) {
  if (NodeLink* link = link_of(rank)) link->kill(rank);
  else launcher_.kill(rank);
}

void RankHosts::shutdown(std::chrono::milliseconds grace) {
  launcher_.shutdown(grace);
  for (const auto& link : links_) link->shutdown(grace);
}

std::string RankHosts::log_tail(int rank) const {
  return is_here(rank) ? launcher_.log_tail(rank) : "(its log is on the node that it runs on)";
}

int RankHosts::pid(int rank) const {
  const NodeLink* link = link_of(rank);
  return link != nullptr ? link->pid(rank) : launcher_.pid(rank);
}

void RankHosts::gone(const RankGone& gone) {
  if (NodeLink* link = link_of(gone.rank)) link->gone(gone);
}

void RankHosts::consumer_replaced(int stage, int replica) {
  for (const auto& link : links_) link->consumer_replaced(stage, replica);
}

Result<std::filesystem::path> RankHosts::fetch(const RankTrace& trace,
                                               const std::string& file,
                                               const std::filesystem::path& folder) {
  NodeLink* link = link_of(trace.rank);
  const std::string prefix = trace.host + ":";
  if (link == nullptr || !file.starts_with(prefix))
    return Error{ErrorCode::internal, file + ": is no trace of another machine"};
  return link->fetch(file.substr(prefix.size()), folder);
}

}  // namespace limelight::actors
