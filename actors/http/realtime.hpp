// The route /v1/realtime: a conversation over a WebSocket, with the events of OpenAI's Realtime
// API. Texts come in, texts and sound go out. All on the loop's thread.
//
//   -> conversation.item.create   a message of the conversation
//   -> response.create            <- response.created, ...delta, ...done, response.done
//   -> response.cancel, session.update
//
// The answer becomes a message of the conversation. One answer is under way at a time.
#pragma once

#include "actors/http/context.hpp"

namespace limelight::http {

void open_realtime(const ContextPtr& context, const ExchangePtr& exchange);

}  // namespace limelight::http
