#include "stages/models/code2wav_model.hpp"

#include "base/try.hpp"
#include "stages/models/refusal.hpp"

namespace limelight::stages {

namespace {

void snake(const std::string& at, int width, NamedShapes& names) {
  for (const char* name : {".alpha", ".beta"}) names.add(at + name, {width});
}

void add_transformer(const Code2WavShape& shape, NamedShapes& names) {
  const DecoderShape& s = shape.transformer;
  const int q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim, h = s.hidden;
  for (int l = 0; l < s.layers; ++l) {
    const std::string at = "pre_transformer.layers." + std::to_string(l) + ".";
    const auto projection = [&](const char* name, int out, int in) {
      names.add(at + "self_attn." + name + ".weight", {out, in});
      if (shape.attention_bias) names.add(at + "self_attn." + name + ".bias", {out});
    };
    projection("q_proj", q, h);
    projection("k_proj", kv, h);
    projection("v_proj", kv, h);
    projection("o_proj", h, q);
    names.add(at + "mlp.gate_proj.weight", {s.mlp, h});
    names.add(at + "mlp.up_proj.weight", {s.mlp, h});
    names.add(at + "mlp.down_proj.weight", {h, s.mlp});
    for (const char* name : {"input_layernorm.weight", "post_attention_layernorm.weight",
                             "self_attn_layer_scale.scale", "mlp_layer_scale.scale"})
      names.add(at + name, {h});
  }
  names.add("pre_transformer.norm.weight", {h});
}

// Codebooks as residual vector quantizers have them (Zeghidour et al. 2021): the first one, and the
// others.
void add_quantizer(const Code2WavShape& s, NamedShapes& names) {
  const int inner = s.quantized / 2, hidden = s.transformer.hidden;
  for (const bool first : {true, false}) {
    const std::string at = first ? "quantizer.rvq_first." : "quantizer.rvq_rest.";
    names.add(at + "input_proj.weight", {inner, s.quantized, 1});  // of the encoder
    names.add(at + "output_proj.weight", {s.quantized, inner, 1});
    for (int book = 0; book < (first ? 1 : s.codebooks - 1); ++book) {
      const std::string layer = at + "vq.layers." + std::to_string(book) + "._codebook.";
      names.add(layer + "cluster_usage", {s.codebook_size});
      names.add(layer + "embedding_sum", {s.codebook_size, inner});
    }
  }
  names.both("pre_conv.conv", {s.latent, s.quantized, 3}, s.latent);
  names.both("pre_transformer.input_proj", {hidden, s.latent}, hidden);
  names.both("pre_transformer.output_proj", {s.latent, hidden}, s.latent);
}

}  // namespace

std::vector<NamedShape> code2wav_tensors(const Code2WavShape& s) {
  NamedShapes names;
  const int h = s.width();
  if (s.latent > 0) add_quantizer(s, names);
  else names.add("code_embedding.weight", {s.codebooks * s.codebook_size, h});
  add_transformer(s, names);
  for (std::size_t i = 0; i < s.ratios.size(); ++i) {
    const std::string at = "upsample." + std::to_string(i) + ".";
    names.both(at + "0.conv", {h, h, s.ratios[i]}, h);
    names.both(at + "1.dwconv.conv", {h, 1, 7}, h);
    names.both(at + "1.norm", {h}, h);
    names.both(at + "1.pwconv1", {4 * h, h}, 4 * h);
    names.both(at + "1.pwconv2", {h, 4 * h}, h);
    names.add(at + "1.gamma", {h});
  }
  names.both("decoder.0.conv", {s.channels, h, 7}, s.channels);
  for (std::size_t i = 0; i < s.rates.size(); ++i) {
    const std::string at = "decoder." + std::to_string(i + 1) + ".block.";
    const int in = s.channels_of(i), out = s.channels_of(i + 1);
    snake(at + "0", in, names);
    names.both(at + "1.conv", {in, out, 2 * s.rates[i]}, out);
    for (const char* unit : {"2.", "3.", "4."}) {
      snake(at + unit + "act1", out, names);
      names.both(at + unit + "conv1.conv", {out, out, 7}, out);
      snake(at + unit + "act2", out, names);
      names.both(at + unit + "conv2.conv", {out, out, 1}, out);
    }
  }
  const int last = s.channels_of(s.rates.size());
  const std::string last_snake = "decoder." + std::to_string(s.rates.size() + 1),
                    conv = "decoder." + std::to_string(s.rates.size() + 2) + ".conv";
  snake(last_snake, last, names);
  names.both(conv, {1, last, 7}, 1);
  return std::move(names.all);
}

Result<std::shared_ptr<const Code2WavModel>> Code2WavModel::open(
    const std::filesystem::path& given) {
  std::error_code failed;
  const auto inner = given / "speech_tokenizer";
  const auto path = std::filesystem::exists(inner / "config.json", failed) ? inner : given;
  const auto folder = std::filesystem::is_directory(path, failed) ? path : path.parent_path();
  std::shared_ptr<Code2WavModel> model(new Code2WavModel);
  try {
    model->shape_ = read_code2wav_config(folder / "config.json");
  } catch (const ModelRefusal& refusal) {
    return refusal.error;
  }
  auto files = TensorFiles::open(path, model->shape_.prefix());
  if (!files) return files.error();
  model->files_ = std::move(files).value();
  LIMELIGHT_TRY(check_tensors(*model->files_, code2wav_tensors(model->shape_),
                              model->shape_.prefix(), {"rotary_emb.inv_freq"}));
  return std::shared_ptr<const Code2WavModel>(model);
}

}  // namespace limelight::stages
