// What the suites of the broker and its channels share.
#pragma once

#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/channel.hpp"

namespace limelight::tests {

constexpr std::uint64_t largest = 1 << 20;
inline const std::vector<ipc::Pool> pools{{ipc::chunk_bytes(4096), 64},
                                          {ipc::chunk_bytes(largest), 12}};

inline ipc::ChunkHeader header_for(std::uint64_t sequence, std::uint64_t bytes) {
  ipc::ChunkHeader header;
  header.request = 5;
  header.sequence = static_cast<std::uint32_t>(sequence);
  header.tensor = ipc::TensorSpec::of(ipc::DType::uint8, {bytes});
  return header;
}
// Of a process that attaches to the broker.
inline std::string name(const char* role) {
  return std::string("limelight-test-") + role + "-" + std::to_string(getpid());
}

}  // namespace limelight::tests
