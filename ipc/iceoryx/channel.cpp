#include "ipc/iceoryx/channel.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iceoryx_hoofs/error_handling/error_handling.hpp>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/user_trigger.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <limelight/span.hpp>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "ipc/iceoryx/robust_mutex.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::ipc {

namespace prof = limelight::profiling;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t header_bytes = sizeof(ChunkHeader);
constexpr std::uint32_t expected_magic = ChunkHeader{}.magic;
constexpr std::uint32_t alignment = 64;

iox::capro::ServiceDescription service(std::string_view topic) {
  const iox::capro::IdString_t event(iox::cxx::TruncateToCapacity, topic.data(), topic.size());
  return {"limelight", "channel", event};
}

// iceoryx's own handler ends the process, for a loan that is too large as for a lost broker. Ours
// says so and lets the call return its error, but for the fatal ones, after which iceoryx itself
// cannot go on.
void install_error_handler() {
  static auto restore = iox::ErrorHandler::setTemporaryErrorHandler(
      [](const iox::Error error, const std::function<void()>&, const iox::ErrorLevel level) {
        if (level != iox::ErrorLevel::FATAL) return;
        log(LogLevel::error,
            std::string("iceoryx cannot go on: ") + iox::ErrorHandler::toString(error));
        _exit(70);
      });
}

// Names the channel in traces: FNV-1a, folded by pack_chunk() to its bits.
std::uint32_t tag_of(std::string_view topic) {
  std::uint32_t hash = 2166136261u;
  for (const char c : topic) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash ^ hash >> 16;
}

const std::byte* data_of(const ChunkHeader* header) {
  return reinterpret_cast<const std::byte*>(header) + header_bytes;
}

}  // namespace

std::uint64_t chunk_bytes(std::uint64_t tensor_bytes) noexcept {
  return (header_bytes + tensor_bytes + alignment - 1) / alignment * alignment + alignment;
}

Result<void> attach(const std::string& name, std::chrono::milliseconds timeout) {
  iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
                                                           iox::log::LogLevelOutput::kHideLogLevel);
  install_error_handler();
  use_robust_mutexes();
  // initRuntime waits for the broker without an end, so its socket is awaited first.
  const auto deadline = Clock::now() + timeout;
  while (access("/tmp/roudi", F_OK) != 0) {
    if (Clock::now() >= deadline)
      return Error{ErrorCode::unavailable,
                   "no iceoryx broker answered within " + std::to_string(timeout.count()) + " ms"};
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  iox::runtime::PoshRuntime::initRuntime(
      iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name.c_str()));
  return {};
}

struct Publisher::State {
  struct Sent {
    ChunkHeader* header;  // may be somebody else's chunk by now
    std::uint32_t ticket;
    bool taken() const {
      return __atomic_load_n(&header->ticket, __ATOMIC_ACQUIRE) != ticket ||
             __atomic_load_n(&header->taken, __ATOMIC_ACQUIRE) != 0;
    }
  };
  iox::popo::UntypedPublisher port;
  std::string topic;
  std::uint64_t max_bytes;
  std::vector<Sent> sent;  // the last `window` chunks: chunk n is at n % window
  std::uint64_t count = 0, known_taken = 0;
  std::uint32_t tag = tag_of(topic);
  // Two publishers may draw the same number for the same memory one after the other; then the first
  // of them waits a little longer for room.
  std::uint32_t ticket = static_cast<std::uint32_t>(getpid()) * 2654435761u ^ tag;

  bool has_room() {
    if (count - known_taken < sent.size()) return true;
    // In order: if a chunk was taken, all before it were. The newest first, so that a consumer that
    // keeps up costs one look a window.
    for (std::uint64_t n = count; n > known_taken; --n)
      if (sent[(n - 1) % sent.size()].taken()) known_taken = n;
    return count - known_taken < sent.size();
  }
};

namespace {
constexpr std::size_t most_window =
    250;  // iceoryx queues 256; what it holds for itself stays below
std::size_t clamp_window(std::size_t window) {
  return std::clamp<std::size_t>(window, 1, most_window);
}

}  // namespace

