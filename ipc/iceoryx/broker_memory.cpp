#include "ipc/iceoryx/broker_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iceoryx_hoofs/internal/posix_wrapper/shared_memory_object.hpp>
#include <iceoryx_posh/internal/mepoo/mepoo_segment.hpp>

#include "base/shm_budget.hpp"
#include "base/try.hpp"
#include "ipc/iceoryx/broker_layout.hpp"

namespace limelight::ipc {

namespace {

using iox::posix::SharedMemoryObject;
using iox::posix::SharedMemoryObjectError;
using iox::roudi::RouDiMemoryManagerError;

// The payload segment gets its memory from this class and always asks for a new file. We have made
// the file already, so this class opens it instead. Then iceoryx does not set the size of the file,
// writes no zeros to it, and does not remove it.
struct AllocatedObject : SharedMemoryObject {
  explicit AllocatedObject(SharedMemoryObject&& opened) noexcept
      : SharedMemoryObject(std::move(opened)) {}
  static iox::cxx::expected<AllocatedObject, SharedMemoryObjectError> create(
      const iox::posix::SharedMemory::Name_t& name,
      std::uint64_t size,
      iox::posix::AccessMode access,
      iox::posix::OpenMode,
      void* address_hint,
      iox::cxx::perms permissions) noexcept {
    auto opened = SharedMemoryObject::create(
        name, size, access, iox::posix::OpenMode::OPEN_EXISTING, address_hint, permissions);
    if (opened.has_error()) return iox::cxx::error<SharedMemoryObjectError>(opened.get_error());
    return iox::cxx::success<AllocatedObject>(AllocatedObject(std::move(opened.value())));
  }
};
using Manager = iox::mepoo::SegmentManager<iox::mepoo::MePooSegment<AllocatedObject>>;
// RouDi uses the object as if it were of iceoryx's own type. The two differ only in how they open
// the file.
static_assert(sizeof(AllocatedObject) == sizeof(SharedMemoryObject) &&
              sizeof(Manager) == sizeof(iox::mepoo::SegmentManager<>) &&
              alignof(Manager) == alignof(iox::mepoo::SegmentManager<>));

constexpr std::uint64_t chunk_alignment = iox::mepoo::MemPool::CHUNK_MEMORY_ALIGNMENT;

}  // namespace

std::uint64_t BrokerMemory::Segments::size() const noexcept {
  return iox::cxx::align(static_cast<std::uint64_t>(sizeof(Manager)), chunk_alignment) +
         Manager::requiredManagementMemorySize(config_);
}
std::uint64_t BrokerMemory::Segments::alignment() const noexcept {
  return std::max<std::uint64_t>(alignof(Manager), chunk_alignment);
}
void BrokerMemory::Segments::onMemoryAvailable(iox::cxx::not_null<void*> memory) noexcept {
  iox::posix::Allocator allocator(memory, size());
  void* at = allocator.allocate(sizeof(Manager), alignof(Manager));
  manager_ = new (at) Manager(config_, &allocator);
}
void BrokerMemory::Segments::destroy() noexcept {
  if (manager_ != nullptr) static_cast<Manager*>(manager_)->~Manager();
  manager_ = nullptr;
}
iox::mepoo::SegmentManager<>* BrokerMemory::Segments::manager() const noexcept {
  return static_cast<iox::mepoo::SegmentManager<>*>(manager_);
}

BrokerMemory::BrokerMemory(const std::vector<Pool>& pools, const std::string& group)
    : services_(service_pools()),
      segments_(segment_config(pools, group)),
      management_(iox::roudi::SHM_NAME,
                  iox::posix::AccessMode::READ_WRITE,
                  iox::posix::OpenMode::OPEN_EXISTING) {
  for (iox::roudi::MemoryBlock* block :
       std::initializer_list<iox::roudi::MemoryBlock*>{&services_, &segments_, &ports_})
    management_.addMemoryBlock(block).or_else([](auto) {});  // it takes up to 64
}

Result<std::unique_ptr<BrokerMemory>> BrokerMemory::create(const std::vector<Pool>& pools,
                                                           const std::string& group) {
  std::unique_ptr<BrokerMemory> memory(new BrokerMemory(pools, group));
  const BrokerLayout layout = broker_layout(pools);
  if (memory->services_.size() != layout.services || memory->segments_.size() != layout.segments ||
      memory->ports_.size() != layout.ports)
    return Error{ErrorCode::internal,
                 "the layout of iceoryx's shared memory differs from what this build of Limelight "
                 "expects: build Limelight with the installed version of iceoryx"};
  auto lock = iox::posix::FileLock::create(iox::roudi::ROUDI_LOCK_NAME);
  if (lock.has_error())
    return Error{ErrorCode::busy,
                 "another RouDi runs on this machine: it holds /tmp/iox-unique-roudi.lock"};
  memory->lock_.emplace(std::move(lock.value()));

  const auto make = [&](const std::string& name, std::uint64_t size,
                        const std::vector<ShmRange>& ranges, const char* what) -> Result<void> {
    const std::string path = "/" + name;
    ::shm_unlink(path.c_str());  // a killed RouDi may have left it; we hold RouDi's lock
    const int fd = ::shm_open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
      return Error{ErrorCode::io,
                   "/dev/shm" + path + ": cannot create it: " + std::strerror(errno)};
    memory->files_.push_back(path);
    auto allocated = allocate_shm(fd, size, ranges, what);
    ::close(fd);
    return allocated;
  };
  LIMELIGHT_TRY(make(iox::roudi::SHM_NAME, layout.management, layout.used, "the broker"));
  LIMELIGHT_TRY(make(group, layout.payload, {}, "the pools of the channels"));
  return memory;
}

BrokerMemory::~BrokerMemory() {
  (void)destroyMemory();
  for (const std::string& file : files_) ::shm_unlink(file.c_str());
}

iox::cxx::expected<RouDiMemoryManagerError> BrokerMemory::createAndAnnounceMemory() noexcept {
  if (management_.create().has_error())
    return iox::cxx::error<RouDiMemoryManagerError>(
        RouDiMemoryManagerError::MEMORY_CREATION_FAILED);
  management_.announceMemoryAvailable();
  port_pool_.emplace(*ports_.portPool().value());
  return iox::cxx::success<void>();
}
iox::cxx::expected<RouDiMemoryManagerError> BrokerMemory::destroyMemory() noexcept {
  if (management_.isAvailable()) (void)management_.destroy();
  return iox::cxx::success<void>();
}
const iox::roudi::PosixShmMemoryProvider* BrokerMemory::mgmtMemoryProvider() const noexcept {
  return &management_;
}
iox::cxx::optional<iox::roudi::PortPool*> BrokerMemory::portPool() noexcept {
  if (!port_pool_) return iox::cxx::nullopt;
  return iox::cxx::make_optional<iox::roudi::PortPool*>(&*port_pool_);
}
iox::cxx::optional<iox::mepoo::MemoryManager*> BrokerMemory::introspectionMemoryManager()
    const noexcept {
  return services_.memoryManager();
}
iox::cxx::optional<iox::mepoo::SegmentManager<>*> BrokerMemory::segmentManager() const noexcept {
  if (segments_.manager() == nullptr) return iox::cxx::nullopt;
  return iox::cxx::make_optional<iox::mepoo::SegmentManager<>*>(segments_.manager());
}

}  // namespace limelight::ipc
