// What the launcher passes to a rank's program as the last argument, so that a program with a main
// of its own knows that it is to host a rank.
#pragma once

namespace limelight::actors {

inline constexpr const char* rank_argument = "--limelight-rank";

}  // namespace limelight::actors
