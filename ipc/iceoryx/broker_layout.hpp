// The layout of the broker's two shared memory segments, and the parts of them that are used.
//
// iceoryx itself allocates all of its management segment by writing zeros to it: 63 MiB, and a
// SIGBUS if /dev/shm is smaller. Most of it is never used: tables for 1536 clients and servers, and
// chunks for introspection. Our broker leaves holes in the file for these parts
// (broker_memory.hpp) and allocates only the parts that are used:
//   - the chunks in which RouDi publishes its list of services;
//   - the management data of the payload segment and of its chunks;
//   - the whole table of publishers, and as many entries of the tables of subscribers and condition
//     variables. A channel has one publisher, one subscriber and one condition variable, and
//     iceoryx fills its tables from the front, so later entries are never used.
// A process that starts a pipeline computes the broker's needs from this layout before it starts
// the broker, and without linking RouDi.
#pragma once

#include <cstdint>
#include <iceoryx_posh/mepoo/mepoo_config.hpp>
#include <iceoryx_posh/mepoo/segment_config.hpp>
#include <string>
#include <vector>

#include "base/shm_budget.hpp"
#include "ipc/iceoryx/broker.hpp"

namespace limelight::ipc {

struct BrokerLayout {
  // The sizes of the blocks of the management segment. They follow each other, with gaps for their
  // alignment.
  std::uint64_t services = 0, segments = 0, ports = 0;
  std::uint64_t management = 0;  // the size of the management segment
  std::vector<ShmRange> used;    // its used parts, in ascending order
  std::uint64_t payload = 0;     // the size of the payload segment; all of it is used
};

iox::mepoo::MePooConfig pool_config(const std::vector<Pool>& pools);
// The pools of the chunks in which RouDi publishes its list of services.
iox::mepoo::MePooConfig service_pools();
// group: the name of this process's group, which iceoryx uses as the name of the payload segment.
iox::mepoo::SegmentConfig segment_config(const std::vector<Pool>& pools, const std::string& group);

BrokerLayout broker_layout(const std::vector<Pool>& pools);

}  // namespace limelight::ipc