Publisher::Publisher(std::string_view topic, std::uint64_t max_bytes, std::size_t window) {
  iox::popo::PublisherOptions options;
  options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
  state_.reset(new State{iox::popo::UntypedPublisher(service(topic), options), std::string(topic),
                         max_bytes, std::vector<State::Sent>(clamp_window(window))});
}
Publisher::~Publisher() = default;
Publisher::Publisher(Publisher&&) noexcept = default;

bool Publisher::has_subscribers() const { return state_->port.hasSubscribers(); }

Result<Loan> Publisher::loan(const ChunkHeader& header, std::chrono::milliseconds timeout) {
  static const prof::NameId name = prof::intern(prof::event_names::ipc_loan, prof::Category::cpu_op,
                                                prof::ValueKind::bytes, false, prof::Activity::ipc);
  const auto bytes = header.tensor.bytes();
  if (!bytes || *bytes > state_->max_bytes)
    return Error{ErrorCode::too_large, "loan of " + header.tensor.text() +
                                           ": this channel was set up for at most " +
                                           std::to_string(state_->max_bytes) + " bytes a tensor"};
  const prof::Span span(name, *bytes);
  const std::uint64_t wanted = prof::ticks();
  Clock::time_point deadline{};
  for (int tries = 0;; ++tries) {
    auto memory = state_->port.loan(static_cast<std::uint32_t>(header_bytes + *bytes), alignment);
    if (!memory.has_error()) {
      auto* placed = new (memory.value()) ChunkHeader(header);
      placed->wanted_ticks = wanted;
      return Loan{
          placed,
          {reinterpret_cast<std::byte*>(placed) + header_bytes, static_cast<std::size_t>(*bytes)}};
    }
    if (memory.get_error() == iox::popo::AllocationError::TOO_MANY_CHUNKS_ALLOCATED_IN_PARALLEL)
      return Error{ErrorCode::invalid_argument,
                   "loan of " + header.tensor.text() + ": 8 loans of this channel are out already"};
    if (tries == 0) deadline = Clock::now() + timeout;
    if (Clock::now() >= deadline)
      return Error{ErrorCode::timeout, "loan of " + header.tensor.text() +
                                           ": the consumers held every chunk of that size for " +
                                           std::to_string(timeout.count()) + " ms"};
    // iceoryx writes a line for each loan that it refuses, so a long wait asks seldom.
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::min(50 << std::min(tries, 7), 5000)));
  }
}

