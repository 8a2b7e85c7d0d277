// From files of sound and pictures to the rows that the decoder of an omni model reads in place of
// tokens: a file's bytes, its features as the model's folder states them (media_config.hpp), and
// what the encoder makes of these.
//
// The encoders are loaded with the first sound or picture, so that texts need neither their time
// nor their memory. One thread uses them.
#pragma once

#include <limelight/request.hpp>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "stages/models/audio_encoder.hpp"
#include "stages/models/media_config.hpp"
#include "stages/models/media_positions.hpp"
#include "stages/models/vision_encoder.hpp"

namespace limelight::stages {

// The features of a request's sounds and pictures, in the order of the messages.
struct MediaFeatures {
  std::vector<MediaGrid> grids;
  std::vector<LogMelSound> sounds;
  std::vector<ImagePatches> pictures;
};

// What the decoder reads of one of them.
struct EncodedMedia {
  std::vector<float> rows;                    // [grid.tokens(), hidden]
  std::vector<std::vector<float>> deepstack;  // of a picture: the same, added behind layer 0, 1 ...
};

class MediaEncoders {
 public:
  // file: of a thinker. The device outlives the encoders. most_tokens: of a sound or picture.
  MediaEncoders(std::shared_ptr<const ModelFile> file, Device& device, int most_tokens);
  // parts: no texts. Errors: unavailable (the model has no such encoder), invalid_argument (a file
  // that is damaged or too large, with its name and the reason), those of read_media_config().
  Result<MediaFeatures> read(std::span<const ContentPart* const> parts);
  // In the order of features.grids.
  Result<std::vector<EncodedMedia>> encode(const MediaFeatures& features);

 private:
  Result<void> read_sound(const ContentPart& part, std::vector<std::vector<float>>& sounds) const;
  Result<void> read_picture(const ContentPart& part, MediaFeatures& features) const;

  std::shared_ptr<const ModelFile> file_;
  Device& device_;
  int most_tokens_;
  std::optional<MediaConfig> config_;
  std::optional<LogMel> log_mel_;
  std::optional<AudioEncoder> audio_;
  std::optional<VisionEncoder> vision_;
};

// Whether a file is a sound or a picture, as far as that can be known without a model. Errors:
// corrupt, too_large (with the file's name and the reason).
Result<void> check_media(const ContentPart& part);

// Why a model cannot read a sound or a picture. Empty file: a dummy.
Error no_encoder(const ModelFile* file, const ContentPart& part);

}  // namespace limelight::stages
