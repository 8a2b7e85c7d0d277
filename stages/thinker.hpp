// The thinker reads the prompt and generates text, one token in each step of a request.
//
//   output port  tensor               content of one chunk
//   text         uint8 [bytes]        whole UTF-8 characters
//   hidden       float32 [n, hidden]  hidden states: of the prompt's tokens, in as many chunks as
//                                     it took steps, then of one token
//   tokens       int32 [n]            the prompt; then each token that follows, as soon as it is
//                                     chosen; none in place of the last one, which is never read
//                int32 [k, 2]         behind a prompt with pictures, of a model with a talker: rows
//                                     and columns of each picture's tokens
//                float32 [k, hidden]  then, of a model with a talker: the states that the talker
//                                     reads at tokens that stand for sound, images and videos
//                                     (Qwen3Omni::accept_layer), in their order
//
// A step computes the rows of all its requests together: slices of prompts, and the newest token of
// those that decode. Prompts that begin alike share the blocks of the KV cache. It has no input
// edges.
//
// Sounds and pictures are encoded when their request begins. Their rows take the place of those of
// their tokens; a step that computes a prompt anew, after a preemption, takes them again. Requests
// that are served at the same time and bring the same files share the rows, and blocks of the
// cache; others never do behind the first sound or picture. Threads: see Stage.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <memory>
#include <vector>

#include "stages/models/media_encoders.hpp"
#include "stages/models/sampler.hpp"
#include "stages/models/stop_strings.hpp"
#include "stages/models/text_model.hpp"
#include "stages/models/tokenizer.hpp"

namespace limelight::stages {

class Thinker final : public Stage {
 public:
  Thinker(const StageConfig& config,
          WeightLoader& weights,
          std::unique_ptr<Tokenizer> tokenizer,
          Device& device,
          ipc::Collective* group);
  Result<void> begin(const Request& request) override;
  Result<void> consume(std::uint64_t request,
                       int input,
                       const ipc::TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override;
  Demand demand(std::uint64_t request) const override;
  bool reserve(std::uint64_t request, int tokens) override;
  void preempt(std::uint64_t request) override;
  Result<void> step(std::span<Turn> batch) override;
  void end(std::uint64_t request) override;
  std::uint64_t tokens_out(std::uint64_t request) const override;
  AnswerInfo answer(std::uint64_t request) const override;

  static constexpr int text_port = 0, hidden_port = 1, tokens_port = 2;

 private:
  // The sounds and pictures of a request.
  struct Media {
    std::vector<ContentPart> files;  // to compare with those of other requests
    int first_key = 0;               // of the first; the others' are below it: see keys
    MediaFeatures features;          // once they are encoded: the grids alone
    std::vector<EncodedMedia> encoded;
  };
  // Where they are in a prompt.
  struct MediaPrompt {
    std::shared_ptr<const Media> media;
    std::vector<std::pair<int, int>> rows;  // of each token of the prompt: which one of the media,
                                            // and which row of it; -1: text
    TokenTurns turns;                       // of the prompt
    std::vector<int> keys;  // the tokens, by which blocks of the cache are found; a number below 0,
                            // which is only of that file, where they stand for one
  };
  struct Sequence {
    Sampler sampler;
    std::vector<int> tokens;  // of the prompt and of the answer
    std::optional<MediaPrompt> media = {};
    KvCache::Sequence cache = {};
    int sent = 0;    // positions whose hidden states were emitted
    int spoken = 0;  // positions of the prompt whose part of the tokens port was emitted
    CharacterStream text = CharacterStream();
    StopStrings stops;
    AnswerInfo answer = {};
    int rest() const { return static_cast<int>(tokens.size()) - cache.position; }
    std::span<const int> keys() const { return media ? media->keys : tokens; }
  };
  // The rows of one turn in the batch: `rows` rows from `row` on, the first at `position`.
  struct Slice {
    Sequence* sequence;
    int row, rows, position;
    bool samples;  // they reach the end of the tokens, so that the next one is chosen
  };
  Result<std::vector<int>> tokens_of(const Request& request) const;
  Result<std::shared_ptr<Media>> media_of(const Request& request);
  Result<MediaPrompt> place(std::shared_ptr<Media> media,
                            std::span<const int> tokens,
                            std::span<const int> places);
  // What a decoder reads of rows [from, from + rows) of a sequence.
  struct SliceInput {
    std::vector<std::int32_t> turns;
    std::vector<float> added;
  };
  SliceInput write_rows(const Sequence& sequence, int from, std::span<float> x) const;
  Result<void> check_placeholders(std::span<const int> tokens, bool has_media) const;
  Result<void> emit_grids(const Sequence& sequence, Output& output) const;
  Result<void> fit(const Request& request, std::size_t tokens, SamplingParams& sampling) const;
  // Takes the newest token into the text. Returns what can be shown of it, and whether the text
  // ends.
  std::pair<std::string, bool> add_token(int token, Sequence& sequence) const;
  Result<void> emit_hidden(const Slice& slice, std::span<const float> x, bool last, Output& output);
  static Result<void> emit_tokens(std::span<const int> tokens, bool last, Output& output);
  Result<void> emit_prompt(const Slice& slice, Output& output);
  Result<StepState> finish_turn(const Slice& slice,
                                std::span<const float> x,
                                std::span<float> logits,
                                Output& output);

  StageConfig config_;
  TextModel model_;
  KvCache cache_;
  std::unique_ptr<Tokenizer> tokenizer_;
  MediaEncoders encoders_;
  int last_key_ = 0;
  std::map<std::uint64_t, Sequence> sequences_;
};

}  // namespace limelight::stages
