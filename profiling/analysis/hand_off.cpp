#include "profiling/analysis/hand_off.hpp"

#include <algorithm>

#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

void HandOffs::add(const EventLine& event, int rank) {
  const bool publish = event.name == event_names::ipc_publish;
  if (!publish && event.name != event_names::ipc_take) return;
  const auto channel = event.number_arg("channel"), number = event.number_arg("chunk");
  if (!channel || !number) return;
  Channel& c = channels_[*channel];
  (publish ? c.from : c.to) = rank;
  if (publish) {
    ++c.chunks;
    c.bytes += event.number_arg("bytes").value_or(0);
  }
  const std::uint64_t key = *channel << 24 | *number;
  auto& others = publish ? takes_ : publishes_;
  if (const auto other = others.find(key); other != others.end()) {
    c.dwell.add(std::max<std::int64_t>(
        publish ? other->second - event.begin_ns : event.end_ns() - other->second, 0));
    others.erase(other);
  } else if (auto& own = publish ? publishes_ : takes_; own.size() < most_waiting) {
    own[key] = publish ? event.begin_ns : event.end_ns();
  }
}

}  // namespace limelight::profiling
