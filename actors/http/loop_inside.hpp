// Boost.Asio, for the few sources that wait for sockets.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "actors/http/loop.hpp"

namespace limelight::http {

struct Loop::Inside {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
};

}  // namespace limelight::http
