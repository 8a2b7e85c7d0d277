// Task<T>: a coroutine that starts when it is called, for programs that have no coroutine library.
//
//   Task<int> ask(AsyncOmni& omni) { co_return (co_await omni.stop_profile())->size(); }
//
// One coroutine may await a Task (co_await), or one thread may wait for it (get()). An exception of
// the body is rethrown there. If the Task is destroyed earlier, the coroutine still runs to its
// end. After each co_await the coroutine continues on the thread that completed what it waited for.
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

  // Shared by the coroutine's frame and the Task, so that either may be destroyed first.
  struct State {
    static constexpr char done_mark = 0;
    // nullptr: the coroutine runs, and nobody waits. &done_mark: it is done. Any other value: it
    // runs, and the coroutine with this frame waits.
    std::atomic<const void*> waiter{nullptr};
    std::optional<Stored> value;
    std::exception_ptr failure;

    bool done() const { return waiter.load(std::memory_order_acquire) == &done_mark; }
    // Marks the coroutine as done and returns the coroutine that waits for it.
    std::coroutine_handle<> finish() {
      const void* waiting = waiter.exchange(&done_mark, std::memory_order_acq_rel);
      waiter.notify_all();
      return waiting == nullptr ? std::noop_coroutine()
                                : std::coroutine_handle<>::from_address(const_cast<void*>(waiting));
    }
    T result() {
      if (failure) std::rethrow_exception(failure);
      if constexpr (!std::is_void_v<T>) return std::move(*value);
    }
  };

  struct PromiseBase {
    std::shared_ptr<State> state = std::make_shared<State>();
    Task get_return_object() { return Task(state); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    // Resumes the waiting coroutine before this frame is freed; the frame frees itself when that
    // call returns.
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
    return state_->result();
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
      T await_resume() { return state->result(); }
    };
    return Awaiter{state_};
  }

 private:
  explicit Task(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace limelight
