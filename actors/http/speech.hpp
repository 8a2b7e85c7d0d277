// The route /v1/audio/speech: the sound that a pipeline makes of a text.
#pragma once

#include <limelight/task.hpp>

#include "actors/http/context.hpp"

namespace limelight::http {

Task<void> speak(ContextPtr context, ExchangePtr exchange);

}  // namespace limelight::http
