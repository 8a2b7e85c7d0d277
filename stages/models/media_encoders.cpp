#include "stages/models/media_encoders.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "base/try.hpp"
#include "stages/media/audio_file.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/weights.hpp"

namespace limelight::stages {

namespace {

std::string shown(const ContentPart& part) {
  return std::string(part.kind == ContentPart::Kind::audio ? "sound" : "picture") + " '" +
         part.name + "'";
}

// The readers' messages begin with the name. What is wrong with a file is the user's matter.
Error of_user(const Error& error) { return {ErrorCode::invalid_argument, error.message}; }

}  // namespace

Error no_encoder(const ModelFile* file, const ContentPart& part) {
  const bool sound = part.kind == ContentPart::Kind::audio;
  std::string what = shown(part);
  what += ": found the model ";
  what += file != nullptr ? file->path().string() : "with dummy weights";
  if (file != nullptr && file->media() != nullptr)
    what += sound ? ", which has no tensors of thinker.audio_tower"
                  : ", which has no tensors of thinker.visual";
  else what += ", which reads texts alone";
  what += ", expected one with ";
  what += sound ? "an audio encoder (audio_config)" : "a vision encoder (vision_config)";
  return {ErrorCode::invalid_argument, what};
}

Result<void> check_media(const ContentPart& part) {
  const auto bytes = std::as_bytes(std::span(part.data));
  if (part.kind == ContentPart::Kind::audio)
    LIMELIGHT_TRY(read_audio(bytes, part.name, LogMelShape().rate));
  else if (part.kind == ContentPart::Kind::image) LIMELIGHT_TRY(read_image(bytes, part.name));
  return {};
}

MediaEncoders::MediaEncoders(std::shared_ptr<const ModelFile> file, Device& device, int most_tokens)
    : file_(std::move(file)), device_(device), most_tokens_(most_tokens) {}

Result<void> MediaEncoders::read_sound(const ContentPart& part,
                                       std::vector<std::vector<float>>& sounds) const {
  const LogMelShape& shape = config_->sound;
  // A longer one has more tokens than the decoder reads, whatever its encoder makes of the rest.
  const double frames =
                   static_cast<double>(file_->media()->encoders.audio.most_frames(most_tokens_)),
               seconds = frames * static_cast<double>(shape.hop) / static_cast<double>(shape.rate);
  AudioLimits limits;
  limits.seconds = std::min(limits.seconds, seconds);
  auto sound = read_audio(std::as_bytes(std::span(part.data)), part.name, shape.rate, limits);
  if (!sound && sound.error().code == ErrorCode::too_large && seconds < AudioLimits().seconds)
    return Error{ErrorCode::invalid_argument, sound.error().message +
                                                  " (max_model_len has room for " +
                                                  std::to_string(most_tokens_) + " tokens)"};
  if (!sound) return of_user(sound.error());
  if (sound->size() < static_cast<std::size_t>(shape.hop))
    return Error{ErrorCode::invalid_argument, shown(part) + ": found " +
                                                  std::to_string(sound->size()) + " samples at " +
                                                  std::to_string(shape.rate) + " Hz, expected " +
                                                  std::to_string(shape.hop) + " or more"};
  if (shape.samples > 0 && sound->size() > static_cast<std::size_t>(shape.samples))
    return Error{ErrorCode::invalid_argument,
                 shown(part) + ": found " + std::to_string(sound->size()) + " samples at " +
                     std::to_string(shape.rate) + " Hz, expected at most " +
                     std::to_string(shape.samples) + ", the chunk_length of the model's processor"};
  sounds.push_back(std::move(sound).value());
  return {};
}

Result<void> MediaEncoders::read_picture(const ContentPart& part, MediaFeatures& features) const {
  const PatchShape& shape = config_->picture;
  auto image = read_image(std::as_bytes(std::span(part.data)), part.name);
  if (!image) return of_user(image.error());
  auto patches = make_patches(*image, shape);
  if (!patches)
    return Error{ErrorCode::invalid_argument, shown(part) + ": " + patches.error().message};
  features.pictures.push_back(std::move(patches).value());
  return {};
}

Result<MediaFeatures> MediaEncoders::read(std::span<const ContentPart* const> parts) {
  if (parts.empty()) return MediaFeatures{};
  const OmniMedia* omni = file_ ? file_->media() : nullptr;
  if (omni == nullptr) return no_encoder(file_.get(), *parts.front());
  for (const ContentPart* part : parts)
    if (!(part->kind == ContentPart::Kind::audio ? omni->hears : omni->sees))
      return no_encoder(file_.get(), *part);
  if (!config_) {
    auto config = read_media_config(file_->path().parent_path(), file_->qwen2_5_omni() != nullptr);
    if (!config) return config.error();
    const VisionEncoderShape& vision = omni->encoders.vision;
    const PatchShape& patches = config->picture;
    const auto differs = [&](const char* what, int found, int expected) {
      return Error{ErrorCode::corrupt, file_->path().parent_path().string() +
                                           ": preprocessor_config.json: " + what + ": found " +
                                           std::to_string(found) + ", expected " +
                                           std::to_string(expected) + ", as in config.json"};
    };
    if (config->sound.mels != omni->encoders.audio.mels)
      return differs("feature_size", config->sound.mels, omni->encoders.audio.mels);
    if (patches.patch != vision.patch) return differs("patch_size", patches.patch, vision.patch);
    if (patches.merge != vision.merge) return differs("merge_size", patches.merge, vision.merge);
    if (patches.temporal != vision.temporal)
      return differs("temporal_patch_size", patches.temporal, vision.temporal);
    auto log_mel = LogMel::make(config->sound);
    if (!log_mel) return log_mel.error();
    log_mel_.emplace(std::move(log_mel).value());
    config_ = std::move(config).value();
  }
  MediaFeatures features;
  std::vector<std::vector<float>> sounds;
  for (const ContentPart* part : parts)
    if (part->kind == ContentPart::Kind::audio) LIMELIGHT_TRY(read_sound(*part, sounds));
    else LIMELIGHT_TRY(read_picture(*part, features));
  if (!sounds.empty()) {
    auto mels = log_mel_->compute(sounds);
    if (!mels) return of_user(mels.error());
    features.sounds = std::move(mels).value();
  }
  std::size_t sound = 0, picture = 0;
  const int merge = config_->picture.merge;
  for (const ContentPart* part : parts) {
    MediaGrid grid{.picture = part->kind == ContentPart::Kind::image};
    if (grid.picture) {
      grid.rows = features.pictures[picture].rows / merge;
      grid.cols = features.pictures[picture++].cols / merge;
    } else {
      grid.cols = omni->encoders.audio.tokens(features.sounds[sound++].frames);
    }
    if (grid.tokens() == 0)
      return Error{ErrorCode::invalid_argument, shown(*part) + ": found no more than 2 frames of " +
                                                    std::to_string(config_->sound.hop) +
                                                    " samples, expected 3 or more"};
    if (grid.tokens() > most_tokens_)
      return Error{ErrorCode::invalid_argument,
                   shown(*part) + ": found " + std::to_string(grid.tokens()) +
                       " tokens, expected at most max_model_len " + std::to_string(most_tokens_)};
    features.grids.push_back(grid);
  }
  return features;
}

Result<std::vector<EncodedMedia>> MediaEncoders::encode(const MediaFeatures& features) {
  const EncoderConfig& shapes = file_->media()->encoders;
  FileWeights weights(file_);
  std::vector<std::vector<float>> sounds;
  std::vector<EncodedImage> pictures;
  if (!features.sounds.empty()) {
    if (!audio_) audio_.emplace(shapes.audio, weights, device_);
    auto encoded = audio_->encode(features.sounds);
    if (!encoded) return encoded.error();
    sounds = std::move(encoded).value();
  }
  if (!features.pictures.empty()) {
    if (!vision_) vision_.emplace(shapes.vision, weights, device_);
    auto encoded = vision_->encode(features.pictures);
    if (!encoded) return encoded.error();
    pictures = std::move(encoded).value();
  }
  std::vector<EncodedMedia> all;
  std::size_t sound = 0, picture = 0;
  for (const MediaGrid& grid : features.grids)
    if (!grid.picture) {
      all.push_back({.rows = std::move(sounds[sound++]), .deepstack = {}});
    } else {
      all.push_back({std::move(pictures[picture].rows), std::move(pictures[picture].deepstack)});
      ++picture;
    }
  return all;
}

}  // namespace limelight::stages
