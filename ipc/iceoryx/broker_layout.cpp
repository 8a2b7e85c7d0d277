#include "ipc/iceoryx/broker_layout.hpp"

#include <algorithm>
#include <cstddef>
#include <iceoryx_posh/internal/mepoo/memory_manager.hpp>
#include <iceoryx_posh/internal/mepoo/segment_manager.hpp>
#include <iceoryx_posh/internal/roudi/port_pool_data.hpp>
#include <iceoryx_posh/internal/roudi/service_registry.hpp>
#include <iceoryx_posh/roudi/introspection_types.hpp>

namespace limelight::ipc {

namespace {

using iox::mepoo::MemoryManager;
using iox::mepoo::MePooConfig;
using iox::roudi::PortPoolData;
using Segments = iox::mepoo::SegmentManager<>;

constexpr std::uint64_t chunk_alignment = iox::mepoo::MemPool::CHUNK_MEMORY_ALIGNMENT;
constexpr std::uint64_t most_channels = iox::MAX_PUBLISHERS;

std::uint64_t align(std::uint64_t bytes, std::uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// Appends the used ranges of one of iceoryx's tables. T: the type of an entry. at: the table's
// offset. entries: how many are used, from the front.
template <class T, class Table>
void add_table(std::vector<ShmRange>& ranges, std::uint64_t at, std::uint64_t entries) {
  ranges.push_back({at, entries * sizeof(iox::cxx::optional<T>)});
  // After its entries the table has a counter of the entries that were ever used.
  ranges.push_back({at + sizeof(Table) - sizeof(std::uint64_t), sizeof(std::uint64_t)});
}

std::vector<ShmRange> used_tables(std::uint64_t at) {
  std::vector<ShmRange> ranges;
  // The standard leaves offsetof of a class that is not standard-layout to the compiler. GCC and
  // Clang support it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
#define LIMELIGHT_TABLE(member, T, entries) \
  add_table<T, decltype(PortPoolData::member)>(ranges, at + offsetof(PortPoolData, member), entries)
  LIMELIGHT_TABLE(m_interfacePortMembers, iox::popo::InterfacePortData, 0);  // gateways
  LIMELIGHT_TABLE(m_nodeMembers, iox::runtime::NodeData, 0);
  LIMELIGHT_TABLE(m_conditionVariableMembers, iox::popo::ConditionVariableData, most_channels);
  LIMELIGHT_TABLE(m_publisherPortMembers, iox::popo::PublisherPortData, iox::MAX_PUBLISHERS);
  LIMELIGHT_TABLE(m_subscriberPortMembers, iox::popo::SubscriberPortData, most_channels);
  LIMELIGHT_TABLE(m_serverPortMembers, iox::popo::ServerPortData, 0);
  LIMELIGHT_TABLE(m_clientPortMembers, iox::popo::ClientPortData, 0);
#undef LIMELIGHT_TABLE
#pragma GCC diagnostic pop
  return ranges;
}

}  // namespace

MePooConfig pool_config(const std::vector<Pool>& pools) {
  MePooConfig config;
  for (const Pool& pool : pools)
    config.addMemPool({static_cast<std::uint32_t>(pool.chunk_bytes), pool.chunks});
  return config;
}

// RouDi publishes the list of services whenever a port is added or removed. Nobody subscribes to it
// here, so three chunks suffice: one is kept for late subscribers, one is being written, and one is
// spare. The pool of small chunks is for what RouDi's introspection publishes before it is stopped.
// Its larger topics get no chunk.
MePooConfig service_pools() {
  constexpr std::uint32_t chunks = 3;
  const auto whole = [](std::size_t bytes) {
    return static_cast<std::uint32_t>(align(bytes, chunk_alignment));
  };
  MePooConfig pools;
  pools.addMemPool(
      {whole(sizeof(iox::roudi::SubscriberPortChangingIntrospectionFieldTopic)), chunks});
  pools.addMemPool({whole(sizeof(iox::roudi::ServiceRegistry)), chunks});
  return pools;
}

iox::mepoo::SegmentConfig segment_config(const std::vector<Pool>& pools, const std::string& group) {
  const iox::posix::PosixGroup::string_t name(iox::cxx::TruncateToCapacity, group);
  iox::mepoo::SegmentConfig config;
  config.m_sharedMemorySegments.push_back(
      iox::mepoo::SegmentConfig::SegmentEntry(name, name, pool_config(pools)));
  return config;
}

BrokerLayout broker_layout(const std::vector<Pool>& pools) {
  const MePooConfig config = pool_config(pools);
  BrokerLayout layout;
  layout.services = align(sizeof(MemoryManager), chunk_alignment) +
                    MemoryManager::requiredFullMemorySize(service_pools());
  layout.segments = align(sizeof(Segments), chunk_alignment) +
                    MemoryManager::requiredManagementMemorySize(config);
  layout.ports = sizeof(PortPoolData);
  const auto behind = [](std::uint64_t end, std::uint64_t alignment) {
    return align(end, std::max(alignment, chunk_alignment));
  };
  const std::uint64_t segments = behind(layout.services, alignof(Segments)),
                      ports = behind(segments + layout.segments, alignof(PortPoolData));
  layout.used = {{0, layout.services}, {segments, layout.segments}};
  for (const ShmRange& table : used_tables(ports))
    if (table.bytes > 0) layout.used.push_back(table);
  layout.management = behind(ports + layout.ports, chunk_alignment);
  layout.payload = MemoryManager::requiredChunkMemorySize(config);
  return layout;
}

std::vector<ShmNeed> broker_needs(const std::vector<Pool>& pools) {
  const BrokerLayout layout = broker_layout(pools);
  return {{"the broker", page_bytes(layout.used)},
          {"the pools of the channels", page_bytes(layout.payload)}};
}

}  // namespace limelight::ipc
