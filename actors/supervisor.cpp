#include "actors/supervisor.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "profiling/clock.hpp"
#include "profiling/result.hpp"

namespace limelight::actors {

namespace {

constexpr auto answer_timeout = std::chrono::seconds(30);

// Asks each rank; answers once all have answered, or failed to.
template <class Message>
caf::typed_response_promise<ProfileAnswer> ask_all(
    SupervisorActor::stateful_broker_pointer<SupervisorState> self,
    const std::vector<int>& ranks,
    const Message& message,
    std::function<void(ProfileAnswer&)> finish = [](ProfileAnswer&) {}) {
  auto promise = self->template make_response_promise<ProfileAnswer>();
  auto answer = std::make_shared<ProfileAnswer>();
  auto left = std::make_shared<std::size_t>(ranks.size());
  auto count = [=]() mutable {
    if (--*left > 0) return;
    std::sort(answer->ranks.begin(), answer->ranks.end(),
              [](const auto& a, const auto& b) { return a.rank < b.rank; });
    for (const TraceAnswer& rank : answer->ranks) {
      if (!rank.error.empty()) {
        answer->error_code = rank.error_code;
        answer->error += "rank " + std::to_string(rank.rank) + ": " + rank.error + "\n";
      }
      if (!rank.note.empty()) answer->note = rank.note;
    }
    finish(*answer);
    promise.deliver(*answer);
    // Nobody waits for a rank any more, unless somebody asked again meanwhile.
    if (--self->state.asked == 0) self->state.on_gone.clear();
  };
  ++self->state.asked;
  for (const int rank : ranks) {
    const Join& joined = self->state.ranks.at(rank);
    auto answered = std::make_shared<bool>(false);
    const std::function<void()> lost = [=, stage = joined.stage]() mutable {
      if (std::exchange(*answered, true)) return;
      TraceAnswer none;
      none.rank = rank;
      none.stage = stage;
      none.error_code = static_cast<std::int32_t>(ErrorCode::rank_failed);
      none.error = "did not answer the profiling supervisor";
      answer->ranks.push_back(none);
      count();
    };
    if (self->state.gone.contains(rank)) {
      lost();
      continue;
    }
    self->state.on_gone.emplace(rank, lost);
    self->request(joined.actor, answer_timeout, message)
        .then(
            [=](TraceAnswer& one) mutable {
              if (std::exchange(*answered, true)) return;
              answer->ranks.push_back(std::move(one));
              count();
            },
            [=](const caf::error&) { lost(); });
  }
  return promise;
}

}  // namespace

SupervisorActor::behavior_type profiling_supervisor(
    SupervisorActor::stateful_broker_pointer<SupervisorState> self) {
  self->set_down_handler([self](const caf::down_msg& down) {
    for (const auto& [rank, joined] : self->state.ranks) {
      if (joined.actor.address() != down.source || !self->state.gone.insert(rank).second) continue;
      const auto [first, last] = self->state.on_gone.equal_range(rank);
      std::vector<std::function<void()>> waiting;
      for (auto at = first; at != last; ++at) waiting.push_back(at->second);
      self->state.on_gone.erase(rank);
      for (const auto& tell : waiting) tell();
    }
  });
  return {
      [self](Join& joined) {
        self->monitor(joined.actor);
        self->state.ranks[joined.rank] = std::move(joined);
      },
      [self](const StartProfile& request) -> caf::result<ProfileAnswer> {
        SupervisorState& state = self->state;
        std::set<int> known;
        for (const auto& [rank, joined] : state.ranks) known.insert(joined.stage);
        ProfileAnswer refused;
        std::string all;
        for (const int stage : known) all += (all.empty() ? "" : ", ") + std::to_string(stage);
        for (const int stage : request.stages)
          if (!known.contains(stage)) {
            refused.error_code = static_cast<std::int32_t>(ErrorCode::invalid_argument);
            refused.error =
                "cannot profile stage " + std::to_string(stage) + ": the stages are " + all;
            return refused;
          }
        for (const int rank : request.ranks)
          if (!state.ranks.contains(rank)) {
            refused.error_code = static_cast<std::int32_t>(ErrorCode::invalid_argument);
            refused.error = "cannot profile rank " + std::to_string(rank) +
                            ": the ranks are 0 to " + std::to_string(state.ranks.size() - 1);
            return refused;
          }
        if (!state.running.empty() && request.run_id != state.run_id) {
          refused.error_code = static_cast<std::int32_t>(ErrorCode::busy);
          refused.error = "a profile is running" +
                          (state.run_id.empty() ? "" : ", of run '" + state.run_id + "'") +
                          ": stop it first";
          return refused;
        }
        std::vector<int> ranks;
        for (const auto& [rank, joined] : state.ranks)
          if (!request.ranks.empty() &&
              std::find(request.ranks.begin(), request.ranks.end(), rank) == request.ranks.end())
            continue;
          else if (request.stages.empty() || std::find(request.stages.begin(), request.stages.end(),
                                                       joined.stage) != request.stages.end())
            ranks.push_back(rank);
        if (ranks.empty()) {
          refused.error_code = static_cast<std::int32_t>(ErrorCode::invalid_argument);
          refused.error = "cannot profile: none of the ranks asked for is of the stages asked for";
          return refused;
        }
        for (const int rank : ranks)
          if (std::find(state.running.begin(), state.running.end(), rank) == state.running.end())
            state.running.push_back(rank);
        state.run_id = request.run_id;
        std::error_code failed;
        const StartTrace message{std::filesystem::absolute(request.directory, failed).string(),
                                 request.timestamp,
                                 request.prefix,
                                 request.format,
                                 request.base_ns,
                                 request.limits};
        return ask_all(self, ranks, message);
      },
      [self](const StopProfile&) -> caf::result<ProfileAnswer> {
        SupervisorState& state = self->state;
        if (state.running.empty()) {
          ProfileAnswer nothing;
          nothing.note = "was not running";
          return nothing;
        }
        const std::vector<int> ranks = std::exchange(state.running, {});
        return ask_all(self, ranks, StopTrace{});
      },
      [self](const DumpProfile& request) -> caf::result<ProfileAnswer> {
        std::vector<int> ranks;
        for (const auto& [rank, joined] : self->state.ranks) ranks.push_back(rank);
        std::error_code failed;
        const DumpTrace message{std::filesystem::absolute(request.directory, failed).string(),
                                std::to_string(profiling::realtime_ns() / 1'000'000),
                                profiling::default_base_ns(), request.last_ms};
        return ask_all(self, ranks, message, [](ProfileAnswer& answer) {
          // What some have is worth having: those that failed say so in their own answers.
          if (std::any_of(answer.ranks.begin(), answer.ranks.end(),
                          [](const TraceAnswer& rank) { return rank.error_code == 0; }))
            answer.error_code = 0;
        });
      },
      [self](const SetFlight& request) -> caf::result<ProfileAnswer> {
        std::vector<int> ranks;
        for (const auto& [rank, joined] : self->state.ranks) ranks.push_back(rank);
        return ask_all(self, ranks, request);
      },
  };
}

}  // namespace limelight::actors
