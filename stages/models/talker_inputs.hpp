// What the talker of Qwen3-Omni reads: rows of its decoder, from tokens and states of the thinker
// (transformers, Qwen3OmniMoeForConditionalGeneration.generate).
//
//   rows before the first code      each is the sum of
//   the users' messages             text; states in place of sound, images and videos
//   3: <|im_start|>assistant\n      text
//   4: padding                      tts_pad + codec_nothink, think_bos, think_eos and the speaker
//   1: beginning                    tts_bos + codec_pad
//   1: first token of the answer    text + codec_bos
//   then, for each frame            the embeddings of its codes + the next token of the answer,
//                                   tts_eos behind the last one, tts_pad after that
//
// Text is what the text projection makes of the thinker's embeddings, states are what the hidden
// projection makes of its hidden states. The rows do not depend on when tokens and states come. One
// thread uses these.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stages/models/decoder.hpp"
#include "stages/models/frame_inputs.hpp"
#include "stages/models/media_positions.hpp"
#include "stages/models/qwen3_omni.hpp"
#include "stages/models/resize_mlp.hpp"

namespace limelight::stages {

// The weights that make the rows; all requests of a stage share them.
class TalkerEmbedding {
 public:
  // speaker: one that the model has.
  TalkerEmbedding(const StageConfig& config,
                  const Qwen3Omni& omni,
                  const std::string& speaker,
                  WeightLoader& weights,
                  Device& device);
  // rows: [n, hidden]. Tokens are of the thinker's vocabulary.
  void text(std::span<const int> tokens, std::span<float> rows) const;
  void states(std::span<const float> states, std::span<float> rows) const;
  // Adds what the reference adds to row `index` of the 9 before the first code, for 3 and above but
  // for the text of the last one.
  void add_beginning(std::size_t index, std::span<float> row) const;
  void code(int code, std::span<float> row) const;  // of the first group
  std::span<const float> end() const noexcept { return end_; }
  std::span<const float> padding() const noexcept { return padding_; }
  std::size_t hidden() const noexcept { return hidden_; }
  const Qwen3Omni& omni() const noexcept { return omni_; }

 private:
  const Qwen3Omni& omni_;
  std::size_t hidden_;
  ResizeMlp text_, states_;
  std::function<void(int, std::span<float>)> token_, code_;
  std::vector<float> begin_, end_, padding_;  // [hidden]
  std::vector<int> beginning_;                // codes
};

// The rows of one request.
class TalkerInputs final : public FrameInputs {
 public:
  explicit TalkerInputs(const TalkerEmbedding& embedding) : embedding_(&embedding) {}
  // First the prompt; then, in any order of the two, the states of its placeholders, in their
  // order, and the tokens of the answer. Errors: invalid_argument (a token that the thinker does
  // not have, a prompt that no answer of an assistant follows), corrupt (more states than
  // placeholders).
  Result<void> add_tokens(std::span<const int> tokens);
  Result<void> add_states(std::span<const float> states);  // [n, thinker's hidden]
  // Directly behind the prompt: rows and columns of the tokens of each of its pictures, [n, 2].
  // Errors: corrupt (they are not those of the prompt's placeholders).
  Result<void> add_grids(std::span<const std::int32_t> grids);
  void end() { ended_ = true; }

  bool ready() const noexcept override { return answer() >= spoken_before && waiting_.empty(); }
  bool silent() const noexcept override { return ended_ && answer() < spoken_before; }
  int beginning() const noexcept override;
  bool has(std::size_t frame) const noexcept override {
    return ended_ || answer() > spoken_before + frame;
  }
  void write(std::size_t row, std::span<float> to) const override;
  std::optional<std::array<std::int32_t, 3>> turn(int position) const override;
  void add_text(std::size_t frame, std::span<float> to) const override;

 private:
  static constexpr std::size_t spoken_before = 4;  // tokens of the answer before the first code
  std::size_t answer() const noexcept { return answer_.size() / embedding_->hidden(); }
  Result<void> add_prompt(std::span<const int> tokens);

  const TalkerEmbedding* embedding_;
  bool has_prompt_ = false, ended_ = false;
  std::vector<float> user_;          // rows of the users' messages
  std::vector<int> prompt_;          // its tokens, where it has placeholders, else nothing
  std::vector<bool> of_user_;        // which of these are in users' messages
  std::optional<TokenTurns> turns_;  // of the rows before the first code, if they have pictures
  std::vector<float> answer_;        // text of the answer, <|im_start|> included
  std::vector<int> waiting_;  // rows of user_ whose states are yet to come, the next one last;
                              // -1: states that the talker does not read
};

}  // namespace limelight::stages
