// Notices a client that reads nothing of a stream, although there is something for it. write_time
// does not: it begins when the kernel takes no more, and a stream of text may end before that.
//
// A client is idle while bytes for it wait in the kernel, and its machine has taken none of them. A
// stream that has nothing to say, because the pipeline computes, does not count. All on the loop's
// thread.
#pragma once

#include <chrono>
#include <functional>

#include "actors/http/loop.hpp"
#include "actors/http/transport.hpp"

namespace limelight::http {

class StreamWatch {
 public:
  // The transport outlives it. limit: 0 for none.
  StreamWatch(Loop& loop, const Transport& transport, std::chrono::milliseconds limit);
  // idle() is called once, when the client has read nothing for the limit.
  void start(std::function<void()> idle);
  void stop();

 private:
  void look();
  void look_later();

  const Transport& transport_;
  std::chrono::milliseconds limit_;
  Timer timer_;
  std::function<void()> idle_;
  std::uint64_t acknowledged_ = 0;
  std::chrono::steady_clock::time_point since_ = {};  // it has read nothing
};

}  // namespace limelight::http