Result<void> Publisher::publish(Loan loan, std::chrono::milliseconds timeout) {
  static const prof::NameId name =
      prof::intern(prof::event_names::ipc_publish, prof::Category::cpu_op, prof::ValueKind::chunk,
                   false, prof::Activity::ipc);
  State& s = *state_;
  const prof::Span span(name, prof::pack_chunk(s.tag, s.count, loan.data.size()));
  if (!s.has_room()) {
    const auto deadline = Clock::now() + timeout;
    while (!s.has_room()) {
      if (Clock::now() >= deadline)
        return Error{ErrorCode::timeout, "channel " + s.topic + ": the consumer left " +
                                             std::to_string(s.sent.size()) + " chunks unread for " +
                                             std::to_string(timeout.count()) + " ms"};
      // The consumer has a whole window to work on meanwhile, so nothing is lost by looking seldom.
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
  loan.header->ticket = ++s.ticket;
  loan.header->taken = 0;
  s.sent[s.count++ % s.sent.size()] = {loan.header, s.ticket};
  loan.header->sent_ticks = prof::ticks();
  s.port.publish(loan.header);
  return {};
}

void Publisher::release(Loan loan) { state_->port.release(loan.header); }

struct Subscriber::State {
  // Order matters: the wait set must go before what is attached to it.
  iox::popo::UntypedSubscriber port;
  iox::popo::UserTrigger trigger;
  iox::popo::WaitSet<2> wait_set;
  std::string topic;
  std::chrono::nanoseconds spin = std::chrono::microseconds(50);
  std::uint64_t count = 0;
  std::uint32_t tag = tag_of(topic);
};

namespace {
// A spin that found its chunk doubles the next one's bound, one in vain halves it: on a busy
// machine it costs next to nothing.
constexpr std::chrono::nanoseconds least_spin = std::chrono::microseconds(1);
constexpr std::chrono::nanoseconds most_spin = std::chrono::microseconds(100);

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
}  // namespace

Subscriber::Subscriber(std::string_view topic, std::size_t window) {
  iox::popo::SubscriberOptions options;
  options.queueCapacity = clamp_window(window) + 2;  // never full: the publisher keeps the window
  options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
  state_.reset(
      new State{iox::popo::UntypedSubscriber(service(topic), options), {}, {}, std::string(topic)});
  state_->wait_set.attachEvent(state_->port, iox::popo::SubscriberEvent::DATA_RECEIVED)
      .or_else([](auto) {});
  state_->wait_set.attachEvent(state_->trigger).or_else([](auto) {});
}
Subscriber::~Subscriber() = default;

bool Subscriber::connected() const {
  return state_->port.getSubscriptionState() == iox::SubscribeState::SUBSCRIBED;
}
void Subscriber::wake() { state_->trigger.trigger(); }

Result<std::optional<Chunk>> Subscriber::take(std::chrono::milliseconds timeout) {
  static const prof::NameId name = prof::intern(prof::event_names::ipc_take, prof::Category::cpu_op,
                                                prof::ValueKind::chunk, false, prof::Activity::ipc);
  prof::Span span(name);
  State& s = *state_;
  Clock::time_point start{}, deadline{};
  bool started = false, waited = false;
  for (int tries = 0;; ++tries) {
    auto taken = s.port.take();
    if (!taken.has_error()) {
      if (!waited && started) s.spin = std::min(s.spin * 2, most_spin);
      const auto* header = static_cast<const ChunkHeader*>(taken.value());
      __builtin_prefetch(data_of(header));  // comes from another core's cache while the header,
                                            // which does as well, is checked
      const std::uint64_t room =
          iox::mepoo::ChunkHeader::fromUserPayload(header)->userPayloadSize();
      const auto bytes = room >= header_bytes && header->magic == expected_magic
                             ? header->tensor.bytes()
                             : std::nullopt;
      if (!bytes || *bytes > room - header_bytes) {
        s.port.release(header);
        return Error{
            ErrorCode::corrupt,
            "channel " + s.topic + ": a chunk of " + std::to_string(room) +
                " bytes does not hold the tensor that its header states; it was released unread"};
      }
      __atomic_store_n(&const_cast<ChunkHeader*>(header)->taken, std::uint8_t{1}, __ATOMIC_RELEASE);
      span.set_value(prof::pack_chunk(s.tag, s.count++, *bytes));
      return std::optional<Chunk>(Chunk(this, header));
    }
    // Looking at the clock costs as much as looking for a chunk, so a spin looks at it seldom.
    if (started && !waited && tries % 16 != 0) {
      pause_cpu();
      continue;
    }
    const auto now = Clock::now();
    if (!started) {
      started = true;
      start = now;
      deadline = now + timeout;
    }
    if (now >= deadline || (waited && s.trigger.hasTriggered())) break;
    if (!waited && now - start < s.spin) {
      pause_cpu();
      continue;
    }
    if (!waited) s.spin = std::max(s.spin / 2, least_spin);
    waited = true;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now).count() + 1;
    bool woken = false;
    for (auto* notification : s.wait_set.timedWait(iox::units::Duration::fromMilliseconds(left)))
      woken = woken || notification->doesOriginateFrom(&s.trigger);
    if (woken && !s.port.hasData()) break;
  }
  span.discard();
  return std::optional<Chunk>();
}

void Subscriber::release(const ChunkHeader* header) { state_->port.release(header); }

Chunk::Chunk(Chunk&& other) noexcept
    : owner_(other.owner_), header_(std::exchange(other.header_, nullptr)) {}
Chunk& Chunk::operator=(Chunk&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(header_, other.header_);
  return *this;
}
Chunk::~Chunk() {
  if (header_ != nullptr) owner_->release(header_);
}
std::span<const std::byte> Chunk::data() const noexcept {
  return {data_of(header_), static_cast<std::size_t>(*header_->tensor.bytes())};
}

}  // namespace limelight::ipc
