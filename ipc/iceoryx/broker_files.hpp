// The protocol between limelight-broker and the processes that use it: its command line and its
// files in the runtime folder.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "ipc/iceoryx/broker.hpp"

namespace limelight::ipc {

// With this argument limelight-broker starts no broker. It checks whether the running broker
// answers within ping_timeout, and exits with status 0 if so.
inline constexpr const char* ping_word = "--ping";
inline constexpr auto ping_timeout = std::chrono::seconds(3);

// Each process that uses the broker holds a shared lock on this file. The broker holds an exclusive
// lock on it while it exits.
inline constexpr const char* users_file = "broker.users";
// The broker writes "ready <pid>" and pool_arguments() to this file once clients can attach.
inline constexpr const char* state_file_name = "broker.state";
// Returns " <bytes>x<chunks>" for each pool, as in the broker's command line.
std::string pool_arguments(const std::vector<Pool>& pools);

// Opens a lock file; makes it if necessary. Returns a descriptor, or -1 and sets errno.
int open_lock(const std::filesystem::path& path);

}  // namespace limelight::ipc
