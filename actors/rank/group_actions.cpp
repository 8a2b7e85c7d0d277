#include "actors/rank/group_actions.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "base/try.hpp"

namespace limelight::actors {

using namespace std::chrono_literals;

namespace {

constexpr auto tell_timeout = 30s, end_timeout = 1s;

// As many of these as there are actions.
struct ActionMessage {
  static constexpr std::size_t room = 63;
  std::uint64_t count = 0;
  std::uint64_t more = 0;  // another message follows
  std::array<Action, room> actions{};
};

static_assert(sizeof(ActionMessage) == 1024);

struct ChunkMessage {
  std::uint64_t bytes = 0;
  std::int32_t input = 0;
  std::uint32_t last = 0;
  ipc::TensorSpec tensor = {};
};

// In pieces no larger than a list of actions, which every group has room for.
Result<void> broadcast_all(ipc::SharedGroup& group,
                           std::span<std::byte> data,
                           std::chrono::milliseconds timeout) {
  while (!data.empty()) {
    const auto piece = data.first(std::min(data.size(), sizeof(ActionMessage)));
    LIMELIGHT_TRY(group.broadcast(piece, timeout));
    data = data.subspan(piece.size());
  }
  return {};
}

}  // namespace

Result<void> send_actions(ipc::SharedGroup& group,
                          const std::vector<Action>& actions,
                          std::vector<ToldChunk> chunks) {
  const bool ends = !actions.empty() && actions.front().kind == Action::Kind::end_rank;
  for (std::size_t at = 0; at < actions.size(); at += ActionMessage::room) {
    ActionMessage message;
    message.count = std::min(ActionMessage::room, actions.size() - at);
    message.more = at + message.count < actions.size() ? 1 : 0;
    std::copy_n(actions.begin() + static_cast<std::ptrdiff_t>(at), message.count,
                message.actions.begin());
    LIMELIGHT_TRY(group.broadcast(std::as_writable_bytes(std::span(&message, 1)),
                                  ends ? end_timeout : tell_timeout));
  }
  for (ToldChunk& chunk : chunks) {
    ChunkMessage message{chunk.data.size(), chunk.input, chunk.last ? 1u : 0u, chunk.tensor};
    LIMELIGHT_TRY(
        broadcast_all(group, std::as_writable_bytes(std::span(&message, 1)), tell_timeout));
    LIMELIGHT_TRY(broadcast_all(group, chunk.data, tell_timeout));
  }
  return {};
}

bool receive_actions(ipc::SharedGroup& group,
                     std::vector<Action>& actions,
                     std::vector<ToldChunk>& chunks) {
  actions.clear();
  chunks.clear();
  for (;;) {
    ActionMessage message;
    if (!group.broadcast(std::as_writable_bytes(std::span(&message, 1)), 0ms)) return false;
    const auto count = std::min<std::uint64_t>(message.count, ActionMessage::room);
    actions.insert(actions.end(), message.actions.begin(),
                   message.actions.begin() + static_cast<std::ptrdiff_t>(count));
    if (message.more == 0) break;
  }
  for (const Action& action : actions) {
    if (action.kind != Action::Kind::consume) continue;
    ChunkMessage message;
    if (!broadcast_all(group, std::as_writable_bytes(std::span(&message, 1)), tell_timeout))
      return false;
    chunks.push_back(
        {message.input, message.last != 0, message.tensor, std::vector<std::byte>(message.bytes)});
    if (!broadcast_all(group, chunks.back().data, tell_timeout)) return false;
  }
  return true;
}

}  // namespace limelight::actors
