#include "bench/ipc.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <thread>

#include "base/helper.hpp"
#include "bench/ipc_transport.hpp"
#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/broker_link.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t KiB = 1024, MiB = 1024 * KiB;
constexpr int answer_ms = 60'000;

// The next task of both processes of a pair. count 0: connect, and answer when connected.
struct Command {
  std::uint64_t bytes = 0, count = 0;
  bool polling = false;
};

bool read_all(int fd, void* to, std::size_t bytes) {
  for (std::size_t got = 0; got < bytes;) {
    const ssize_t n = ::read(fd, static_cast<char*>(to) + got, bytes - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    got += static_cast<std::size_t>(n);
  }
  return true;
}
bool write_all(int fd, const void* from, std::size_t bytes) {
  return ::write(fd, from, bytes) ==
         static_cast<ssize_t>(bytes);  // fits a pipe's buffer, or somebody reads
}

// Pins the calling thread to the n-th core that this process may use, if there is one.
void pin_to_core(int n) {
  cpu_set_t allowed, one;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed) || n-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

template <class End>
bool await_connection(const End& end) {
  for (int i = 0; i < 5000 && !end.connected(); ++i) std::this_thread::sleep_for(2ms);
  return end.connected();
}

// The main loops of the two processes. They read commands from one pipe and write answers to the
// other, until the first one is closed.
int send_loop(const Transport& transport,
              const std::string& address,
              std::uint64_t most,
              std::atomic<std::uint64_t>& acked,
              int in,
              int out) {
  const auto sender = transport.make_sender(address, most);
  for (Command c; read_all(in, &c, sizeof c);) {
    char ok = 1;
    if (c.count == 0) ok = await_connection(*sender);
    else sender->move(c.bytes);
    for (std::uint64_t i = 0; i < c.count && ok; ++i) {
      if (!c.polling) std::this_thread::sleep_for(1ms);
      const std::uint64_t start = prof::ticks();
      while (acked.load(std::memory_order_acquire) != i && ok)
        ok = prof::ticks_to_ns(static_cast<std::int64_t>(prof::ticks() - start)) < 20e9;
      ok = ok && sender->send(i, c.bytes);
    }
    if (!write_all(out, &ok, 1)) return 1;
  }
  return 0;
}
int receive_loop(const Transport& transport,
                 const std::string& address,
                 std::uint64_t most,
                 std::atomic<std::uint64_t>& acked,
                 int in,
                 int out) {
  const auto receiver = transport.make_receiver(address, most);
  for (Command c; read_all(in, &c, sizeof c);) {
    char ok = 1;
    if (c.count == 0) ok = await_connection(*receiver);
    std::vector<double> us;
    for (std::uint64_t i = 0; i < c.count && ok; ++i) {
      Stamp stamp;
      std::uint64_t end = 0;
      ok = receiver->receive(c.polling, stamp, end) && stamp.sequence == i;
      us.push_back(prof::ticks_to_ns(static_cast<std::int64_t>(end - stamp.begin_ticks)) / 1000);
      acked.store(i + 1, std::memory_order_release);
    }
    if (!write_all(out, &ok, 1)) return 1;
    if (ok && c.count > 0 && !write_all(out, us.data(), us.size() * sizeof(double))) return 1;
  }
  return 0;
}

// The two processes of one transport.
class Pair {
 public:
  Pair(const Transport& transport, const std::string& folder, std::uint64_t most)
      : name_(transport.name) {
    void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    acked_ = new (page) std::atomic<std::uint64_t>(0);
    const std::string address = folder + "/" + transport.name;
    receiver_ = start(
        [&](int in, int out) { return receive_loop(transport, address, most, *acked_, in, out); },
        "receiver");
    sender_ = start(
        [&](int in, int out) { return send_loop(transport, address, most, *acked_, in, out); },
        "sender");
  }
  ~Pair() {
    for (const Process& p : {sender_, receiver_}) {
      ::close(p.to);
      ::close(p.from);
    }
    for (const Process& p : {sender_, receiver_}) {
      for (int i = 0; i < 1500 && ::waitpid(p.pid, nullptr, WNOHANG) == 0; ++i) {
        if (i == 1000) ::kill(p.pid, SIGKILL);
        std::this_thread::sleep_for(2ms);
      }
    }
    ::munmap(acked_, 4096);
  }
  Pair(const Pair&) = delete;

  Result<std::vector<double>> run(const Command& c) {
    acked_->store(0);
    std::vector<double> us(c.count);
    char sent = 0, received = 0;
    const bool whole =
        write_all(receiver_.to, &c, sizeof c) && write_all(sender_.to, &c, sizeof c) &&
        answers(receiver_) && read_all(receiver_.from, &received, 1) && received &&
        (us.empty() || read_all(receiver_.from, us.data(), us.size() * sizeof(double))) &&
        answers(sender_) && read_all(sender_.from, &sent, 1) && sent;
    if (!whole)
      return Error{ErrorCode::timeout, "the processes of the transport " + name_ +
                                           " did not get through " + std::to_string(c.count) +
                                           " messages of " + std::to_string(c.bytes) + " bytes"};
    return us;
  }

 private:
  struct Process {
    pid_t pid = -1;
    int to = -1, from = -1;
  };
  template <class Body>
  Process start(Body body, const char* role) {
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) return {};
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      // Inherited ends of other pipes would keep those pipes open.
      for (int fd = 3; fd < 256; ++fd)
        if (fd != to[0] && fd != from[1]) ::close(fd);
      if (name_ == "limelight" || name_ == "iceoryx") {
        // Which two cores take part changes half a microsecond by a fifth. Transports that copy are
        // not pinned, because they have more threads.
        pin_to_core(role == std::string("receiver") ? 1 : 0);
        if (!ipc::attach("limelight-bench-" + name_ + "-" + role + "-" + std::to_string(getpid()),
                         10s))
          _exit(2);
      }
      std::exit(body(to[0], from[1]));  // not _exit: iceoryx removes its sockets at exit
    }
    ::close(to[0]);
    ::close(from[1]);
    return {pid, to[1], from[0]};
  }
  static bool answers(const Process& p) {
    pollfd waiting{p.from, POLLIN, 0};
    return ::poll(&waiting, 1, answer_ms) == 1;
  }

  std::string name_;
  std::atomic<std::uint64_t>* acked_ = nullptr;
  Process sender_, receiver_;
};

