// What shows a person how the service runs: / is a page, which asks for /status. All on the loop's
// thread.
#pragma once

#include "actors/http/context.hpp"

namespace limelight::http {

// "ready", "degraded" or "failed".
const char* word_of(Health health);
// The page holds no number of the service, so it needs no token.
void send_page(const ContextPtr& context, const ExchangePtr& exchange);
void send_status(const ContextPtr& context, const ExchangePtr& exchange);

}  // namespace limelight::http
