// The filters: value|name(arguments).
//
// Left out are those of HTML pages (urlize, striptags, xmlattr, forceescape, urlencode, wordwrap,
// filesizeformat) and pprint and random.
#pragma once

#include <string_view>
#include <unordered_map>

#include "stages/models/jinja/syntax.hpp"

namespace limelight::stages::jinja {

// nullptr: there is none of this name.
Filter find_filter(std::string_view name);

using Filters = std::unordered_map<std::string_view, Filter>;
void add_text_filters(Filters& filters);
void add_number_filters(Filters& filters);
void add_list_filters(Filters& filters);
void add_order_filters(Filters& filters);
void add_selection_filters(Filters& filters);

}  // namespace limelight::stages::jinja
