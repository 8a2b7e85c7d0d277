#include "ipc/iceoryx/channel.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/user_trigger.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <limelight/span.hpp>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "profiling/record/event_names.hpp"
#include "profiling/record/memory_ledger.hpp"

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

// The number of the channel in traces: FNV-1a of its topic. pack_chunk() keeps the lowest bits. A
// topic begins with the name of a run, and what follows a `_` in it names a machine: both ends of a
// channel that goes on to another machine have the same number.
std::uint32_t tag_of(std::string_view topic) {
  const auto end = std::min(topic.find('.'), topic.size());
  const auto machine = std::min(topic.find('_'), end);
  std::uint32_t hash = 2166136261u;
  for (std::size_t i = 0; i < topic.size(); ++i)
    if (i < machine || i >= end) hash = (hash ^ static_cast<unsigned char>(topic[i])) * 16777619u;
  return hash ^ hash >> 16;
}

prof::NameId ipc_name(std::string_view name, prof::ValueKind kind) {
  return prof::intern(name, prof::Category::cpu_op, kind, false, prof::Activity::ipc);
}

// A wait, which is recorded if it took place.
class Wait {
 public:
  explicit Wait(prof::NameId name) noexcept
      : name_(name), begin_(prof::recording() ? prof::ticks() : 0) {}
  std::uint64_t begin() const noexcept { return begin_; }  // of ticks(); 0: nothing is recorded
  // It ended at `end`, of ticks().
  void end_at(std::uint64_t end) const noexcept {
    if (begin_ != 0 && end > begin_) prof::add_span(name_, begin_, end);
  }

 private:
  prof::NameId name_;
  std::uint64_t begin_;
};

const std::byte* data_of(const ChunkHeader* header) {
  return reinterpret_cast<const std::byte*>(header) + header_bytes;
}

void mark_as_taken(const ChunkHeader* header) {
  __atomic_store_n(&const_cast<ChunkHeader*>(header)->taken, std::uint8_t{1}, __ATOMIC_RELEASE);
}

}  // namespace

std::uint64_t chunk_bytes(std::uint64_t tensor_bytes) noexcept {
  return (header_bytes + tensor_bytes + alignment - 1) / alignment * alignment + alignment;
}

namespace {
// iceoryx keeps to itself where the pools of a publisher are; it lets one choose the class of port.
class Port final : public iox::PublisherPortUserType {
 public:
  explicit Port(iox::cxx::not_null<MemberType_t* const> data) noexcept
      : iox::PublisherPortUserType(data), data_(data) {}
  const iox::mepoo::MemoryManager& pools() const noexcept {
    return *data_->m_chunkSenderData.m_memoryMgr;
  }

 private:
  const MemberType_t* data_;
};
class PublisherPort final : public iox::popo::UntypedPublisherImpl<iox::popo::BasePublisher<Port>> {
 public:
  using UntypedPublisherImpl::UntypedPublisherImpl;
  const iox::mepoo::MemoryManager& pools() const noexcept { return port().pools(); }
};

// What this process has in chunks: those that it fills, and those that it reads.
void hold_chunk(std::uint64_t bytes) noexcept {
  prof::memory_ledger().add(prof::MemorySpace::host, prof::MemoryHolder::chunks, bytes);
}
void let_chunk_go(std::uint64_t bytes) noexcept {
  prof::memory_ledger().remove(prof::MemorySpace::host, prof::MemoryHolder::chunks, bytes);
}
}  // namespace

struct Publisher::State {
  struct Sent {
    ChunkHeader* header;  // its memory may be in use for another chunk by now
    std::uint32_t ticket;
    bool taken() const {
      return __atomic_load_n(&header->ticket, __ATOMIC_ACQUIRE) != ticket ||
             __atomic_load_n(&header->taken, __ATOMIC_ACQUIRE) != 0;
    }
  };
  PublisherPort port;
  std::string topic;
  std::uint64_t max_bytes;
  std::vector<Sent> sent;  // the last `window` chunks; chunk n is at n % window
  std::uint64_t count = 0, known_taken = 0;
  std::atomic<bool> replaced = false;  // the consumer, since the last look
  std::uint32_t tag = tag_of(topic);
  // Tickets of different publishers may be equal. If two of them use the same memory in turn with
  // the same ticket, the first one counts its chunk as not taken until the second one's is: it only
  // waits longer.
  std::uint32_t ticket = static_cast<std::uint32_t>(getpid()) * 2654435761u ^ tag;

