#include "actors/rank/chunk_output.hpp"

#include <cstring>

#include "actors/pipeline/logprob_words.hpp"
#include "base/try.hpp"

namespace limelight::actors {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {
// How often a rank that is held back looks whether it should go on.
constexpr auto look_interval = 100ms;
// They are counted apart from the chunks of the output whose channel they use.
constexpr int logprobs_sequence = -1;
}  // namespace

Result<void> ChunkOutput::emit(int port,
                               const ipc::TensorSpec& tensor,
                               bool last,
                               const std::function<void(std::span<std::byte>)>& write) {
  if (!sender_->sends) return {};
  ipc::ChunkHeader header;
  header.request = request_;
  header.sequence = (*sequence_)[port]++;
  header.stage = static_cast<std::int16_t>(sender_->stage_id);
  header.last = last ? 1 : 0;
  header.tensor = tensor;
  for (Outlet& outlet : *sender_->outlets)
    if (outlet.output == port && outlet.is_on(*route_))
      LIMELIGHT_TRY(send(outlet.publisher, header, write));
  return {};
}

Result<void> ChunkOutput::emit_logprobs(const PositionLogprobs& of_token) {
  if (!sender_->sends) return {};
  for (Outlet& outlet : *sender_->outlets) {
    if (outlet.to_stage != Outlet::user || !outlet.is_on(*route_)) continue;
    const std::vector<std::int32_t> words = to_words(of_token);
    ipc::ChunkHeader header;
    header.request = request_;
    header.sequence = (*sequence_)[logprobs_sequence]++;
    header.stage = static_cast<std::int16_t>(sender_->stage_id);
    header.tensor = ipc::TensorSpec::of(ipc::DType::int32, {words.size()});
    LIMELIGHT_TRY(send(outlet.publisher, header, [&](std::span<std::byte> to) {
      std::memcpy(to.data(), words.data(), to.size());
    }));
  }
  return {};
}

// A slow consumer holds this rank back for as long as it takes; the end of the rank or of the
// request does not.
Result<void> ChunkOutput::send(ipc::Publisher& publisher,
                               const ipc::ChunkHeader& header,
                               const std::function<void(std::span<std::byte>)>& write) {
  const struct Timed {
    double& sum;
    Clock::time_point start = Clock::now();
    ~Timed() { sum += std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }
  } timed{sending_ms_};
  const auto asked_to_leave = [&] {
    return Error{ErrorCode::cancelled, "ended while the next stage held it back"};
  };
  auto loan = publisher.loan(header, look_interval);
  while (!loan && loan.error().code == ErrorCode::timeout && !sender_->unwanted(header.request))
    loan = publisher.loan(header, look_interval);
  if (!loan) return loan.error().code == ErrorCode::timeout ? asked_to_leave() : loan.error();
  write(loan->data);
  const auto begun = Clock::now();
  while (!publisher.publish(*loan, look_interval)) {
    if (sender_->unwanted(header.request)) {
      publisher.release(*loan);
      return asked_to_leave();
    }
    sender_->held_back(header.request,
                       std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun));
  }
  return {};
}

}  // namespace limelight::actors
