#include "actors/http/stream_watch.hpp"

#include <algorithm>
#include <utility>

namespace limelight::http {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

StreamWatch::StreamWatch(Loop& loop, const Transport& transport, milliseconds limit)
    : transport_(transport), limit_(limit), timer_(loop) {}

void StreamWatch::start(std::function<void()> idle) {
  if (limit_.count() == 0) return;
  idle_ = std::move(idle);
  acknowledged_ = transport_.progress().acknowledged;
  since_ = steady_clock::now();
  look_later();
}
void StreamWatch::stop() {
  timer_.cancel();
  idle_ = nullptr;
}

void StreamWatch::look_later() {
  timer_.set(std::clamp(limit_ / 8, milliseconds(5), milliseconds(1000)), [this] { look(); });
}
void StreamWatch::look() {
  const SocketProgress now = transport_.progress();
  if (now.left == 0 || now.acknowledged != acknowledged_) {
    acknowledged_ = now.acknowledged;
    since_ = steady_clock::now();
  } else if (steady_clock::now() - since_ >= limit_) {
    return std::exchange(idle_, nullptr)();
  }
  look_later();
}

}  // namespace limelight::http
