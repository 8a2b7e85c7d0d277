// What the broker and its users agree on: the words of its command line, and the lock files in the
// runtime folder.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "ipc/iceoryx/broker.hpp"

namespace limelight::ipc {

// Asks the broker that runs, instead of becoming one: exit status 0 if it answers in time.
inline constexpr const char* ping_word = "--ping";
inline constexpr auto ping_timeout = std::chrono::seconds(3);

// Locked by every user, shared, while it uses the broker; by the broker alone while it ends.
inline constexpr const char* users_file = "broker.users";
// " <bytes>x<chunks>" of each pool: the broker's arguments, and what it says of itself behind
// "ready <pid>" in the state file once it serves.
inline constexpr const char* state_file_name = "broker.state";
std::string words_of(const std::vector<Pool>& pools);

// A descriptor, or -1 with errno.
int open_lock(const std::filesystem::path& path);

}  // namespace limelight::ipc
