#include "actors/http/loop.hpp"

#include <utility>
// Before Boost.Asio, which takes std::exchange from it.
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "actors/http/loop_inside.hpp"

namespace limelight::http {

Loop::Loop() : inside_(std::make_unique<Inside>()) {}
Loop::~Loop() = default;
void Loop::run() { inside_->context.run(); }
void Loop::stop() { inside_->context.stop(); }
void Loop::post(std::function<void()> action) {
  boost::asio::post(inside_->context, std::move(action));
}

struct Timer::State {
  explicit State(Loop& loop) : timer(loop.inside().context) {}
  boost::asio::steady_timer timer;
  std::uint64_t set = 0;  // how often: a call that is on its way is of an older one
  std::function<void()> action;
};

Timer::Timer(Loop& loop) : state_(std::make_shared<State>(loop)) {}
Timer::~Timer() { cancel(); }

void Timer::set(std::chrono::milliseconds after, std::function<void()> action) {
  const std::uint64_t which = ++state_->set;
  state_->action = std::move(action);
  state_->timer.expires_after(after);
  state_->timer.async_wait([state = state_, which](boost::system::error_code failed) {
    if (failed || which != state->set) return;
    const auto due = std::exchange(state->action, nullptr);
    if (due) due();
  });
}
void Timer::cancel() {
  ++state_->set;
  state_->action = nullptr;
  state_->timer.cancel();
}

}  // namespace limelight::http
