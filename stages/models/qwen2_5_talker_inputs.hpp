// What the talker of Qwen2.5-Omni reads: rows of its decoder, from tokens and states of the thinker
// (transformers, Qwen2_5OmniForConditionalGeneration.generate). A row is what the input projection
// makes of a sum, as wide as the thinker:
//
//   rows before the first code   sum
//   each token of the prompt     its embedding + its state; where a sound or a picture stands, its
//                                state alone
//   1                            the embedding of the speaker's token + that of codec_pad
//   1                            the answer's first token: embedding + state, and codec_bos
//   then, for each code          its embedding + the next token of the answer: embedding + state;
//                                behind the last one text_end, after that text_pad
//
// Embeddings of tokens are the thinker's, those of codes the talker's; states are the thinker's
// normalised outputs. The reference adds codec_pad and codec_bos where it has an attention mask;
// its generate() of version 5 takes masks of ones away, so they are missing there. Here they are
// always added, as in vLLM-Omni. The last token that the thinker chooses is never read, so it has
// no state and no row. The rows do not depend on when tokens and states come. One thread uses
// these.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stages/models/decoder.hpp"
#include "stages/models/media_positions.hpp"
#include "stages/models/qwen2_5_omni.hpp"

namespace limelight::stages {

// The weights that make the rows; all requests of a stage share them.
class Qwen25TalkerEmbedding {
 public:
  // speaker: one that the model has.
  Qwen25TalkerEmbedding(const StageConfig& config,
                        const Qwen25Omni& omni,
                        const std::string& speaker,
                        WeightLoader& weights,
                        Device& device);
  // Each adds to a sum, [thinker's hidden].
  void add_token(int token, std::span<float> sum) const;  // of the thinker's vocabulary
  void add_code(int code, std::span<float> sum) const;    // of the talker's
  void add_speaker(std::span<float> sum) const { add_token(speaker_, sum); }
  // sums: [n, thinker's hidden]. Returns the rows, [n, talker's hidden].
  std::vector<float> project(std::span<const float> sums) const;
  std::size_t width() const noexcept { return width_; }  // of a sum
  const Qwen25Omni& omni() const noexcept { return omni_; }

 private:
  const Qwen25Omni& omni_;
  Device& device_;
  std::size_t width_, hidden_;
  int speaker_;
  std::function<void(int, std::span<float>)> token_, code_;
  std::unique_ptr<Matrix> projection_;
  Array bias_;
};

// The sums of one request.
class Qwen25TalkerInputs {
 public:
  explicit Qwen25TalkerInputs(const Qwen25TalkerEmbedding& embedding) : embedding_(&embedding) {}
  // First the whole prompt, then the tokens of the answer; and, in any order of the two, the states
  // of all of these. Errors: invalid_argument (a token that the thinker does not have).
  Result<void> add_tokens(std::span<const int> tokens);
  void add_states(std::span<const float> states);  // [n, thinker's hidden]
  // Behind the prompt: rows and columns of the tokens of each of its pictures, [n, 2]. Errors:
  // corrupt (they are not those of the prompt's placeholders).
  Result<void> add_grids(std::span<const std::int32_t> grids);
  // There are no more of either. Errors: corrupt (tokens without states, or states without tokens).
  Result<void> end();

  // Whether all rows before the first code are known; and that the answer ended before it had text.
  bool ready() const noexcept { return has_prompt_ && known() > prompt_; }
  bool silent() const noexcept { return ended_ && !ready(); }
  int beginning() const noexcept { return static_cast<int>(prompt_) + 2; }  // rows before that code
  // Whether the text of the row of code t is known.
  bool has(std::size_t code) const noexcept { return ended_ || known() > prompt_ + 1 + code; }
  // Time, height and width of row `position`, codes included, for a decoder; nothing without
  // pictures, where all three are the position.
  std::optional<std::array<std::int32_t, 3>> turn(int position) const {
    return turns_ ? std::optional(turns_->at(position)) : std::nullopt;
  }
  // Writes the sum of a row before the first code.
  void write(std::size_t row, std::span<float> to) const;
  // Writes the sum of the row of code t, which is `code`.
  void write_code(std::size_t t, int code, std::span<float> to) const;

 private:
  // Tokens that have states.
  std::size_t known() const noexcept { return std::min(tokens_, states_); }
  void grow(std::size_t count);
  void copy(std::size_t index, std::span<float> to) const;

  const Qwen25TalkerEmbedding* embedding_;
  bool has_prompt_ = false, ended_ = false;
  std::size_t prompt_ = 0;               // tokens of the prompt
  std::size_t tokens_ = 0, states_ = 0;  // that came
  std::vector<int> prompt_tokens_;       // where it has pictures, else nothing
  std::optional<TokenTurns> turns_;      // of the rows before the first code, if they have pictures
  std::vector<float> sums_;              // of all tokens; not complete above known()
};

}  // namespace limelight::stages
