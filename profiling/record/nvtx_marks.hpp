// NVTX ranges: each span that begins while they are on is a range of its thread, in a domain that
// is named after the rank. Nsight Systems and other tools that inject a library see them. While
// they are off no NVTX function is called.
//
// A step's range has its number and, if it is for one request, the request: "code2wav step #17,
// request a". Any thread may call the functions.
#pragma once

#include <limelight/result.hpp>
#include <string>

namespace limelight::profiling {

// domain: such as "limelight rank 3: stage 2 code2wav". Errors: unavailable (a build without CUDA's
// headers).
Result<void> start_nvtx(const std::string& domain);
// Ranges that are open end with their spans.
void stop_nvtx() noexcept;

}  // namespace limelight::profiling
