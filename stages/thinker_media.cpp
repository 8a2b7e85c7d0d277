// The sounds and pictures of a Thinker's requests.
#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>
#include <limits>

#include "base/try.hpp"
#include "stages/models/model_file.hpp"
#include "stages/thinker.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

// nullptr: texts alone. Those of an open request with the same files are used again.
Result<std::shared_ptr<Thinker::Media>> Thinker::media_of(const Request& request) {
  std::vector<const ContentPart*> parts;
  for (const Message& message : request.messages)
    for (const ContentPart& part : message.parts)
      if (part.kind != ContentPart::Kind::text) parts.push_back(&part);
  if (parts.empty()) return std::shared_ptr<Media>();
  static const prof::NameId name =
      prof::intern("read_media", prof::Category::cpu_op, prof::ValueKind::bytes);
  std::size_t bytes = 0;
  for (const ContentPart* part : parts) bytes += part->data.size();
  const prof::Span span(name, bytes);
  for (const auto& [number, other] : sequences_) {
    if (!other.media) continue;
    const std::vector<ContentPart>& files = other.media->media->files;
    if (std::equal(parts.begin(), parts.end(), files.begin(), files.end(),
                   [](const ContentPart* a, const ContentPart& b) {
                     return a->kind == b.kind && a->data == b.data;
                   }))
      return std::const_pointer_cast<Media>(other.media->media);
  }
  auto features = encoders_.read(parts);
  if (!features) return features.error();
  auto media = std::make_shared<Media>();
  media->features = std::move(features).value();
  for (const ContentPart* part : parts) media->files.push_back(*part);
  return media;
}

// Encodes what is not encoded yet. places: of the tokens among the media.
Result<Thinker::MediaPrompt> Thinker::place(std::shared_ptr<Media> media,
                                            std::span<const int> tokens,
                                            std::span<const int> places) {
  if (media->encoded.empty()) {
    static const prof::NameId name =
        prof::intern("encode_media", prof::Category::cpu_op, prof::ValueKind::bytes);
    const prof::Span span(name, media->features.grids.size());
    auto encoded = encoders_.encode(media->features);
    if (!encoded) return encoded.error();
    media->encoded = std::move(encoded).value();
    media->features.sounds.clear();
    media->features.pictures.clear();
    const auto count = static_cast<int>(media->encoded.size());
    if (last_key_ < std::numeric_limits<int>::min() + count) last_key_ = 0;
    media->first_key = last_key_ - 1;
    last_key_ -= count;
  }
  MediaPrompt prompt;
  prompt.keys.assign(tokens.begin(), tokens.end());
  std::vector<int> rows(media->encoded.size(), 0);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const int at = places[i];
    if (at >= 0) prompt.keys[i] = media->first_key - at;
    prompt.rows.emplace_back(at, at < 0 ? 0 : rows[static_cast<std::size_t>(at)]++);
  }
  std::vector<MediaGrid> pictures;
  for (const MediaGrid& grid : media->features.grids)
    if (grid.picture) pictures.push_back(grid);
  prompt.turns = turns_of(tokens, config_.model->media()->picture_token(), pictures);
  prompt.media = std::move(media);
  return prompt;
}

// Writes the rows into x. Of text alone nothing else is needed.
Thinker::SliceInput Thinker::write_rows(const Sequence& sequence,
                                        int from,
                                        std::span<float> x) const {
  const auto h = static_cast<std::size_t>(config_.shape.hidden), count = x.size() / h,
             first = static_cast<std::size_t>(from);
  SliceInput input;
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = x.subspan(i * h, h);
    const std::size_t position = first + i;
    const auto [at, mine] = sequence.media && position < sequence.media->rows.size()
                                ? sequence.media->rows[position]
                                : std::pair(-1, 0);
    if (at < 0) {
      model_.embed(sequence.tokens[position], row);
      continue;
    }
    const EncodedMedia& media = sequence.media->media->encoded[static_cast<std::size_t>(at)];
    const std::size_t begin = static_cast<std::size_t>(mine) * h;
    std::copy_n(media.rows.begin() + static_cast<std::ptrdiff_t>(begin), h, row.begin());
    input.added.resize(std::max(input.added.size(), media.deepstack.size() * x.size()));
    for (std::size_t layer = 0; layer < media.deepstack.size(); ++layer)
      std::copy_n(media.deepstack[layer].begin() + static_cast<std::ptrdiff_t>(begin), h,
                  input.added.begin() + static_cast<std::ptrdiff_t>(layer * x.size() + i * h));
  }
  if (!sequence.media) return input;
  const TokenTurns& turns = sequence.media->turns;
  for (std::size_t position = first; position < first + count; ++position)
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const std::size_t prompt = turns.turns.size() / 3;
      input.turns.push_back(position < prompt
                                ? turns.turns[position * 3 + axis]
                                : turns.next + static_cast<std::int32_t>(position - prompt));
    }
  return input;
}

Result<void> Thinker::emit_grids(const Sequence& sequence, Output& output) const {
  std::vector<std::int32_t> grids;
  for (const MediaGrid& grid : sequence.media->media->features.grids)
    if (grid.picture) grids.insert(grids.end(), {grid.rows, grid.cols});
  if (grids.empty()) return {};
  return output.emit(
      tokens_port, ipc::TensorSpec::of(ipc::DType::int32, {grids.size() / 2, 2}), false,
      [&](std::span<std::byte> to) { std::memcpy(to.data(), grids.data(), to.size()); });
}

}  // namespace limelight::stages
