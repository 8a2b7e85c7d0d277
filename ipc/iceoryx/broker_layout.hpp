// Where things lie in the broker's two shared memory segments, and which parts of them are used.
//
// As iceoryx makes its management segment, it writes zeros to every page: 63 MiB, whoever uses it,
// and a SIGBUS where there is less. Most of that is never touched: tables for 1536 clients and
// servers, and chunks for its introspection. The broker leaves those parts as holes
// (broker_memory.hpp). Used are
//   - the chunks in which RouDi publishes its list of services,
//   - the management of the payload segment and of its chunks,
//   - the table of publishers, all of it, and as many subscribers and condition variables as there
//     are publishers: a channel has one of each, so none is used beyond that.
// Tables are filled from the front. Whoever starts a pipeline computes from this what the broker
// will need before it starts one, and without linking RouDi.
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
  // Of the blocks of the management segment, which follow each other, each where its alignment
  // allows.
  std::uint64_t services = 0, segments = 0, ports = 0;
  std::uint64_t management = 0;  // the segment's size
  std::vector<ShmRange> used;    // of it, in ascending order
  std::uint64_t payload = 0;     // the other segment's size; all of it is used
};

iox::mepoo::MePooConfig pool_config(const std::vector<Pool>& pools);
// Of RouDi's own chunks.
iox::mepoo::MePooConfig service_pools();
// group: of this process; it names the payload segment.
iox::mepoo::SegmentConfig segment_config(const std::vector<Pool>& pools, const std::string& group);

BrokerLayout broker_layout(const std::vector<Pool>& pools);

}  // namespace limelight::ipc
