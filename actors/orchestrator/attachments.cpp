#include "actors/orchestrator/attachments.hpp"

#include <algorithm>
#include <cstring>

#include "actors/orchestrator/broker_of_process.hpp"
#include "actors/pipeline/topics.hpp"

namespace limelight::actors {

using namespace std::chrono_literals;

namespace {

const Attachment* find(const std::vector<Attachment>& attachments, const std::string& name) {
  const auto at = std::find_if(attachments.begin(), attachments.end(),
                               [&](const Attachment& one) { return one.name == name; });
  return at == attachments.end() ? nullptr : &*at;
}

// What a stage reads of a request without that attachment.
const Attachment& none() {
  static const Attachment empty{.name = {}, .tensor = ipc::TensorSpec::of(ipc::DType::uint8, {0})};
  return empty;
}

}  // namespace

Result<void> check_attachments(const stages::PipelineConfig& config,
                               const std::vector<bool>& needed,
                               const std::vector<Attachment>& attachments) {
  const auto wrong = [](const std::string& name, const std::string& what) {
    return Error{ErrorCode::invalid_argument, "attachment '" + name + "': " + what};
  };
  std::string known;
  for (const stages::AttachmentPort& port : config.attachments)
    known += (known.empty() ? "" : ", ") + port.name;
  for (const Attachment& one : attachments) {
    const auto bytes = one.tensor.bytes();
    std::uint64_t most = 0;
    for (const stages::AttachmentPort& port : config.attachments)
      if (port.name == one.name) most = std::max(most, port.largest_bytes);
    if (most == 0)
      return wrong(one.name, "found an unknown name, expected " +
                                 (known.empty() ? "none: the config has none" : "one of " + known));
    if (find(attachments, one.name) != &one) return wrong(one.name, "found twice, expected once");
    if (!bytes || *bytes != one.data.size())
      return wrong(one.name, "found " + std::to_string(one.data.size()) + " bytes for " +
                                 one.tensor.text() + ", expected " +
                                 (bytes ? std::to_string(*bytes) : "a tensor of a valid shape"));
    for (const stages::AttachmentPort& port : config.attachments)
      if (port.name == one.name && *bytes > port.largest_bytes)
        return wrong(one.name, "found " + one.tensor.text() + ", " + std::to_string(*bytes) +
                                   " bytes, expected largest_bytes " +
                                   std::to_string(port.largest_bytes) + " at most");
  }
  for (const stages::AttachmentPort& port : config.attachments)
    if (port.required && needed.at(config.place(port.to)) &&
        find(attachments, port.name) == nullptr)
      return wrong(port.name, "found none, expected one for stage " + std::to_string(port.to));
  return {};
}

Result<AttachmentSender> AttachmentSender::create(const stages::PipelineConfig& config,
                                                  const std::string& run) {
  AttachmentSender sender;
  for (const stages::AttachmentPort& port : config.attachments)
    for (int replica = 0; replica < config.find(port.to)->num_replicas; ++replica) {
      auto publisher = make_publisher(topic_of_attachment(run, {port.to, replica}, port.input),
                                      port.largest_bytes, attachment_window);
      if (!publisher) return publisher.error();
      sender.channels_.push_back(
          {&port, config.place(port.to), replica, std::move(publisher).value()});
    }
  return sender;
}

AttachmentSender::Sent AttachmentSender::send(std::uint64_t number,
                                              const std::vector<Attachment>& attachments,
                                              const std::vector<std::int32_t>& replicas) {
  struct HeldLoan {
    ipc::Publisher* publisher;
    ipc::Loan loan;
  };
  std::vector<HeldLoan> loans;
  for (const Channel& channel : channels_) {
    if (replicas.at(channel.place) != channel.replica) continue;
    const Attachment* found = find(attachments, channel.port->name);
    const Attachment& one = found != nullptr ? *found : none();
    ipc::ChunkHeader header;
    header.request = number;
    header.stage = TransferStats::from_request;
    header.last = 1;
    header.tensor = one.tensor;
    auto loan = channel.publisher->loan(header, 0ms);
    if (!loan) {
      for (const HeldLoan& held : loans) held.publisher->release(held.loan);
      return Sent::nothing;
    }
    if (!one.data.empty()) std::memcpy(loan->data.data(), one.data.data(), one.data.size());
    loans.push_back({channel.publisher.get(), *loan});
  }
  for (std::size_t i = 0; i < loans.size(); ++i)
    if (!loans[i].publisher->publish(loans[i].loan, 0ms)) {
      for (std::size_t rest = i; rest < loans.size(); ++rest)
        loans[rest].publisher->release(loans[rest].loan);
      return i == 0 ? Sent::nothing : Sent::some;
    }
  return Sent::all;
}

void AttachmentSender::consumer_replaced(int stage, int replica) {
  for (const Channel& channel : channels_)
    if (channel.port->to == stage && channel.replica == replica)
      channel.publisher->consumer_replaced();
}

}  // namespace limelight::actors
