// What a stage says when it is done with a request, or has failed at it.
#pragma once

#include <cstdint>
#include <limelight/request.hpp>
#include <vector>

namespace limelight::actors {

// Sent by the stage's first rank, once a request.
struct StageReport {
  std::uint64_t number = 0;  // of the request
  Error error = {ErrorCode::none, {}};
  StageStats stage;
  AnswerInfo answer = {};                    // of a stage that answers with text
  std::vector<TransferStats> received = {};  // through each of its inputs
};
template <class Inspector>
auto inspect(Inspector& f, StageReport& x) {
  return f(x.number, x.error, x.stage, x.answer, x.received);
}

}  // namespace limelight::actors