  void look_at_replaced() {
    if (replaced.load(std::memory_order_relaxed) &&
        replaced.exchange(false, std::memory_order_acquire))
      known_taken = count;
  }
  // Chunks are taken in order, so all before a taken chunk were taken too. Searching from the
  // newest costs a consumer that keeps up only one look in each window.
  void look_at_taken() {
    for (std::uint64_t n = count; n > known_taken; --n)
      if (sent[(n - 1) % sent.size()].taken()) known_taken = n;
  }
  bool has_room() {
    look_at_replaced();
    if (count - known_taken < sent.size()) return true;
    look_at_taken();
    return count - known_taken < sent.size();
  }
  void send(const Loan& loan) {
    loan.header->ticket = ++ticket;
    loan.header->taken = 0;
    sent[count++ % sent.size()] = {loan.header, ticket};
  }
};

namespace {
std::size_t clamp_window(std::size_t window) {
  return std::clamp<std::size_t>(window, 1, most_window);
}

// Room for what the consumer holds while it takes the next chunk.
std::size_t queue_capacity(std::size_t window) { return clamp_window(window) + 2; }
static_assert(most_window + 2 <= iox::MAX_SUBSCRIBER_QUEUE_CAPACITY);
static_assert(most_publishers + iox::NUMBER_OF_INTERNAL_PUBLISHERS <= iox::MAX_PUBLISHERS);
static_assert(most_processes < iox::MAX_PROCESS_NUMBER);
static_assert(most_pools <= iox::MAX_NUMBER_OF_MEMPOOLS);
static_assert(most_channels_together + 1 <= iox::MAX_NUMBER_OF_ATTACHMENTS_PER_WAITSET);
}  // namespace

Publisher::Publisher(std::string_view topic, std::uint64_t max_bytes, std::size_t window) {
  iox::popo::PublisherOptions options;
  options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
  if (window != clamp_window(window))
    log(LogLevel::warning, "channel " + std::string(topic) + ": found a window of " +
                               std::to_string(window) + " chunks, expected 1 to " +
                               std::to_string(most_window) + ": it is " +
                               std::to_string(clamp_window(window)));
  state_.reset(new State{PublisherPort(service(topic), options), std::string(topic), max_bytes,
                         std::vector<State::Sent>(clamp_window(window))});
}
Publisher::~Publisher() = default;
Publisher::Publisher(Publisher&&) noexcept = default;

bool Publisher::has_subscribers() const { return state_->port.hasSubscribers(); }
Publisher::Pools Publisher::pools() const noexcept {
  const iox::mepoo::MemoryManager& manager = state_->port.pools();
  Pools pools;
  for (std::uint32_t i = 0; i < manager.getNumberOfMemPools(); ++i) {
    const iox::mepoo::MemPoolInfo pool = manager.getMemPoolInfo(i);
    pools.used += pool.m_usedChunks;
    pools.chunks += pool.m_numChunks;
  }
  return pools;
}
void Publisher::consumer_replaced() { state_->replaced.store(true, std::memory_order_release); }

Result<Loan> Publisher::loan(const ChunkHeader& header, std::chrono::milliseconds timeout) {
  static const prof::NameId name = ipc_name(prof::event_names::ipc_loan, prof::ValueKind::bytes),
                            wait_name =
                                ipc_name(prof::event_names::wait_for_memory, prof::ValueKind::none);
  const auto bytes = header.tensor.bytes();
  if (!bytes || *bytes > state_->max_bytes)
    return Error{ErrorCode::too_large, "channel " + state_->topic + ": found a tensor " +
                                           header.tensor.text() + ", expected at most " +
                                           std::to_string(state_->max_bytes) + " bytes"};
  const prof::Span span(name, *bytes);
  const std::uint64_t wanted = prof::ticks();
  Clock::time_point deadline{};
  std::optional<Wait> wait;
  for (int tries = 0;; ++tries) {
    auto memory = state_->port.loan(static_cast<std::uint32_t>(header_bytes + *bytes), alignment);
    if (!memory.has_error()) {
      if (wait) wait->end_at(prof::ticks());
      auto* placed = new (memory.value()) ChunkHeader(header);
      placed->wanted_ticks = wanted;
      hold_chunk(*bytes);
      return Loan{
          placed,
          {reinterpret_cast<std::byte*>(placed) + header_bytes, static_cast<std::size_t>(*bytes)}};
    }
    if (memory.get_error() == iox::popo::AllocationError::TOO_MANY_CHUNKS_ALLOCATED_IN_PARALLEL)
      return Error{ErrorCode::invalid_argument,
                   "channel " + state_->topic +
                       ": found 8 loans that are neither published nor released, expected fewer"};
    if (tries == 0) {
      wait.emplace(wait_name);
      deadline = Clock::now() + timeout;
    }
    if (Clock::now() >= deadline)
      return Error{ErrorCode::timeout, "channel " + state_->topic + ": all chunks for " +
                                           header.tensor.text() + " were in use for " +
                                           std::to_string(timeout.count()) + " ms"};
    // iceoryx writes a line for each loan that it refuses, so a long wait asks less and less often.
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::min(50 << std::min(tries, 7), 5000)));
  }
}

