// The transports with shared memory: Limelight, and iceoryx without Limelight.
#include "bench/ipc_shared.hpp"

#include <deque>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>

#include "ipc/iceoryx/channel.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 10s;

// Reads the stamp. The load must complete before the clock is read: rdtsc alone does not wait for
// earlier loads.
Stamp read_stamp(const void* from) {
  Stamp stamp;
  stamp.sequence = __atomic_load_n(static_cast<const std::uint64_t*>(from), __ATOMIC_ACQUIRE);
  stamp.begin_ticks =
      __atomic_load_n(static_cast<const std::uint64_t*>(from) + 1, __ATOMIC_ACQUIRE);
#if defined(__x86_64__)
  __builtin_ia32_lfence();
#endif
  return stamp;
}

std::string topic_of(const std::string& address) {
  return "bench." + address.substr(address.rfind('/') + 1);
}

// Loans that are held back and never sent. When there are enough of one size, the oldest is
// released.
template <class Loan>
class Spares {
 public:
  template <class Release>
  void push(Loan loan, std::uint64_t bytes, Release release) {
    if (bytes != bytes_)
      for (; !loans_.empty(); loans_.pop_front()) release(loans_.front());
    bytes_ = bytes;
    loans_.push_back(loan);
    if (loans_.size() <= spare_chunks(bytes)) return;
    release(loans_.front());
    loans_.pop_front();
  }

 private:
  std::deque<Loan> loans_;
  std::uint64_t bytes_ = 0;
};

class LimelightSender final : public Sender {
 public:
  LimelightSender(const std::string& address, std::uint64_t max_bytes)
      : publisher_(topic_of(address), max_bytes, 8) {}
  void move(std::uint64_t bytes) override {
    auto loan = publisher_.loan(header_of(0, bytes), patience);
    if (loan) spares_.push(*loan, bytes, [this](const ipc::Loan& old) { publisher_.release(old); });
  }
  bool send(std::uint64_t sequence, std::uint64_t bytes) override {
    const std::uint64_t begin = prof::ticks();
    const ipc::ChunkHeader header = header_of(sequence, bytes);
    auto loan = publisher_.loan(header, patience);
    if (!loan) return false;
    *reinterpret_cast<Stamp*>(loan->data.data()) = {sequence, begin};
    return publisher_.publish(*loan, patience).ok();
  }
  bool connected() const override { return publisher_.has_subscribers(); }

 private:
  static ipc::ChunkHeader header_of(std::uint64_t sequence, std::uint64_t bytes) {
    ipc::ChunkHeader header;
    header.sequence = static_cast<std::uint32_t>(sequence);
    header.tensor = ipc::TensorSpec::of(ipc::DType::uint8, {bytes});
    return header;
  }
  ipc::Publisher publisher_;
  Spares<ipc::Loan> spares_;
};

class LimelightReceiver final : public Receiver {
 public:
  explicit LimelightReceiver(const std::string& address) : subscriber_(topic_of(address), 8) {}
  // The subscriber has one way to wait, for polling and asleep: it spins for a while and then
  // sleeps.
  bool receive(bool, Stamp& stamp, std::uint64_t& end_ticks) override {
    auto chunk = subscriber_.take(patience);
    if (!chunk || !*chunk) return false;
    stamp = read_stamp((*chunk)->data().data());
    end_ticks = prof::ticks();
    return true;
  }
  bool connected() const override { return subscriber_.connected(); }

 private:
  ipc::Subscriber subscriber_;
};

iox::capro::ServiceDescription raw_service(const std::string& address) {
  return {"limelight", "bench",
          iox::capro::IdString_t(iox::cxx::TruncateToCapacity, topic_of(address).c_str())};
}

class IceoryxSender final : public Sender {
 public:
  explicit IceoryxSender(const std::string& address) : port_(raw_service(address), options()) {}
  void move(std::uint64_t bytes) override {
    auto memory = port_.loan(static_cast<std::uint32_t>(bytes), 64);
    if (!memory.has_error())
      spares_.push(memory.value(), bytes, [this](void* old) { port_.release(old); });
  }
  bool send(std::uint64_t sequence, std::uint64_t bytes) override {
    const std::uint64_t begin = prof::ticks();
    auto memory = port_.loan(static_cast<std::uint32_t>(bytes), 64);
    if (memory.has_error()) return false;
    *static_cast<Stamp*>(memory.value()) = {sequence, begin};
    port_.publish(memory.value());
    return true;
  }
  bool connected() const override { return port_.hasSubscribers(); }

 private:
  static iox::popo::PublisherOptions options() {
    iox::popo::PublisherOptions o;
    o.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
    return o;
  }
  iox::popo::UntypedPublisher port_;
  Spares<void*> spares_;
};

class IceoryxReceiver final : public Receiver {
 public:
  explicit IceoryxReceiver(const std::string& address) : port_(raw_service(address), options()) {
    wait_set_.attachEvent(port_, iox::popo::SubscriberEvent::DATA_RECEIVED).or_else([](auto) {});
  }
  bool receive(bool polling, Stamp& stamp, std::uint64_t& end_ticks) override {
    const std::uint64_t start = prof::ticks();
    for (;;) {
      auto taken = port_.take();
      if (!taken.has_error()) {
        stamp = read_stamp(taken.value());
        end_ticks = prof::ticks();
        port_.release(taken.value());
        return true;
      }
      if (!polling) wait_set_.timedWait(iox::units::Duration::fromSeconds(10));
      if (prof::ticks_to_ns(static_cast<std::int64_t>(prof::ticks() - start)) > 10e9) return false;
    }
  }
  bool connected() const override {
    return port_.getSubscriptionState() == iox::SubscribeState::SUBSCRIBED;
  }

 private:
  static iox::popo::SubscriberOptions options() {
    iox::popo::SubscriberOptions o;
    o.queueCapacity = 8;
    o.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
    return o;
  }
  iox::popo::UntypedSubscriber port_;
  iox::popo::WaitSet<1> wait_set_;
};

}  // namespace

Transport limelight_transport() {
  return {"limelight",
          [](const std::string& address, std::uint64_t most) -> std::unique_ptr<Sender> {
            return std::make_unique<LimelightSender>(address, most);
          },
          [](const std::string& address, std::uint64_t) -> std::unique_ptr<Receiver> {
            return std::make_unique<LimelightReceiver>(address);
          }};
}
Transport iceoryx_transport() {
  return {"iceoryx",
          [](const std::string& address, std::uint64_t) -> std::unique_ptr<Sender> {
            return std::make_unique<IceoryxSender>(address);
          },
          [](const std::string& address, std::uint64_t) -> std::unique_ptr<Receiver> {
            return std::make_unique<IceoryxReceiver>(address);
          }};
}

}  // namespace limelight::bench
