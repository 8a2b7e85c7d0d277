// What a rank used of its memory, as the key `memory` of a trace's `limelight`, and as a sentence
// for people. Any thread may call the functions.
//
//   {"peak_bytes": 9, "device_bytes": 0, "holders": {"weights": 6, "kv cache": 3},
//    "peak_resident_bytes": 12, "kv_blocks": 8, "peak_kv_blocks": 2, "pool_chunks": 40,
//    "peak_pool_chunks": 3, "failed": "..."}
#pragma once

#include <limelight/profile.hpp>
#include <string>
#include <string_view>

namespace limelight::profiling {

std::string memory_json(const MemoryUse& use);
// `recorded` is false where the text is no such object.
MemoryUse read_memory(std::string_view json);
// Such as "peak 12.5 MiB: weights 9.0 MiB, kv cache 3.5 MiB; ..."; empty: it was not recorded.
std::string memory_sentence(const MemoryUse& use);

}  // namespace limelight::profiling
