#include "actors/rank/rank_channels.hpp"

#include <algorithm>
#include <limelight/request.hpp>

#include "stages/stage_factory.hpp"

namespace limelight::actors {

RankChannels RankChannels::open(const stages::PipelineConfig& config,
                                const stages::Replica& me,
                                const std::string& run) {
  RankChannels channels;
  const stages::StageConfig& mine = *config.find(me.stage_id);
  const ReplicaName here{me.stage_id, me.index};
  std::vector<ipc::Subscriber::Channel> inputs;
  for (const stages::Edge& edge : config.edges) {
    const auto window = static_cast<std::size_t>(edge.window_size);
    if (edge.from == me.stage_id)
      for (int replica = 0; replica < config.find(edge.to)->num_replicas; ++replica)
        channels.outlets.push_back(
            {edge.output, edge.to, replica, config.place(edge.to),
             ipc::Publisher(topic_between(run, here, {edge.to, replica}, edge.input),
                            stages::max_output_bytes(mine, edge.output), window)});
    if (edge.to == me.stage_id)
      for (int replica = 0; replica < config.find(edge.from)->num_replicas; ++replica) {
        inputs.push_back({topic_between(run, {edge.from, replica}, here, edge.input), window});
        channels.inlets.push_back({edge.from, replica, edge.input});
      }
  }
  for (const stages::AttachmentPort& port : config.attachments)
    if (port.to == me.stage_id) {
      inputs.push_back({topic_of_attachment(run, here, port.input), attachment_window});
      channels.inlets.push_back({TransferStats::from_request, 0, port.input});
    }
  if (!inputs.empty()) channels.input = std::make_unique<ipc::Subscriber>(inputs);
  if (mine.user_output >= 0)
    channels.outlets.push_back(
        {mine.user_output, Outlet::user, 0, 0,
         ipc::Publisher(topic_to_user(run, here), stages::max_output_bytes(mine, mine.user_output),
                        user_window)});
  return channels;
}

bool RankChannels::connected(const std::vector<ReplicaName>& absent) const {
  const auto is_absent = [&](int stage, int replica) {
    return std::any_of(absent.begin(), absent.end(), [&](const ReplicaName& one) {
      return one.stage == stage && one.replica == replica;
    });
  };
  for (const Outlet& outlet : outlets)
    if (!is_absent(outlet.to_stage, outlet.to_replica) && !outlet.publisher.has_subscribers())
      return false;
  for (std::size_t i = 0; i < inlets.size(); ++i)
    if (!is_absent(inlets[i].from_stage, inlets[i].from_replica) && !input->connected(i))
      return false;
  return true;
}

void RankChannels::consumer_replaced(int stage, int replica) {
  for (Outlet& outlet : outlets)
    if (outlet.to_stage == stage && outlet.to_replica == replica)
      outlet.publisher.consumer_replaced();
}

}  // namespace limelight::actors
