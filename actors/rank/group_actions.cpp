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
struct Message {
  static constexpr std::size_t room = 63;
  std::uint64_t count = 0;
  std::uint64_t more = 0;  // another message follows
  std::array<Action, room> actions{};
};

}  // namespace

Result<void> send_actions(ipc::SharedGroup& group, const std::vector<Action>& actions) {
  const bool ends = !actions.empty() && actions.front().kind == Action::Kind::end_rank;
  for (std::size_t at = 0; at < actions.size(); at += Message::room) {
    Message message;
    message.count = std::min(Message::room, actions.size() - at);
    message.more = at + message.count < actions.size() ? 1 : 0;
    std::copy_n(actions.begin() + static_cast<std::ptrdiff_t>(at), message.count,
                message.actions.begin());
    LIMELIGHT_TRY(group.broadcast(std::as_writable_bytes(std::span(&message, 1)),
                                  ends ? end_timeout : tell_timeout));
  }
  return {};
}

bool receive_actions(ipc::SharedGroup& group, std::vector<Action>& actions) {
  actions.clear();
  for (;;) {
    Message message;
    if (!group.broadcast(std::as_writable_bytes(std::span(&message, 1)), 0ms)) return false;
    const auto count = std::min<std::uint64_t>(message.count, Message::room);
    actions.insert(actions.end(), message.actions.begin(),
                   message.actions.begin() + static_cast<std::ptrdiff_t>(count));
    if (message.more == 0) return true;
  }
}

}  // namespace limelight::actors
