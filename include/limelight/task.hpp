// Task<T>: a coroutine that runs as soon as it is called, for programs that have no coroutine
// library of their own.
//
//   Task<int> ask(AsyncOmni& omni) { co_return (co_await omni.stop_profile())->size(); }
//
// A Task is awaited by one coroutine (co_await) or waited for by one thread (get()). Dropping it
// lets the coroutine run on to its end. It goes on after an await on the thread that finished what
// was awaited. An exception of its body comes out of get() or co_await.
#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace limelight {

template <class T>
class Task {
  using Stored = std::conditional_t<std::is_void_v<T>, char, T>;

  // Outlives the coroutine's frame and the Task alike, so that neither has to wait for the other.
  struct State {
    static constexpr char done_mark = 0;
    std::atomic<const void*> waiter{
        nullptr};  // nullptr: running; &done_mark: done; otherwise the frame that waits
    std::optional<Stored> value;
    std::exception_ptr failure;

    bool done() const { return waiter.load(std::memory_order_acquire) == &done_mark; }
    // Whom to go on with.
    std::coroutine_handle<> finish() {
      const void* waiting = waiter.exchange(&done_mark, std::memory_order_acq_rel);
      waiter.notify_all();
      return waiting == nullptr ? std::noop_coroutine()
                                : std::coroutine_handle<>::from_address(const_cast<void*>(waiting));
    }
    T take() {
      if (failure) std::rethrow_exception(failure);
      if constexpr (!std::is_void_v<T>) return std::move(*value);
    }
  };

  struct PromiseBase {
    std::shared_ptr<State> state = std::make_shared<State>();
    Task get_return_object() { return Task(state); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    // The waiting coroutine runs on from inside this one's last await; the frame frees itself when
    // that returns.
    std::suspend_never final_suspend() noexcept {
      state->finish().resume();
      return {};
    }
    void unhandled_exception() { state->failure = std::current_exception(); }
  };
  struct ValuePromise : PromiseBase {
    template <class U>
    void return_value(U&& value) {
      this->state->value.emplace(std::forward<U>(value));
    }
  };
  struct VoidPromise : PromiseBase {
    void return_void() {}
  };

 public:
  using promise_type = std::conditional_t<std::is_void_v<T>, VoidPromise, ValuePromise>;

  T get() {
    while (!state_->done()) state_->waiter.wait(nullptr, std::memory_order_acquire);
    return state_->take();
  }
  auto operator co_await() const {
    struct Awaiter {
      std::shared_ptr<State> state;
      bool await_ready() const { return state->done(); }
      bool await_suspend(std::coroutine_handle<> waiting) {
        const void* running = nullptr;
        return state->waiter.compare_exchange_strong(running, waiting.address(),
                                                     std::memory_order_acq_rel);
      }
      T await_resume() { return state->take(); }
    };
    return Awaiter{state_};
  }

 private:
  explicit Task(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace limelight
