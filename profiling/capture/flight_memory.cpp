#include "profiling/capture/flight_memory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/log.hpp"
#include "base/shm_budget.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/registry.hpp"

namespace limelight::profiling {

namespace {
constexpr std::uint64_t expected_magic = 0x4c494d45464c5404;  // "LIMEFLT", version 4
constexpr std::size_t most_requests = 4096, most_threads = 64, names_bytes = std::size_t{256} << 10,
                      most_text = 56;
// The name of a request is in one of so many places, so that a request that is open for long keeps
// its place while others come and go.
constexpr std::size_t places_of_request = 8;

enum class Use : std::uint32_t { free, open, ended };  // threads are never said to have ended
struct Word {
  std::uint32_t key = 0;
  Use use = Use::free;
  char text[most_text] = {};

  void set(std::uint32_t number, std::string_view from) noexcept {
    const std::size_t n = std::min(from.size(), most_text - 1);
    std::memcpy(text, from.data(), n);
    text[n] = '\0';
    key = number;
    use = Use::open;
  }
  std::string get() const { return {text, strnlen(text, most_text)}; }
};
struct NameHead {
  std::uint8_t category, value_kind, correlated, activity;
  std::uint32_t length;
};
}  // namespace

struct FlightMemory::Layout {
  std::uint64_t magic, most_records;
  std::atomic<std::uint64_t> count;
  std::int32_t pid;
  std::atomic<std::uint32_t> names_used;  // bytes
  std::atomic<std::uint64_t> drops;
  std::atomic<std::uint64_t> cpu_ns, began, until;  // see keep_cost(); began and until in ticks
  Word requests[most_requests];
  Word threads[most_threads];
  char names[names_bytes];
  KeptRecord records[1];  // most_records of them

