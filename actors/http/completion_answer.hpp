// Answers of /v1/completions and /v1/chat/completions: whole, or in chunks of a stream.
//
// A stream says of each answer its role (chat alone), its text and its sound as they come, and at
// its end why it ended. Logprobs come with the text of their tokens; those of tokens without a text
// come with the end. One thread uses an object.
#pragma once

#include <cstdint>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/http/completion_request.hpp"

namespace limelight::http {

class CompletionAnswer {
 public:
  // id: of the request. model: its name for clients.
  CompletionAnswer(const CompletionRequest& request, const std::string& id, std::string model);

  // outputs: each whole, in the order of their prompts and answers. Errors: those of
  // encode_sound().
  Result<std::string> whole(const std::vector<RequestOutput>& outputs) const;

  // How much of an answer's logprobs is in its chunks by now.
  struct Sent {
    std::size_t tokens = 0, bytes = 0;  // bytes: of these tokens
  };

  // The chunks are texts of JSON. index: of the answer among all. logprobs: those of the tokens
  // that come with this text.
  std::string begin(std::size_t index) const;
  std::string text(std::size_t index,
                   std::string_view text,
                   std::span<const PositionLogprobs> logprobs,
                   Sent& sent) const;
  std::string sound(std::size_t index, std::string_view bytes) const;
  std::string end(std::size_t index, const RequestOutput& last, Sent sent) const;
  std::string usage(const std::vector<RequestOutput>& outputs) const;

 private:
  struct Json;
  bool chat_, logprobs_, stage_metrics_, text_, audio_, usage_;
  SoundFormat sound_;
  std::size_t n_;
  std::string id_, model_;
  std::int64_t created_;
};

}  // namespace limelight::http
