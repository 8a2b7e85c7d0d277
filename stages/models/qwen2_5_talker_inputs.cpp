#include "stages/models/qwen2_5_talker_inputs.hpp"

namespace limelight::stages {

namespace {
void add_to(std::span<float> sum, std::span<const float> values) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
}
}  // namespace

Qwen25TalkerEmbedding::Qwen25TalkerEmbedding(const StageConfig& config,
                                             const Qwen25Omni& omni,
                                             const std::string& speaker,
                                             WeightLoader& weights,
                                             Device& device)
    : omni_(omni),
      device_(device),
      width_(static_cast<std::size_t>(omni.thinker_hidden)),
      hidden_(static_cast<std::size_t>(config.shape.hidden)),
      speaker_(omni.speakers.at(speaker)),
      token_(weights.rows("thinker.embed_tokens", omni.thinker_vocab, omni.thinker_hidden)),
      code_(weights.rows("embed_tokens", config.shape.vocab, omni.thinker_hidden)),
      projection_(weights.matrix(device,
                                 "input_projection",
                                 MatrixPart::whole(config.shape.hidden, omni.thinker_hidden),
                                 ipc::DType::float32)),
      bias_(load_vector(
          weights, device, "input_projection.bias", config.shape.hidden, 0, config.shape.hidden)) {}

void Qwen25TalkerEmbedding::add_token(int token, std::span<float> sum) const {
  std::vector<float> values(width_);
  token_(token, values);
  add_to(sum, values);
}

void Qwen25TalkerEmbedding::add_code(int code, std::span<float> sum) const {
  std::vector<float> values(width_);
  code_(code, values);
  add_to(sum, values);
}

std::vector<float> Qwen25TalkerEmbedding::project(std::span<const float> sums) const {
  const std::size_t n = sums.size() / width_;
  std::vector<float> rows(n * hidden_);
  Array in(device_, sums.size()), out(device_, rows.size());
  device_.upload(sums, in.span());
  device_.linear(in.span(), *projection_, out.span(), static_cast<int>(n));
  device_.add(out.span(), bias_.span());
  device_.download(out.span(), rows);
  return rows;
}

void Qwen25TalkerInputs::grow(std::size_t count) {
  sums_.resize(std::max(sums_.size(), count * embedding_->width()));
}

void Qwen25TalkerInputs::copy(std::size_t index, std::span<float> to) const {
  std::copy_n(sums_.begin() + static_cast<std::ptrdiff_t>(index * to.size()), to.size(),
              to.begin());
}

Result<void> Qwen25TalkerInputs::add_tokens(std::span<const int> tokens) {
  const int vocab = embedding_->omni().thinker_vocab;
  for (const int token : tokens)
    if (token < 0 || token >= vocab)
      return Error{ErrorCode::invalid_argument, "talker: found token " + std::to_string(token) +
                                                    ", expected 0 to " + std::to_string(vocab - 1)};
  const Qwen25Omni& omni = embedding_->omni();
  if (!has_prompt_) {
    prompt_ = tokens.size();
    if (std::find(tokens.begin(), tokens.end(), omni.picture_token()) != tokens.end())
      prompt_tokens_.assign(tokens.begin(), tokens.end());
  }
  has_prompt_ = true;
  const std::size_t width = embedding_->width();
  grow(tokens_ + tokens.size());
  // Only prompts have placeholders that stand for something.
  const bool of_prompt = tokens_ == 0;
  for (const int token : tokens) {
    const auto sum = std::span(sums_).subspan(tokens_++ * width, width);
    if (!of_prompt || !omni.is_placeholder(token)) embedding_->add_token(token, sum);
  }
  return {};
}

Result<void> Qwen25TalkerInputs::add_grids(std::span<const std::int32_t> grids) {
  const int picture = embedding_->omni().picture_token();
  const auto pictures =
      read_grids(grids, static_cast<std::uint64_t>(
                            std::count(prompt_tokens_.begin(), prompt_tokens_.end(), picture)));
  if (!pictures) return pictures.error();
  if (pictures->empty()) return {};
  // The speaker's token and the answer's first one follow, which are text.
  std::vector<int> read = prompt_tokens_;
  read.resize(read.size() + 2, embedding_->omni().text_pad);
  turns_ = turns_of(read, picture, *pictures);
  return {};
}

void Qwen25TalkerInputs::add_states(std::span<const float> states) {
  const std::size_t width = embedding_->width(), count = states.size() / width;
  grow(states_ + count);
  add_to(std::span(sums_).subspan(states_ * width, count * width), states);
  states_ += count;
}

Result<void> Qwen25TalkerInputs::end() {
  if (tokens_ != states_)
    return Error{ErrorCode::corrupt, "talker: found " + std::to_string(tokens_) + " tokens and " +
                                         std::to_string(states_) +
                                         " states, expected one state for each token"};
  ended_ = true;
  return {};
}

void Qwen25TalkerInputs::write(std::size_t row, std::span<float> to) const {
  const Qwen25Omni& omni = embedding_->omni();
  if (row < prompt_) return copy(row, to);
  if (row == prompt_) {
    std::fill(to.begin(), to.end(), 0.0f);
    embedding_->add_speaker(to);
    embedding_->add_code(omni.codec_pad, to);
  } else {
    copy(prompt_, to);
    embedding_->add_code(omni.codec_bos, to);
  }
}

void Qwen25TalkerInputs::write_code(std::size_t t, int code, std::span<float> to) const {
  const Qwen25Omni& omni = embedding_->omni();
  const std::size_t at = prompt_ + 1 + t;
  if (at < known()) {
    copy(at, to);
  } else {
    std::fill(to.begin(), to.end(), 0.0f);
    embedding_->add_token(at == known() ? omni.text_end : omni.text_pad, to);
  }
  embedding_->add_code(code, to);
}

}  // namespace limelight::stages
