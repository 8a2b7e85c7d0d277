#include "stages/models/tts_inputs.hpp"

#include <algorithm>

namespace limelight::stages {

TtsEmbedding::TtsEmbedding(const StageConfig& config,
                           const Qwen3Tts& tts,
                           WeightLoader& weights,
                           Device& device)
    : tts_(tts),
      hidden_(static_cast<std::size_t>(config.shape.hidden)),
      text_("text_projection",
            {.in = tts.text_hidden, .middle = tts.text_hidden, .out = config.shape.hidden},
            config.shape.activation,
            weights,
            device),
      token_(weights.rows("text.embed_tokens", tts.text_vocab, tts.text_hidden)),
      code_(weights.rows("embed_tokens", config.shape.vocab, config.shape.hidden)) {}

void TtsEmbedding::text(std::span<const int> tokens, std::span<float> rows) const {
  const auto width = static_cast<std::size_t>(tts_.text_hidden);
  std::vector<float> x(tokens.size() * width);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    token_(tokens[i], std::span(x).subspan(i * width, width));
  text_(x, rows);
}

void TtsEmbedding::add_code(int code, std::span<float> row) const {
  std::vector<float> values(row.size());
  code_(code, values);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] += values[i];
}

namespace {

std::string lower(std::string name) {
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

bool is_dialect(const std::string& language) {
  return language.find("dialect") != std::string::npos;
}

Error wrong(const std::string& key, const std::string& found, const std::string& expected) {
  return {ErrorCode::invalid_argument,
          key + ": found '" + found.substr(0, 60) + "', expected " + expected};
}

}  // namespace

std::string speaker_names(const Qwen3Tts& tts) {
  std::string names;
  for (const auto& [name, code] : tts.speakers) names += (names.empty() ? "" : ", ") + name;
  return names;
}

std::string language_names(const Qwen3Tts& tts) {
  std::string names = "auto";
  for (const auto& [name, code] : tts.languages)
    if (!is_dialect(name)) names += ", " + name;
  return names;
}

Result<TtsVoice> voice_of(const Qwen3Tts& tts,
                          const SpeechParams& speech,
                          const std::string& usual_speaker) {
  TtsVoice voice;
  const std::string speaker = lower(speech.speaker.empty() ? usual_speaker : speech.speaker);
  std::string language = speech.language.empty() ? "auto" : lower(speech.language);
  if (!tts.has_speakers && !speech.speaker.empty())
    return wrong("speaker", speech.speaker,
                 "none: this model has no speakers, instructions say how a voice sounds");
  if (tts.has_speakers) {
    const auto found = tts.speakers.find(speaker);
    if (found == tts.speakers.end())
      return wrong("speaker", speaker, "one of " + speaker_names(tts));
    voice.speaker = found->second;
  }
  if (!tts.takes_instructions && !speech.instructions.empty())
    return wrong("instructions", speech.instructions, "none: a model of this size reads none");
  if (language != "auto" && (is_dialect(language) || !tts.languages.contains(language)))
    return wrong("language", speech.language, "one of " + language_names(tts));
  const auto dialect = voice.speaker < 0 ? tts.dialects.end() : tts.dialects.find(speaker);
  if (dialect != tts.dialects.end() && (language == "auto" || language == "chinese"))
    language = dialect->second;
  if (language != "auto") voice.language = tts.languages.at(language);
  return voice;
}

void TtsInputs::append(std::span<const int> tokens, int code) {
  const std::size_t h = embedding_->hidden(), old = rows_.size();
  rows_.resize(old + tokens.size() * h);
  const auto fresh = std::span(rows_).subspan(old);
  embedding_->text(tokens, fresh);
  if (code < 0) return;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    embedding_->add_code(code, fresh.subspan(i * h, h));
}

TtsInputs::TtsInputs(const TtsEmbedding& embedding,
                     std::span<const int> tokens,
                     std::span<const int> instructions,
                     TtsVoice voice,
                     bool non_streaming_mode)
    : embedding_(&embedding) {
  const Qwen3Tts& tts = embedding.tts();
  append(instructions, -1);
  append(tokens.first(tokens_before), -1);
  std::vector<int> codes{tts.codec_nothink, tts.codec_think_bos, tts.codec_think_eos};
  if (voice.language >= 0)
    codes = {tts.codec_think, tts.codec_think_bos, voice.language, tts.codec_think_eos};
  if (voice.speaker >= 0) codes.push_back(voice.speaker);
  for (const int code : codes) append({&tts.tts_pad, 1}, code);
  append({&tts.tts_bos, 1}, tts.codec_pad);
  const auto text = tokens.subspan(tokens_before, tokens.size() - tokens_before - tokens_behind);
  std::vector<int> later;
  if (non_streaming_mode) {
    append(text, tts.codec_pad);
    append({&tts.tts_eos, 1}, tts.codec_pad);
    append({&tts.tts_pad, 1}, tts.codec_bos);
  } else {
    append(text.first(1), tts.codec_bos);
    later.assign(text.begin() + 1, text.end());
    later.push_back(tts.tts_eos);
  }
  later.push_back(tts.tts_pad);
  later_.resize(later.size() * embedding.hidden());
  embedding.text(later, later_);
}

void TtsInputs::write(std::size_t row, std::span<float> to) const {
  std::copy_n(rows_.begin() + static_cast<std::ptrdiff_t>(row * to.size()), to.size(), to.begin());
}

void TtsInputs::add_text(std::size_t frame, std::span<float> to) const {
  const std::size_t at = std::min(frame, later_.size() / to.size() - 1);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += later_[at * to.size() + i];
}

}  // namespace limelight::stages
