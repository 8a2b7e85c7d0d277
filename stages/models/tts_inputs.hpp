// What the talker of Qwen3-TTS reads: rows of its decoder, from the tokens of a text and of
// instructions (qwen-tts 0.1.1, Qwen3TTSForConditionalGeneration.generate).
//
//   rows before the first code       each is the sum of
//   the instructions, if any         text
//   3: <|im_start|>assistant\n       text
//   4 or 5: padding                  tts_pad + codec_think, think_bos, the language and think_eos,
//                                    or codec_nothink, think_bos and think_eos without a language;
//                                    then + the speaker, if there is one
//   1: beginning                     tts_bos + codec_pad
//   non_streaming_mode:
//     the text and tts_eos           text + codec_pad
//     1                              tts_pad + codec_bos
//     then, for each frame           the embeddings of its codes + tts_pad
//   else:
//     1: first token of the text     text + codec_bos
//     then, for each frame           the embeddings of its codes + the next token of the text,
//                                    tts_eos behind the last one, tts_pad after that
//
// Text is what the text projection makes of the embeddings of tokens. One thread uses these.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "stages/models/frame_inputs.hpp"
#include "stages/models/qwen3_tts.hpp"
#include "stages/models/resize_mlp.hpp"

namespace limelight::stages {

// The weights that make the rows; all requests of a stage share them.
class TtsEmbedding {
 public:
  TtsEmbedding(const StageConfig& config,
               const Qwen3Tts& tts,
               WeightLoader& weights,
               Device& device);
  // rows: [n, hidden].
  void text(std::span<const int> tokens, std::span<float> rows) const;
  void add_code(int code, std::span<float> row) const;
  std::size_t hidden() const noexcept { return hidden_; }
  const Qwen3Tts& tts() const noexcept { return tts_; }

 private:
  const Qwen3Tts& tts_;
  std::size_t hidden_;
  ResizeMlp text_;
  std::function<void(int, std::span<float>)> token_, code_;
};

// Who speaks, and in which language, as codes of the talker. -1: nobody in particular, or none.
struct TtsVoice {
  int speaker = -1, language = -1;
};
// usual_speaker: of a model that has speakers, where the request names none. Errors:
// invalid_argument (a speaker, a language or instructions that the model does not have: names those
// that it has).
Result<TtsVoice> voice_of(const Qwen3Tts& tts,
                          const SpeechParams& speech,
                          const std::string& usual_speaker);
// Such as "aiden, ryan"; languages without dialects, and with auto.
std::string speaker_names(const Qwen3Tts& tts);
std::string language_names(const Qwen3Tts& tts);

// A text as the model was taught, as the chat template of the message of an assistant; instructions
// are one of a user, without what begins an answer.
inline constexpr const char* tts_template =
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + "
    "'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}";

class TtsInputs final : public FrameInputs {
 public:
  // What is around a text in tts_template, in tokens; as many as before it begin an answer.
  static constexpr std::size_t tokens_before = 3, tokens_behind = 5;
  // tokens: of the text in tts_template, more than those around it. instructions: theirs in it;
  // none without.
  TtsInputs(const TtsEmbedding& embedding,
            std::span<const int> tokens,
            std::span<const int> instructions,
            TtsVoice voice,
            bool non_streaming_mode);

  bool ready() const noexcept override { return true; }
  bool silent() const noexcept override { return false; }
  int beginning() const noexcept override {
    return static_cast<int>(rows_.size() / embedding_->hidden());
  }
  bool has(std::size_t) const noexcept override { return true; }
  void write(std::size_t row, std::span<float> to) const override;
  void add_text(std::size_t frame, std::span<float> to) const override;

 private:
  // Appends rows of text to rows_, and adds a code to each; code: -1: none.
  void append(std::span<const int> tokens, int code);

  const TtsEmbedding* embedding_;
  std::vector<float> rows_;   // before the first code
  std::vector<float> later_;  // text of the frames, the last row for all that follow
};

}  // namespace limelight::stages
