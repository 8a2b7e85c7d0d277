// The shared memory of the broker: iceoryx's management segment and payload segment.
//
// iceoryx would make and allocate both itself. This class makes the files, so that unused parts of
// the management segment remain holes (broker_layout.hpp) and a full /dev/shm is an error. Clients
// open the segments by name and size and notice no difference.
//
// As long as the object exists, this process holds RouDi's lock, and both files are in /dev/shm.
// The broker's main thread makes and destroys the object; RouDi's threads read it.
#pragma once

#include <iceoryx_hoofs/posix_wrapper/file_lock.hpp>
#include <iceoryx_posh/internal/mepoo/segment_manager.hpp>
#include <iceoryx_posh/internal/roudi/memory/mempool_collection_memory_block.hpp>
#include <iceoryx_posh/internal/roudi/memory/port_pool_memory_block.hpp>
#include <iceoryx_posh/roudi/memory/posix_shm_memory_provider.hpp>
#include <iceoryx_posh/roudi/memory/roudi_memory_interface.hpp>
#include <iceoryx_posh/roudi/port_pool.hpp>
#include <limelight/result.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/iceoryx/broker.hpp"

namespace limelight::ipc {

class BrokerMemory final : public iox::roudi::RouDiMemoryInterface {
 public:
  // Makes and allocates both files. group: the name of this process's group, which is the name of
  // the payload segment. Errors: busy (a RouDi runs), unavailable (no space in /dev/shm), io.
  static Result<std::unique_ptr<BrokerMemory>> create(const std::vector<Pool>& pools,
                                                      const std::string& group);
  ~BrokerMemory() override;

  // The interface that RouDi calls.
  iox::cxx::expected<iox::roudi::RouDiMemoryManagerError> createAndAnnounceMemory() noexcept
      override;
  iox::cxx::expected<iox::roudi::RouDiMemoryManagerError> destroyMemory() noexcept override;
  const iox::roudi::PosixShmMemoryProvider* mgmtMemoryProvider() const noexcept override;
  iox::cxx::optional<iox::roudi::PortPool*> portPool() noexcept override;
  iox::cxx::optional<iox::mepoo::MemoryManager*> introspectionMemoryManager()
      const noexcept override;
  iox::cxx::optional<iox::mepoo::SegmentManager<>*> segmentManager() const noexcept override;

 private:
  // The block of the management segment that holds the manager of the payload segment.
  class Segments final : public iox::roudi::MemoryBlock {
   public:
    explicit Segments(iox::mepoo::SegmentConfig config) : config_(std::move(config)) {}
    ~Segments() override { destroy(); }
    std::uint64_t size() const noexcept override;
    std::uint64_t alignment() const noexcept override;
    iox::mepoo::SegmentManager<>* manager() const noexcept;

   private:
    void onMemoryAvailable(iox::cxx::not_null<void*> memory) noexcept override;
    void destroy() noexcept override;
    const iox::mepoo::SegmentConfig config_;
    void* manager_ = nullptr;
  };

  BrokerMemory(const std::vector<Pool>& pools, const std::string& group);

  std::optional<iox::posix::FileLock> lock_;
  std::vector<std::string> files_;  // that the destructor removes
  // Declared before management_, which uses these blocks until it is destroyed.
  iox::roudi::MemPoolCollectionMemoryBlock services_;
  Segments segments_;
  iox::roudi::PortPoolMemoryBlock ports_;
  iox::roudi::PosixShmMemoryProvider management_;
  std::optional<iox::roudi::PortPool> port_pool_;
};

}  // namespace limelight::ipc