  static std::size_t bytes_for(std::size_t records) {
    return sizeof(Layout) + (records - 1) * sizeof(KeptRecord);
  }
};

std::size_t FlightMemory::bytes_for(std::size_t most_records) noexcept {
  return Layout::bytes_for(most_records);
}
std::size_t FlightMemory::records_in(std::size_t bytes) noexcept {
  return bytes < sizeof(Layout) ? 0 : (bytes - sizeof(Layout)) / sizeof(KeptRecord) + 1;
}

std::unique_ptr<FlightMemory> FlightMemory::create(const std::filesystem::path& file,
                                                   std::size_t most_records) {
  std::unique_ptr<FlightMemory> made(new FlightMemory);
  made->bytes_ = Layout::bytes_for(most_records);
  if (!file.empty()) {
    made->fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (made->fd_ >= 0) made->file_ = file;
    std::string why;
    if (made->fd_ < 0 || ::flock(made->fd_, LOCK_EX | LOCK_NB) != 0)
      why = file.string() + ": " + std::strerror(errno);
    else if (auto room = allocate_shm(made->fd_, made->bytes_, {}, "a flight recorder"); !room)
      why = room.error().message;
    if (!why.empty()) {
      log(LogLevel::warning,
          "what the flight recorder keeps will be lost if this process is "
          "killed: " +
              why);
      if (made->fd_ >= 0) ::close(std::exchange(made->fd_, -1));
      if (!made->file_.empty()) ::unlink(std::exchange(made->file_, {}).c_str());
    }
  }
  void* memory = ::mmap(nullptr, made->bytes_, PROT_READ | PROT_WRITE,
                        made->fd_ >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, made->fd_, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  made->at_ = static_cast<Layout*>(memory);  // new pages are zero: a valid Layout with no records
  made->at_->most_records = most_records;
  made->at_->pid = getpid();
  made->at_->magic = expected_magic;
  return made;
}

Result<std::unique_ptr<FlightMemory>> FlightMemory::open(const std::filesystem::path& file,
                                                         Owner owner) {
  std::unique_ptr<FlightMemory> opened(new FlightMemory);
  opened->fd_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (opened->fd_ < 0)
    return Error{ErrorCode::not_found, file.string() + ": cannot open: " + std::strerror(errno)};
  if (owner == Owner::gone && ::flock(opened->fd_, LOCK_SH | LOCK_NB) != 0)
    return Error{ErrorCode::busy, file.string() + ": its process still runs and writes it"};
  const auto corrupt = [&](const char* what) {
    return Error{ErrorCode::corrupt, file.string() + ": " + what};
  };
  struct stat info;
  if (::fstat(opened->fd_, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != getuid())
    return corrupt("expected a regular file of this user");
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size < sizeof(Layout)) return corrupt("too short for a flight recorder's memory");
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, opened->fd_, 0);
  if (memory == MAP_FAILED)
    return Error{ErrorCode::io, file.string() + ": cannot map: " + std::strerror(errno)};
  opened->at_ = static_cast<Layout*>(memory);
  opened->bytes_ = size;
  const Layout& l = *opened->at_;
  if (l.magic != expected_magic || l.most_records == 0 ||
      l.most_records > size / sizeof(KeptRecord) || Layout::bytes_for(l.most_records) != size)
    return corrupt("expected a flight recorder's memory, found other bytes");
  const std::size_t used = std::min<std::size_t>(l.names_used, names_bytes);
  for (std::size_t at = 0; at + sizeof(NameHead) <= used;) {
    NameHead head;
    std::memcpy(&head, l.names + at, sizeof head);
    at += sizeof head;
    if (head.length > used - at ||
        head.value_kind > static_cast<std::uint8_t>(ValueKind::counter) ||
        !std::has_single_bit(head.activity) ||
        head.activity > static_cast<std::uint8_t>(Activity::block))
      return corrupt("its table of names is damaged");
    opened->names_.push_back({std::string(l.names + at, head.length),
                              head.category == 0 ? Category::cpu_op : Category::user_annotation,
                              static_cast<ValueKind>(head.value_kind), head.correlated != 0,
                              static_cast<Activity>(head.activity)});
    at += head.length;
  }
  return opened;
}

FlightMemory::~FlightMemory() {
  if (at_ != nullptr) ::munmap(at_, bytes_);
  if (!file_.empty()) ::unlink(file_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

void FlightMemory::keep(const KeptRecord& kept) noexcept {
  const std::uint64_t n = at_->count.load(std::memory_order_relaxed);
  at_->records[n % at_->most_records] = kept;
  at_->count.store(n + 1, std::memory_order_release);
}

void FlightMemory::keep_cost(std::uint64_t cpu_ns,
                             std::uint64_t began,
                             std::uint64_t until) noexcept {
  at_->cpu_ns.store(cpu_ns, std::memory_order_relaxed);
  at_->began.store(began, std::memory_order_relaxed);
  at_->until.store(until, std::memory_order_relaxed);
}

double FlightMemory::cpu_share() const noexcept {
  const double elapsed_ns = ticks_to_ns(static_cast<std::int64_t>(
      at_->until.load(std::memory_order_relaxed) - at_->began.load(std::memory_order_relaxed)));
  return elapsed_ns > 0
             ? static_cast<double>(at_->cpu_ns.load(std::memory_order_relaxed)) / elapsed_ns
             : 0;
}

void FlightMemory::keep_words(std::uint64_t drops) {
  at_->drops.store(drops, std::memory_order_relaxed);
  if (fd_ < 0) return;  // private memory: its only reader is this process, which has the names
  for (const NameId known = name_count(); names_kept_ < known; ++names_kept_) {
    const NameInfo& info = name_info(names_kept_);
    const NameHead head{static_cast<std::uint8_t>(info.category),
                        static_cast<std::uint8_t>(info.value_kind), info.correlated,
                        static_cast<std::uint8_t>(info.activity),
                        static_cast<std::uint32_t>(info.name.size())};
    const std::uint32_t used = at_->names_used.load(std::memory_order_relaxed);
    if (used + sizeof head + info.name.size() > names_bytes) return;
    std::memcpy(at_->names + used, &head, sizeof head);
    std::memcpy(at_->names + used + sizeof head, info.name.data(), info.name.size());
    at_->names_used.store(used + static_cast<std::uint32_t>(sizeof head + info.name.size()),
                          std::memory_order_release);
  }
  std::size_t i = 0;
  for (const auto& [thread, name] : detail::thread_names())
    if (i < most_threads) at_->threads[i++].set(static_cast<std::uint32_t>(thread), name);
}
namespace {
template <class Words>
auto places_of(Words& words, std::uint32_t request) {
  constexpr std::size_t groups = most_requests / places_of_request;
  return std::span(words).subspan(request % groups * places_of_request, places_of_request);
}
}  // namespace

// Takes a free place, or else that of the request that ended with the lowest number, or else that
// of the open one with the lowest number.
void FlightMemory::keep_request_name(std::uint32_t request, std::string_view id) noexcept {
  if (fd_ < 0) return;
  const auto rank = [](const Word& word) {
    return std::pair(word.use == Use::free ? 0 : word.use == Use::ended ? 1 : 2, word.key);
  };
  const auto places = places_of(at_->requests, request);
  Word* best = places.data();
  for (Word& word : places) {
    if (word.use != Use::free && word.key == request) {
      best = &word;
      break;
    }
    if (rank(word) < rank(*best)) best = &word;
  }
  best->set(request, id);
}

void FlightMemory::end_request(std::uint32_t request) noexcept {
  if (fd_ < 0) return;
  for (Word& word : places_of(at_->requests, request))
    if (word.use == Use::open && word.key == request) word.use = Use::ended;
}

std::vector<KeptRecord> FlightMemory::since(std::uint64_t from, bool& overwritten) const {
  std::vector<KeptRecord> records;
  const std::uint64_t count = at_->count.load(std::memory_order_acquire),
                      size = std::min(count, at_->most_records);
  for (std::uint64_t i = count - size; i < count; ++i)
    if (const KeptRecord& k = at_->records[i % at_->most_records]; k.record.end >= from)
      records.push_back(k);
  overwritten = count > size && records.size() == size;
  return records;
}

int FlightMemory::pid() const noexcept { return at_->pid; }
std::uint64_t FlightMemory::drops() const noexcept {
  return at_->drops.load(std::memory_order_relaxed);
}
NameInfo FlightMemory::name(NameId id) const {
  return id < names_.size() ? names_[id] : NameInfo{.name = "(unnamed)"};
}
std::string FlightMemory::request_name(std::uint32_t request) const {
  for (const Word& word : places_of(at_->requests, request))
    if (word.use != Use::free && word.key == request) return word.get();
  return std::to_string(request);
}
std::vector<std::pair<int, std::string>> FlightMemory::thread_names() const {
  std::vector<std::pair<int, std::string>> names;
  for (const Word& word : at_->threads)
    if (word.use != Use::free) names.emplace_back(static_cast<int>(word.key), word.get());
  return names;
}

}  // namespace limelight::profiling
