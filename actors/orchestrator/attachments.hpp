// Sends the tensors that requests bring along to the replicas that serve these requests, through
// shared memory, as stages send theirs. The engine calls it, with its lock held.
#pragma once

#include <cstdint>
#include <limelight/config.hpp>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <vector>

#include "ipc/iceoryx/channel.hpp"

namespace limelight::actors {

// Whether a request may bring these, if it needs the stages that are marked by their place. Errors:
// invalid_argument (names the attachment, what was found and what was expected).
Result<void> check_attachments(const stages::PipelineConfig& config,
                               const std::vector<bool>& needed,
                               const std::vector<Attachment>& attachments);

class AttachmentSender {
 public:
  // Makes a channel to each replica of the stages that get attachments. This process must be
  // attached to the broker. Errors: unavailable (the broker does not answer).
  static Result<AttachmentSender> create(const stages::PipelineConfig& config,
                                         const std::string& run);

  enum class Sent {
    all,
    nothing,  // there is no memory for them now: replicas have to read others first
    some      // a replica has not read anything for long; the request has to fail
  };
  // number: of the request. replicas: that serve it, by the place of their stage; -1: none.
  Sent send(std::uint64_t number,
            const std::vector<Attachment>& attachments,
            const std::vector<std::int32_t>& replicas);
  // Its process is another one, which has read nothing yet.
  void consumer_replaced(int stage, int replica);

 private:
  struct Channel {
    const stages::AttachmentPort* port;
    std::size_t place;  // of the stage
    int replica;
    std::unique_ptr<ipc::Publisher> publisher;
  };
  std::vector<Channel> channels_;
};

}  // namespace limelight::actors
