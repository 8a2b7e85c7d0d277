// The routes /v1/completions and /v1/chat/completions.
#pragma once

#include <limelight/task.hpp>

#include "actors/http/context.hpp"

namespace limelight::http {

Task<void> complete(ContextPtr context, ExchangePtr exchange, bool chat);

}  // namespace limelight::http
