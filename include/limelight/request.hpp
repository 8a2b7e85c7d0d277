// A request, and the output of a pipeline for it. Omni and AsyncOmni share them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <limelight/tensor.hpp>
#include <optional>
#include <string>
#include <vector>

namespace limelight {

// A part of a user's message: a text, a sound (WAV, FLAC or MP3) or a picture (PNG or JPEG).
struct ContentPart {
  enum class Kind : std::uint8_t { text, audio, image };
  // Of all the files of a request together.
  static constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20;

  Kind kind = Kind::text;
  std::string text = {};  // of a text
  std::string name = {};  // of the file, for messages
  std::string data = {};  // the file's bytes

  // The bytes of a file. Errors: not_found, io, corrupt (it is empty or no regular file), too_large
  // (most_bytes).
  static Result<ContentPart> from_file(Kind kind, const std::filesystem::path& path);
};
template <class Inspector>
auto inspect(Inspector& f, ContentPart& x) {
  return f(x.kind, x.text, x.name, x.data);
}

// A turn of a conversation.
struct Message {
  std::string role = {}, content = {};  // role: "system", "user", "assistant" or "tool"
  std::vector<ContentPart> parts = {};  // in place of the content, in a user's message
  // What else the chat template may read of it, one JSON object, such as {"tool_call_id": "1"} or
  // {"tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]}.
  std::string fields = {};
  bool has_content = true;  // false beside tool_calls: templates can tell it from an empty text
};
template <class Inspector>
auto inspect(Inspector& f, Message& x) {
  return f(x.role, x.content, x.parts, x.fields, x.has_content);
}

// A tensor for a stage, which the config's `attachments` name.
struct Attachment {
  std::string name;
  ipc::TensorSpec tensor = {};
  std::vector<std::byte> data = {};  // dense, row-major, as large as the tensor
};

// What to answer (one of the first three), and how.
struct GenerateRequest {
  std::string prompt = {};             // set into the model's chat template as a user's turn
  std::vector<Message> messages = {};  // set into the model's chat template
  std::vector<std::int32_t> prompt_token_ids = {};  // taken as they are
  // Of the prompt. False: the model goes on with it as it is.
  bool use_chat_template = true;
  std::string request_id = {};  // empty: the library chooses one
  std::vector<Attachment> attachments = {};
  // The kinds of output that are wanted, of those that the config's stages have ("text", "audio").
  // Stages that only the others need are not asked. Empty: all.
  std::vector<std::string> modalities = {};
  // In place of the defaults of the first stage.
  std::optional<stages::SamplingParams> sampling_params = {};
  // The request ends with the error timeout so long after its submission; time in the queue counts.
  // 0: never.
  std::chrono::milliseconds deadline{0};
};

// A token at one position, and the logarithm of its probability before penalties and temperature.
struct TokenLogprob {
  std::int32_t token_id = 0;
  float logprob = 0;
  std::int32_t rank = 0;  // among all tokens, from 1
  std::string token;      // its bytes, which need not be whole characters
};
template <class Inspector>
auto inspect(Inspector& f, TokenLogprob& x) {
  return f(x.token_id, x.logprob, x.rank, x.token);
}
struct PositionLogprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;  // likeliest first
};
template <class Inspector>
auto inspect(Inspector& f, PositionLogprobs& x) {
  return f(x.chosen, x.top);
}

// How the text of a request ended, as the first stage has it.
struct AnswerInfo {
  std::string finish_reason = {};   // "stop", "length", "abort" or "error"; empty while it goes on
  std::string stop_string = {};     // that ended the text; empty: none did
  std::int32_t stop_token_id = -1;  // of stop_token_ids, that ended the text; -1: none did
  std::uint64_t prompt_tokens = 0, output_tokens = 0;  // a token that ends the text counts, too
  std::uint64_t seed = 0;                              // that was used
  std::vector<PositionLogprobs> logprobs = {};         // if asked for: of each token of the output
};
template <class Inspector>
auto inspect(Inspector& f, AnswerInfo& x) {
  return f(x.finish_reason, x.stop_string, x.stop_token_id, x.prompt_tokens, x.output_tokens,
           x.seed, x.logprobs);
}

struct StageStats {
  int stage_id = 0, replica = 0;
  std::uint64_t num_tokens_out = 0;
  double stage_gen_time_ms = 0;           // its share of the steps that it was in
  double mean_batch_size = 0;             // requests in these steps
  std::vector<std::string> remarks = {};  // see Stage::remarks()
  // CLOCK_REALTIME in nanoseconds: when the stage took the request, and when it was done with it.
  std::int64_t begin_ns = 0, end_ns = 0;
};
template <class Inspector>
auto inspect(Inspector& f, StageStats& x) {
  return f(x.stage_id, x.replica, x.num_tokens_out, x.stage_gen_time_ms, x.mean_batch_size,
           x.remarks, x.begin_ns, x.end_ns);
}
// The chunks of one request on one edge. Sizes and times are sums over these chunks.
//
//   sender   loan -- write -- publish                tx_time
//   channel                   |------ take           in_flight_time
//   receiver                          |-- consumed   rx_decode_time
struct TransferStats {
  static constexpr int from_request = -1;  // from_stage of an attachment
  int from_stage = 0, from_replica = 0, to_stage = 0, to_replica = 0;
  std::uint64_t chunks = 0, size_bytes = 0;
  double tx_time_ms = 0;         // waiting for the loan, and the stage's writing
  double in_flight_time_ms = 0;  // from publish to take
  double rx_decode_time_ms = 0;  // Stage::consume() of the receiving stage
  // CLOCK_REALTIME in nanoseconds: from the loan of the first chunk until the last was consumed.
  std::int64_t begin_ns = 0, end_ns = 0;
  double total_time_ms() const { return tx_time_ms + in_flight_time_ms + rx_decode_time_ms; }
};
template <class Inspector>
auto inspect(Inspector& f, TransferStats& x) {
  return f(x.from_stage, x.from_replica, x.to_stage, x.to_replica, x.chunks, x.size_bytes,
           x.tx_time_ms, x.in_flight_time_ms, x.rx_decode_time_ms, x.begin_ns, x.end_ns);
}

// The output of one request. In a stream it is a part of the output: `text` and `audio` hold only
// what is new, and `answer.logprobs` those of the tokens that this text is of. All other members
// are valid once `finished` is set; the logprobs are those of all tokens then.
struct RequestOutput {
  std::string request_id, prompt;
  int index = 0;  // of the answer, where n of them were asked for
  bool finished = false;
  Error error{ErrorCode::none, {}};
  std::string text;
  std::vector<float> audio;                     // -1 to 1
  int sample_rate = stages::usual_sample_rate;  // of audio, in Hz
  AnswerInfo answer;
  double e2e_time_ms = 0;  // from the submission, the time in the queue included
  int retries = 0;         // how often it was begun anew, because a rank had failed
  std::vector<StageStats> stages;
  std::vector<TransferStats> transfers;
};

}  // namespace limelight
