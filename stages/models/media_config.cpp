#include "stages/models/media_config.hpp"

#include <algorithm>

#include "stages/models/config_keys.hpp"
#include "stages/models/hf_files.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// What the reference's processors read and what changes nothing here: limits that Qwen3-Omni's
// processor switches off (it neither cuts a sound nor fills it up to a fixed length, as that of
// Qwen2.5-Omni does), names, and what concerns videos alone.
constexpr const char* harmless[] = {"chunk_length",
                                    "data_format",
                                    "default_to_square",
                                    "device",
                                    "disable_grouping",
                                    "do_sample_frames",
                                    "fps",
                                    "max_frames",
                                    "min_frames",
                                    "n_samples",
                                    "nb_max_frames",
                                    "processor_class",
                                    "return_attention_mask",
                                    "return_metadata",
                                    "video_processor_type"};
// What counts only if it is more than null or false.
constexpr const char* unused[] = {"crop_size",         "do_center_crop", "do_pad",
                                  "input_data_format", "pad_size",       "return_tensors"};

struct Reader {
  ConfigKeys keys;

  void only(const char* key, const json& expected, const std::string& words) {
    if (const json& found = keys[key]; !found.is_null() && found != expected)
      refuse(keys.file(),
             std::string("key '") + key + "': found " + found.dump().substr(0, 60) + ", expected " +
                 words,
             ErrorCode::unavailable);
  }

  // The reference fails where one of these is null, and takes a null flag for false.
  void refuse_null(std::initializer_list<const char*> needed) {
    for (const char* key : needed)
      if (keys.object().contains(key) && !keys.has(key)) keys.wrong(key, "a value, or no such key");
  }
  bool flag(const char* key) { return keys.object().contains(key) ? keys.flag(key, false) : true; }

  void sound(LogMelShape& shape, bool filled) {
    refuse_null({"feature_size", "n_fft", "hop_length", "sampling_rate"});
    only("feature_extractor_type", "WhisperFeatureExtractor", "WhisperFeatureExtractor");
    only("dither", 0.0, "0");
    only("padding_value", 0.0, "0");
    only("padding_side", "right", "right");
    // The class's own number where the file has none.
    shape.mels = keys.whole("feature_size", 80);
    shape.n_fft = keys.whole("n_fft", shape.n_fft);
    shape.hop = keys.whole("hop_length", shape.hop);
    shape.rate = keys.whole("sampling_rate", shape.rate);
    if (filled) {
      const int seconds = keys.count("chunk_length", 30, 3600);
      shape.samples = static_cast<int>(
          std::min(static_cast<std::int64_t>(seconds) * shape.rate, std::int64_t{1} << 30));
    }
    if (const auto made = LogMel::make(shape); !made) refuse(keys.file(), made.error().message);
  }

  std::array<double, 3> three(const char* key, const std::array<double, 3>& otherwise) {
    const json& list = keys[key];
    if (list.is_null()) return otherwise;
    if (!list.is_array() || list.size() != 3) keys.wrong(key, "a list of three numbers");
    std::array<double, 3> numbers{};
    for (std::size_t c = 0; c < 3; ++c) {
      if (!list[c].is_number()) keys.wrong(key, "a list of three numbers");
      numbers[c] = list[c].get<double>();
    }
    return numbers;
  }

  void picture(PatchShape& shape) {
    const json& type = keys["image_processor_type"];
    if (type != "Qwen2VLImageProcessorFast" && type != "Qwen2VLImageProcessorPil")
      only("image_processor_type", "Qwen2VLImageProcessor", "Qwen2VLImageProcessor");
    only("do_convert_rgb", true, "true");
    only("resample", 3, "3 (cubic)");
    refuse_null({"patch_size", "merge_size", "temporal_patch_size", "resample", "image_mean",
                 "image_std", "rescale_factor"});
    shape.patch = keys.whole("patch_size", 14);
    shape.merge = keys.whole("merge_size", shape.merge);
    shape.temporal = keys.whole("temporal_patch_size", shape.temporal);
    if (const json& size = keys["size"]; size.is_object()) {
      ConfigKeys edges(keys.file(), size, "size.");
      shape.min_pixels = edges.whole("shortest_edge", static_cast<int>(shape.min_pixels));
      shape.max_pixels = edges.whole("longest_edge", static_cast<int>(shape.max_pixels));
      // The older names are read in the outer object alone.
      (void)edges["min_pixels"];
      (void)edges["max_pixels"];
      edges.refuse_others(false, "Qwen2VLImageProcessor");
    } else if (!size.is_null()) {
      keys.wrong("size", "an object");
    }
    shape.min_pixels = keys.whole("min_pixels", static_cast<int>(shape.min_pixels));
    shape.max_pixels = keys.whole("max_pixels", static_cast<int>(shape.max_pixels));
    shape.resize = flag("do_resize");
    shape.normalise = flag("do_normalize");
    const double factor = keys.real("rescale_factor", 1.0 / 255);
    if (!(factor > 0)) keys.wrong("rescale_factor", "a number above 0");
    shape.rescale = flag("do_rescale") ? factor : 0;
    shape.mean = three("image_mean", shape.mean);
    shape.deviation = three("image_std", shape.deviation);
    if (const auto good = check(shape); !good) refuse(keys.file(), good.error().message);
  }

  void end() {
    for (const char* key : harmless) (void)keys[key];
    for (const char* key : unused)
      if (const json& found = keys[key]; !found.is_null() && found != false)
        keys.wrong(key, "null or false: it is not read here");
    keys.refuse_others(false, "Qwen3-Omni's processor");
  }
};

}  // namespace

Result<MediaConfig> read_media_config(const fs::path& folder, bool filled) {
  try {
    MediaConfig config;
    std::error_code failed;
    if (const fs::path file = folder / "processor_config.json"; fs::exists(file, failed)) {
      const json all = read_json(file);
      if (all.contains("feature_extractor") && all.contains("image_processor")) {
        for (const char* part : {"feature_extractor", "image_processor"})
          if (!all[part].is_object())
            refuse(file, std::string("key '") + part + "': expected an object");
        Reader sound{ConfigKeys(file, all["feature_extractor"], "feature_extractor.")};
        sound.sound(config.sound, filled);
        sound.end();
        Reader picture{ConfigKeys(file, all["image_processor"], "image_processor.")};
        picture.picture(config.picture);
        picture.end();
        return config;
      }
    }
    const fs::path file = folder / "preprocessor_config.json";
    const json all = read_json(file);
    Reader reader{ConfigKeys(file, all)};
    reader.sound(config.sound, filled);
    reader.picture(config.picture);
    reader.end();
    return config;
  } catch (const ModelRefusal& refusal) {
    return refusal.error;
  } catch (const json::exception& wrong) {
    return Error{ErrorCode::corrupt, folder.string() + ": " + wrong.what()};
  }
}

}  // namespace limelight::stages
