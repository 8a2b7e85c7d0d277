// Hands an open descriptor to another process, or another thread, over a pair of Unix-domain
// sockets that keep messages apart. Any thread may call all.
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/network/socket.hpp"

namespace limelight::ipc {

// The second end is inherited by programs that are started, the first one not. Errors: io.
Result<std::pair<Socket, Socket>> descriptor_channel();

// text: at most 4 KiB, at least one byte. The caller keeps its descriptor. Errors: io.
Result<void> pass_descriptor(const Socket& channel, std::string_view text, int fd);

struct PassedDescriptor {
  std::string text;
  Socket socket;
};
// Waits for the next one. Errors: cancelled (the other end is closed), corrupt (a message without
// exactly one descriptor), io.
Result<PassedDescriptor> receive_descriptor(const Socket& channel);

}  // namespace limelight::ipc