std::uint64_t count_for(const std::string& transport,
                        std::uint64_t bytes,
                        bool polling,
                        bool quick) {
  const std::uint64_t most = (polling ? 300 : 50) / (quick ? 3 : 1);
  if (transport == "limelight" || transport == "iceoryx") return most;
  return std::clamp<std::uint64_t>(20 * MiB / bytes, 2,
                                   most);  // copying takes time by bytes, so fewer are enough
}

struct SocketFolder {
  std::filesystem::path path;
  ~SocketFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace

Result<std::vector<Measurement>> bench_ipc(const IpcOptions& options) {
  std::vector<std::uint64_t> sizes{64, 4 * KiB, MiB, 64 * MiB};
  if (!options.quick)
    sizes = {64,        256, KiB,     4 * KiB,  16 * KiB, 64 * KiB,
             256 * KiB, MiB, 4 * MiB, 16 * MiB, 64 * MiB, 256 * MiB};

  const auto helper = find_helper("limelight-broker");
  const auto runtime = ipc::runtime_folder();
  if (!helper) return helper.error();
  if (!runtime) return runtime.error();
  // For each of the two publishers: the chunk that was sent last, the one in flight, the spares,
  // and the one that becomes a spare.
  std::vector<ipc::Pool> pools;
  for (const std::uint64_t bytes : sizes)
    pools.push_back(
        {ipc::chunk_bytes(bytes), static_cast<std::uint32_t>(2 * (3 + spare_chunks(bytes)))});
  std::fprintf(stderr, "starting the broker, its pools reach %lu MiB a chunk\n",
               sizes.back() / MiB);
  const auto broker = ipc::Broker::use(*helper, pools);
  if (!broker) return broker.error();

  const SocketFolder scratch{*runtime / ("bench-" + std::to_string(getpid()))};
  std::error_code failed;
  if (!std::filesystem::create_directory(scratch.path, failed))
    return Error{ErrorCode::io, scratch.path.string() + ": " + failed.message()};
  ::signal(SIGPIPE, SIG_IGN);
  std::vector<std::unique_ptr<Pair>> pairs;
  for (const Transport& t : transports())
    pairs.push_back(std::make_unique<Pair>(t, scratch.path.string(), sizes.back()));
  for (const auto& pair : pairs)
    if (auto connected = pair->run({}); !connected) return connected.error();

  std::vector<Measurement> results;
  double smallest = 0;
  for (const bool polling : {true, false})
    for (const std::uint64_t bytes : sizes) {
      const int rounds = polling ? 30 : options.quick ? 9 : 15;
      std::fprintf(stderr, "%s, %lu bytes\n", polling ? "polling" : "asleep", bytes);
      std::map<std::string, std::vector<double>> us;
      for (int round = 0; round < rounds; ++round)
        for (std::size_t i = 0; i < pairs.size(); ++i) {
          const std::size_t turn = (i + static_cast<std::size_t>(round)) % pairs.size();
          const std::string& name = transports()[turn].name;
          auto run =
              pairs[turn]->run({bytes, count_for(name, bytes, polling, options.quick), polling});
          if (!run) return run.error();
          us[name].insert(us[name].end(), run->begin(), run->end());
        }
      const std::vector<std::pair<std::string, std::string>> params{
          {"bytes", std::to_string(bytes)}, {"consumer", polling ? "polling" : "asleep"}};
      const double median = quantile(us["limelight"], 0.5), p99 = quantile(us["limelight"], 0.99);
      for (std::size_t i = 1; i < transports().size(); ++i) {
        const std::string& peer = transports()[i].name;
        results.push_back({"handoff", params, median, "us", peer, quantile(us[peer], 0.5)});
        if (peer == "iceoryx")
          results.push_back({"handoff_p99", params, p99, "us", peer, quantile(us[peer], 0.99)});
      }
      if (bytes == sizes.front()) smallest = median;
      if (bytes == sizes.back())
        results.push_back(
            {"flat", params, median, "us", std::to_string(sizes.front()) + " B", smallest});
    }
  return results;
}

}  // namespace limelight::bench
