// What a slice in Perfetto's format says of itself: its annotations.
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <protozero/pbf_writer.hpp>

#include "profiling/trace/perfetto_fields.hpp"
#include "profiling/trace/perfetto_writer.hpp"

namespace limelight::profiling {

namespace {

using protozero::pbf_writer;

namespace field = perfetto_field;

// The value of an annotation.
void add_value(pbf_writer& to, const nlohmann::json& value) {
  if (value.is_boolean()) to.add_bool(field::boolean, value.get<bool>());
  else if (value.is_number_unsigned()) to.add_uint64(field::whole, value.get<std::uint64_t>());
  else if (value.is_number_integer()) to.add_int64(field::negative, value.get<std::int64_t>());
  else if (value.is_number()) to.add_double(field::real, value.get<double>());
  else if (value.is_string()) to.add_string(field::string, value.get_ref<const std::string&>());
  else if (value.is_array())
    for (const auto& item : value) {
      pbf_writer one(to, field::array);
      add_value(one, item);
    }
}
}  // namespace

void PerfettoWriter::add_number(std::string& event, std::string_view name, std::uint64_t value) {
  const std::uint64_t number = number_of(annotations_, field::annotation_names, name);
  pbf_writer writer(event);
  pbf_writer annotation(writer, field::annotation);
  annotation.add_uint64(field::name_of, number);
  annotation.add_uint64(field::whole, value);
}

void PerfettoWriter::add_text(std::string& event, std::string_view name, std::string_view value) {
  const std::uint64_t number = number_of(annotations_, field::annotation_names, name);
  pbf_writer writer(event);
  pbf_writer annotation(writer, field::annotation);
  annotation.add_uint64(field::name_of, number);
  annotation.add_string(field::string, value.data(), value.size());
}

void PerfettoWriter::add_shapes(std::string& event,
                                std::initializer_list<std::vector<std::uint32_t>> shapes) {
  if (!options_.profile.record_shapes) return;
  const std::uint64_t number = number_of(annotations_, field::annotation_names, "Input Dims");
  pbf_writer writer(event);
  pbf_writer annotation(writer, field::annotation);
  annotation.add_uint64(field::name_of, number);
  for (const std::vector<std::uint32_t>& shape : shapes) {
    pbf_writer one(annotation, field::array);
    for (const std::uint32_t extent : shape) {
      pbf_writer value(one, field::array);
      value.add_uint64(field::whole, extent);
    }
  }
}

void PerfettoWriter::add_json(std::string& event, std::string_view object) {
  const auto args = nlohmann::ordered_json::parse(object, nullptr, false);
  if (!args.is_object()) return;
  for (const auto& [key, value] : args.items()) {
    const std::uint64_t number = number_of(annotations_, field::annotation_names, key);
    pbf_writer writer(event);
    pbf_writer annotation(writer, field::annotation);
    annotation.add_uint64(field::name_of, number);
    add_value(annotation, value);
  }
}

// As TraceWriter::tail() has them.
void PerfettoWriter::add_args(std::string& event, const Record& record, std::uint64_t external) {
  const NameInfo& info = infos_.at(record.name);
  const Dims d = unpack_dims(record.value);
  switch (info.value_kind) {
    case ValueKind::none:
    case ValueKind::counter: break;
    case ValueKind::bytes: add_number(event, "bytes", record.value); break;
    case ValueKind::chunk: {
      const ChunkTag chunk = unpack_chunk(record.value);
      add_number(event, "bytes", chunk.bytes);
      add_number(event, "channel", chunk.channel);
      add_number(event, "chunk", chunk.number);
      break;
    }
    case ValueKind::number: add_number(event, "value", record.value); break;
    case ValueKind::turn:
      add_number(event, "tokens", record.value >> 48);
      add_number(event, "share us", record.value >> 24 & 0xffffff);
      add_number(event, "step us", record.value & 0xffffff);
      break;
    case ValueKind::step: add_text(event, "step of", info.name); break;
    case ValueKind::dims: {
      std::vector<std::uint32_t> shape{d.a};
      if (d.b != 0) shape.push_back(d.b);
      if (d.c != 0) shape.push_back(d.c);
      add_shapes(event, {shape});
      break;
    }
    case ValueKind::matmul:
      if (options_.profile.with_flops) {
        add_number(event, "flops", std::uint64_t{2} * d.a * d.b * d.c);
        if (info.weight_centibits != 0)
          add_number(event, "bytes moved", bytes_moved(d, info.weight_centibits));
      }
      add_shapes(event, {{d.a, d.c}, {d.c, d.b}});
      break;
  }
  if (info.correlated) add_number(event, "External id", external);
  if (record.request != 0) add_text(event, "request", words_.request(record.request));
}

}  // namespace limelight::profiling
