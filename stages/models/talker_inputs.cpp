#include "stages/models/talker_inputs.hpp"

#include <algorithm>

#include "base/try.hpp"

namespace limelight::stages {

namespace {
constexpr std::size_t rows_of_beginning = 9;
void add_row(std::span<float> row, std::span<const float> values) {
  for (std::size_t i = 0; i < row.size(); ++i) row[i] += values[i];
}
ResizeMlp::Widths widths(const StageConfig& config, const Qwen3Omni& omni) {
  return {.in = omni.thinker_hidden, .middle = config.shape.mlp, .out = config.shape.hidden};
}
}  // namespace

TalkerEmbedding::TalkerEmbedding(const StageConfig& config,
                                 const Qwen3Omni& omni,
                                 const std::string& speaker,
                                 WeightLoader& weights,
                                 Device& device)
    : omni_(omni),
      hidden_(static_cast<std::size_t>(config.shape.hidden)),
      text_("text_projection", widths(config, omni), config.shape.activation, weights, device),
      states_("hidden_projection", widths(config, omni), config.shape.activation, weights, device),
      token_(weights.rows("thinker.embed_tokens", omni.thinker_vocab, omni.thinker_hidden)),
      code_(weights.rows("embed_tokens", config.shape.vocab, config.shape.hidden)),
      begin_(hidden_),
      end_(hidden_),
      padding_(hidden_),
      beginning_{omni.codec_nothink,        omni.codec_think_bos, omni.codec_think_eos,
                 omni.speakers.at(speaker), omni.codec_pad,       omni.codec_bos} {
  text({&omni.tts_bos, 1}, begin_);
  text({&omni.tts_eos, 1}, end_);
  text({&omni.tts_pad, 1}, padding_);
}

void TalkerEmbedding::text(std::span<const int> tokens, std::span<float> rows) const {
  const auto width = static_cast<std::size_t>(omni_.thinker_hidden);
  std::vector<float> x(tokens.size() * width);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    token_(tokens[i], std::span(x).subspan(i * width, width));
  text_(x, rows);
}

void TalkerEmbedding::states(std::span<const float> states, std::span<float> rows) const {
  states_(states, rows);
}

void TalkerEmbedding::code(int code, std::span<float> row) const { code_(code, row); }

void TalkerEmbedding::add_beginning(std::size_t index, std::span<float> row) const {
  if (index < 3) return;
  std::vector<float> code(row.size());
  code_(beginning_[index - 3], code);
  add_row(row, code);
  if (index < 7) add_row(row, padding_);
  else if (index == 7) add_row(row, begin_);
}

Result<void> TalkerInputs::add_tokens(std::span<const int> tokens) {
  const Qwen3Omni& omni = embedding_->omni();
  for (const int token : tokens)
    if (token < 0 || token >= omni.thinker_vocab)
      return Error{ErrorCode::invalid_argument, "talker: found token " + std::to_string(token) +
                                                    ", expected 0 to " +
                                                    std::to_string(omni.thinker_vocab - 1)};
  if (!has_prompt_) return add_prompt(tokens);
  const std::size_t old = answer_.size();
  answer_.resize(old + tokens.size() * embedding_->hidden());
  embedding_->text(tokens, std::span(answer_).subspan(old));
  return {};
}

// A position belongs to the role that follows the last <|im_start|> before it, its own included.
Result<void> TalkerInputs::add_prompt(std::span<const int> tokens) {
  const Qwen3Omni& omni = embedding_->omni();
  std::size_t start = 0, answer = tokens.size();
  std::vector<int> text;          // of the users' messages
  std::vector<std::size_t> rows;  // where in user_ they are
  std::size_t count = 0;          // of rows
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == omni.im_start) {
      start = i;
      if (i + 1 < tokens.size() && tokens[i + 1] == omni.assistant) answer = i;
    }
    const bool user = tokens[std::min(start + 1, tokens.size() - 1)] == omni.user;
    if (omni.is_placeholder(tokens[i])) waiting_.push_back(user ? static_cast<int>(count) : -1);
    else if (user) {
      text.push_back(tokens[i]);
      rows.push_back(count);
    }
    count += user ? 1 : 0;
    of_user_.push_back(user);
  }
  if (!waiting_.empty()) prompt_.assign(tokens.begin(), tokens.end());
  if (answer == tokens.size())
    return Error{ErrorCode::invalid_argument,
                 "talker: found a prompt of " + std::to_string(tokens.size()) +
                     " tokens without <|im_start|>assistant, expected it at the end: the talker "
                     "speaks what follows (a prompt or messages by the model's chat template)"};
  const std::size_t h = embedding_->hidden();
  std::reverse(waiting_.begin(), waiting_.end());
  std::vector<float> projected(text.size() * h);
  embedding_->text(text, projected);
  user_.resize(count * h);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(projected.begin() + static_cast<std::ptrdiff_t>(i * h), h,
                user_.begin() + static_cast<std::ptrdiff_t>(rows[i] * h));
  has_prompt_ = true;
  return add_tokens(tokens.subspan(answer));
}

