// nlohmann's JSON, whose classes json_templates.cpp compiles for all: part of the compiled headers,
// so that no source compiles them again. A source that uses JSON includes <nlohmann/json.hpp>.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace limelight {
using JsonText = nlohmann::detail::iterator_input_adapter<std::string::const_iterator>;
}  // namespace limelight

extern template class nlohmann::basic_json<>;
extern template class nlohmann::detail::serializer<nlohmann::json>;
extern template class nlohmann::detail::json_sax_dom_parser<nlohmann::json>;
extern template class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::json>;
extern template class nlohmann::detail::lexer<nlohmann::json, limelight::JsonText>;
extern template class nlohmann::detail::parser<nlohmann::json, limelight::JsonText>;
