// The routes about profiles: /start_profile, /stop_profile, /dump_profile, /profiles, the files
// in it, and /reports of them. All on the loop's thread.
#pragma once

#include <limelight/task.hpp>

#include "actors/http/context.hpp"

namespace limelight::http {

Task<void> start_profile(ContextPtr context, ExchangePtr exchange);
Task<void> stop_profile(ContextPtr context, ExchangePtr exchange);
Task<void> dump_profile(ContextPtr context, ExchangePtr exchange);
void list_profiles(const ContextPtr& context, const ExchangePtr& exchange);
Task<void> send_profile(ContextPtr context, ExchangePtr exchange);
// The page of `limelight trace report`. One is made at a time; others get 429 meanwhile.
Task<void> send_report(ContextPtr context, ExchangePtr exchange);

}  // namespace limelight::http