Result<void> TalkerInputs::add_states(std::span<const float> states) {
  const std::size_t h = embedding_->hidden(),
                    n = states.size() / static_cast<std::size_t>(embedding_->omni().thinker_hidden);
  if (n > waiting_.size())
    return Error{ErrorCode::corrupt, "talker: found states of " + std::to_string(n) +
                                         " tokens, expected no more than the " +
                                         std::to_string(waiting_.size()) +
                                         " that stand for sound, "
                                         "images and videos"};
  std::vector<float> projected(n * h);
  embedding_->states(states, projected);
  for (std::size_t i = 0; i < n; ++i) {
    const int row = waiting_.back();
    waiting_.pop_back();
    if (row < 0) continue;
    std::copy_n(projected.begin() + static_cast<std::ptrdiff_t>(i * h), h,
                user_.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * h));
  }
  return {};
}

Result<void> TalkerInputs::add_grids(std::span<const std::int32_t> grids) {
  const Qwen3Omni& omni = embedding_->omni();
  const int picture = omni.picture_token();
  const auto placeholders =
      static_cast<std::uint64_t>(std::count(prompt_.begin(), prompt_.end(), picture));
  const auto all = read_grids(grids, placeholders);
  if (!all) return all.error();
  // Only users' messages are read here, and so are only their pictures.
  std::vector<int> read;
  std::vector<MediaGrid> seen;
  std::size_t next = 0;
  int left = 0;  // of the picture that `next` comes behind
  for (std::size_t i = 0; i < prompt_.size(); ++i) {
    if (prompt_[i] == picture && left-- == 0) {
      left = (*all)[next].tokens() - 1;
      if (of_user_[i]) seen.push_back((*all)[next]);
      ++next;
    }
    if (of_user_[i]) read.push_back(prompt_[i]);
  }
  if (seen.empty()) return {};
  read.resize(read.size() + rows_of_beginning, omni.tts_pad);
  turns_ = turns_of(read, picture, seen);
  return {};
}

std::optional<std::array<std::int32_t, 3>> TalkerInputs::turn(int position) const {
  if (!turns_) return std::nullopt;
  return turns_->at(position);
}

int TalkerInputs::beginning() const noexcept {
  return static_cast<int>(user_.size() / embedding_->hidden() + rows_of_beginning);
}

void TalkerInputs::write(std::size_t row, std::span<float> to) const {
  const std::size_t h = to.size(), users = user_.size() / h;
  const auto copy = [&](const std::vector<float>& from, std::size_t index) {
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(index * h), h, to.begin());
  };
  if (row < users) return copy(user_, row);
  const std::size_t index = row - users;
  if (index < 3) copy(answer_, index);
  else if (index + 1 == rows_of_beginning) copy(answer_, 3);
  else std::fill(to.begin(), to.end(), 0.0f);
  embedding_->add_beginning(index, to);
}

void TalkerInputs::add_text(std::size_t frame, std::span<float> to) const {
  const std::size_t at = spoken_before + frame;
  if (at < answer()) add_row(to, std::span(answer_).subspan(at * to.size(), to.size()));
  else add_row(to, at == answer() ? embedding_->end() : embedding_->padding());
}

}  // namespace limelight::stages