Result<void> Publisher::publish(Loan loan, std::chrono::milliseconds timeout) {
  static const prof::NameId name = ipc_name(prof::event_names::ipc_publish, prof::ValueKind::chunk),
                            wait_name =
                                ipc_name(prof::event_names::wait_for_room, prof::ValueKind::none);
  State& s = *state_;
  if (!s.has_room()) {
    const Wait wait(wait_name);
    const auto deadline = Clock::now() + timeout;
    while (!s.has_room()) {
      if (Clock::now() >= deadline) {
        wait.end_at(prof::ticks());
        return Error{ErrorCode::timeout,
                     "channel " + s.topic + ": the consumer did not take any of the " +
                         std::to_string(s.sent.size()) + " chunks in the channel for " +
                         std::to_string(timeout.count()) + " ms"};
      }
      // The consumer has a whole window of chunks to work on, so a late look costs no throughput.
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    wait.end_at(prof::ticks());
  }
  const prof::Span span(name, prof::pack_chunk(s.tag, s.count, loan.data.size()));
  s.send(loan);
  loan.header->sent_ticks = prof::ticks();
  let_chunk_go(loan.data.size());
  s.port.publish(loan.header);
  return {};
}

Result<void> Publisher::relay(Loan loan, std::uint64_t wanted_ticks, std::uint64_t sent_ticks) {
  State& s = *state_;
  if (!s.has_room())
    return Error{ErrorCode::timeout, "channel " + s.topic + ": its window is full"};
  s.send(loan);
  loan.header->wanted_ticks = wanted_ticks;
  loan.header->sent_ticks = sent_ticks;
  let_chunk_go(loan.data.size());
  s.port.publish(loan.header);
  return {};
}

std::uint64_t Publisher::published() const noexcept { return state_->count; }
std::uint64_t Publisher::max_bytes() const noexcept { return state_->max_bytes; }
std::uint64_t Publisher::taken() {
  state_->look_at_replaced();
  state_->look_at_taken();
  return state_->known_taken;
}

void Publisher::release(Loan loan) {
  let_chunk_go(loan.data.size());
  state_->port.release(loan.header);
}

struct Subscriber::State {
  // The order matters: the wait set must be destroyed before the objects that are attached to it.
  struct Port {
    Port(std::string_view name, const iox::popo::SubscriberOptions& options)
        : port(service(name), options), topic(name) {}
    iox::popo::UntypedSubscriber port;
    std::string topic;
    bool relayed = false;
    std::uint64_t count = 0;
    std::uint32_t tag = tag_of(topic);
  };
  std::vector<std::unique_ptr<Port>> ports;
  iox::popo::UserTrigger trigger;
  iox::popo::WaitSet<most_channels + 1> wait_set;
  std::chrono::nanoseconds spin = std::chrono::microseconds(50);
  std::size_t next = 0;  // the channel that is asked first

  bool has_data() const {
    return std::any_of(ports.begin(), ports.end(),
                       [](const auto& port) { return port->port.hasData(); });
  }
};

namespace {
// A spin that succeeds doubles the limit of the next one, and a spin in vain halves it. So spinning
// costs almost nothing while chunks are rare or the machine is busy.
constexpr std::chrono::nanoseconds least_spin = std::chrono::microseconds(1);
constexpr std::chrono::nanoseconds most_spin = std::chrono::microseconds(100);

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
}  // namespace

Subscriber::Subscriber(std::string_view topic, std::size_t window)
    : Subscriber(std::vector<Channel>{{std::string(topic), window}}) {}

Subscriber::Subscriber(const std::vector<Channel>& channels) : state_(std::make_unique<State>()) {
  for (const Channel& channel : channels) {
    iox::popo::SubscriberOptions options;
    // The queue is never full, because the publisher keeps the window.
    options.queueCapacity = queue_capacity(channel.window);
    options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
    state_->ports.push_back(std::make_unique<State::Port>(channel.topic, options));
    state_->ports.back()->relayed = channel.relayed;
    state_->wait_set
        .attachEvent(state_->ports.back()->port, iox::popo::SubscriberEvent::DATA_RECEIVED)
        .or_else([](auto) {});
  }
  state_->wait_set.attachEvent(state_->trigger).or_else([](auto) {});
}
Subscriber::~Subscriber() = default;

bool Subscriber::connected(std::size_t channel) const {
  return state_->ports[channel]->port.getSubscriptionState() == iox::SubscribeState::SUBSCRIBED;
}
bool Subscriber::connected() const {
  for (std::size_t channel = 0; channel < state_->ports.size(); ++channel)
    if (!connected(channel)) return false;
  return true;
}
void Subscriber::wake() { state_->trigger.trigger(); }

Result<std::optional<Chunk>> Subscriber::take(std::chrono::milliseconds timeout) {
  static const prof::NameId name = ipc_name(prof::event_names::ipc_take, prof::ValueKind::chunk),
                            wait_name =
                                ipc_name(prof::event_names::wait_for_chunk, prof::ValueKind::none);
  State& s = *state_;
  const Wait wait(wait_name);
  Clock::time_point start{}, deadline{};
  bool started = false, waited = false;
  for (int tries = 0;; ++tries) {
    for (std::size_t i = 0; i < s.ports.size(); ++i) {
      const std::size_t channel = (s.next + i) % s.ports.size();
      State::Port& port = *s.ports[channel];
      auto taken = port.port.take();
      if (taken.has_error()) continue;
      const std::uint64_t found = prof::recording() ? prof::ticks() : 0;
      s.next = channel + 1;
      if (!waited && started) s.spin = std::min(s.spin * 2, most_spin);
      const auto* header = static_cast<const ChunkHeader*>(taken.value());
      // The data is in the cache of another core. Fetch it while the header is checked.
      __builtin_prefetch(data_of(header));
      const std::uint64_t room =
          iox::mepoo::ChunkHeader::fromUserPayload(header)->userPayloadSize();
      const auto bytes = room >= header_bytes && header->magic == expected_magic
                             ? header->tensor.bytes()
                             : std::nullopt;
      if (!bytes || *bytes > room - header_bytes) {
        port.port.release(header);
        return Error{
            ErrorCode::corrupt,
            "channel " + port.topic + ": found a chunk of " + std::to_string(room) +
                " bytes, expected the tensor that its header states; the chunk was released"};
      }
      const std::uint64_t number = port.count++;
      hold_chunk(*bytes);
      if (port.relayed) return std::optional<Chunk>(Chunk(this, channel, header));
      mark_as_taken(header);
      if (found != 0) {
        // What was there at the first look was taken from then on, what came later once it was
        // found: so no take begins before its chunk was sent.
        const bool was_there = tries == 0 && wait.begin() != 0 && header->sent_ticks < wait.begin();
        if (!was_there) wait.end_at(found);
        prof::add_span(name, was_there ? wait.begin() : found, prof::ticks(),
                       prof::pack_chunk(port.tag, number, *bytes));
      }
      return std::optional<Chunk>(Chunk(this, channel, header));
    }
    // Reading the clock costs as much as a look for a chunk, so a spin reads it only now and then.
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
    if (woken && !s.has_data()) break;
  }
  if (waited) wait.end_at(prof::ticks());
  return std::optional<Chunk>();
}

void Subscriber::release(std::size_t channel, const ChunkHeader* header) {
  let_chunk_go(*header->tensor.bytes());
  state_->ports[channel]->port.release(header);
}

Chunk::Chunk(Chunk&& other) noexcept
    : owner_(other.owner_),
      header_(std::exchange(other.header_, nullptr)),
      channel_(other.channel_) {}
Chunk& Chunk::operator=(Chunk&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(header_, other.header_);
  std::swap(channel_, other.channel_);
  return *this;
}
Chunk::~Chunk() {
  if (header_ != nullptr) owner_->release(channel_, header_);
}
void Chunk::mark_taken() const noexcept { mark_as_taken(header_); }
std::span<const std::byte> Chunk::data() const noexcept {
  return {data_of(header_), static_cast<std::size_t>(*header_->tensor.bytes())};
}

}  // namespace limelight::ipc
