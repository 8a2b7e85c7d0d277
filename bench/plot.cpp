#include "bench/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace limelight::bench {

namespace {

// Told apart by people who see few colours, on white and on black (Okabe and Ito, 2008).
constexpr std::array<const char*, 7> colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                             "#e69f00", "#56b4e9", "#767676"};
constexpr double left = 78, top = 44, width = 560, height = 300, legend_step = 18;

std::string xml(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') safe += "&lt;";
    else if (c == '>') safe += "&gt;";
    else if (c == '&') safe += "&amp;";
    else if (c == '"') safe += "&quot;";
    else safe += c;
  }
  return safe;
}

// Such as 0.5, 12, 3000, 1e6.
std::string short_number(double value) {
  char text[32];
  const double size = std::abs(value);
  if (size != 0 && (size >= 1e6 || size < 1e-3)) std::snprintf(text, sizeof text, "%.3g", value);
  else
    std::snprintf(text, sizeof text, "%.*f",
                  size >= 100 || value == std::floor(value) ? 0
                  : size >= 10                              ? 1
                                                            : 3,
                  value);
  std::string all = text;
  if (all.find('.') != std::string::npos && all.find('e') == std::string::npos) {
    while (all.back() == '0') all.pop_back();
    if (all.back() == '.') all.pop_back();
  }
  return all;
}

struct Axis {
  double from = 0, to = 1;
  bool logarithmic = false;
  std::vector<double> ticks = {};

  double at(double value) const {  // 0 to 1
    if (!logarithmic) return (value - from) / (to - from);
    return (std::log10(value) - std::log10(from)) / (std::log10(to) - std::log10(from));
  }
  bool shows(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }
};

Axis axis_of(std::vector<double> values, bool logarithmic) {
  Axis axis{.logarithmic = logarithmic};
  std::erase_if(values, [&](double value) { return !axis.shows(value); });
  if (values.empty()) values = {1, 10};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (logarithmic) {
    axis.from = std::pow(10, std::floor(std::log10(*least)));
    axis.to = std::pow(10, std::ceil(std::log10(*most)));
    if (axis.from == axis.to) axis.to *= 10;
    for (double tick = axis.from; tick <= axis.to * 1.001; tick *= 10) axis.ticks.push_back(tick);
    return axis;
  }
  axis.from = std::min(0.0, *least);
  const double span = *most > axis.from ? *most - axis.from : 1;
  double step = std::pow(10, std::floor(std::log10(span / 4)));
  for (const double factor : {2.0, 2.5, 2.0})
    if (span / step > 8) step *= factor;
  axis.to = axis.from + step * std::ceil(span / step);
  for (double tick = axis.from; tick <= axis.to + step / 2; tick += step)
    axis.ticks.push_back(tick);
  return axis;
}

class Svg {
 public:
  Svg(double wide, double high, const std::string& title) {
    add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
        "height=\"%.0f\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n",
        wide, high, wide, high);
    text_ += "<title>" + xml(title) + "</title>\n";
    add("<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>\n", wide, high);
    words(left, 24, title, "start", "bold");
  }
  void words(double x,
             double y,
             const std::string& what,
             const char* anchor = "start",
             const char* weight = "normal") {
    add("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-weight=\"%s\" fill=\"#222222\">", x, y,
        anchor, weight);
    text_ += xml(what) + "</text>\n";
  }
  void upward(double x, double y, const std::string& what) {
    add("<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\" "
        "fill=\"#222222\">",
        x, y);
    text_ += xml(what) + "</text>\n";
  }
  void line(double x1, double y1, double x2, double y2, const char* colour, const char* more = "") {
    add("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"%s/>\n", x1, y1, x2, y2,
        colour, more);
  }
  template <class... Values>
  void add(const char* format, Values... values) {
    char part[512];
    std::snprintf(part, sizeof part, format, values...);
    text_ += part;
  }
  void raw(const std::string& part) { text_ += part; }
  std::string end() { return text_ + "</svg>\n"; }

 private:
  std::string text_;
};

void frame(Svg& svg, const LinePlot& plot, const Axis& x, const Axis& y) {
  for (const double tick : x.ticks) {
    const double at = left + width * x.at(tick);
    svg.line(at, top, at, top + height, "#dddddd");
    svg.words(at, top + height + 18, short_number(tick), "middle");
  }
  for (const double tick : y.ticks) {
    const double at = top + height * (1 - y.at(tick));
    svg.line(left, at, left + width, at, "#dddddd");
    svg.words(left - 8, at + 4, short_number(tick), "end");
  }
  svg.words(left + width / 2, top + height + 38, plot.x_label, "middle");
  svg.upward(18, top + height / 2, plot.y_label);
}

}  // namespace

std::string to_svg(const LinePlot& plot) {
  std::vector<double> xs, ys;
  for (const Line& line : plot.lines)
    for (const auto& [x, y] : line.points) {
      xs.push_back(x);
      ys.push_back(y);
    }
  const Axis x = axis_of(std::move(xs), plot.log_x), y = axis_of(std::move(ys), plot.log_y);
  const double below = top + height + 52;
  Svg svg(
      left + width + 24,
      below + legend_step * static_cast<double>(plot.lines.size()) + (plot.note.empty() ? 8 : 30),
      plot.title);
  frame(svg, plot, x, y);
  for (std::size_t i = 0; i < plot.lines.size(); ++i) {
    const Line& line = plot.lines[i];
    const char* colour = colours[i % colours.size()];
    const char* dash = line.dashed ? " stroke-dasharray=\"6 4\"" : "";
    std::string path, dots;
    for (const auto& [px, py] : line.points) {
      if (!x.shows(px) || !y.shows(py)) continue;
      char part[160];
      const double at_x = left + width * x.at(px), at_y = top + height * (1 - y.at(py));
      std::snprintf(part, sizeof part, "%s%.1f %.1f", path.empty() ? "M" : " L", at_x, at_y);
      path += part;
      std::snprintf(part, sizeof part, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
                    at_x, at_y, colour);
      dots += part;
    }
    svg.raw("<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"2\"" +
            dash + "/>\n" + dots);
    const double at = below + legend_step * static_cast<double>(i);
    svg.line(left, at, left + 26, at, colour, (std::string(" stroke-width=\"2\"") + dash).c_str());
    svg.words(left + 34, at + 4, line.name + (line.dashed ? " (computed)" : ""));
  }
  if (!plot.note.empty())
    svg.words(left, below + legend_step * static_cast<double>(plot.lines.size()) + 12, plot.note);
  return svg.end();
}

std::string to_svg(const BarPlot& plot) {
  constexpr double names = 240, bar = 18, step = 26, most_wide = 320;
  double most = 0;
  for (const Bar& one : plot.bars)
    if (std::isfinite(one.value)) most = std::max(most, one.value);
  const double below = top + step * static_cast<double>(plot.bars.size());
  Svg svg(names + most_wide + 120, below + (plot.note.empty() ? 12 : 34), plot.title);
  for (std::size_t i = 0; i < plot.bars.size(); ++i) {
    const Bar& one = plot.bars[i];
    const double y = top + step * static_cast<double>(i);
    const double wide =
        most > 0 && std::isfinite(one.value) ? most_wide * std::max(one.value, 0.0) / most : 0;
    svg.words(names - 8, y + bar - 4, one.name, "end", one.ours ? "bold" : "normal");
    svg.add("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", names, y,
            wide, bar, one.ours ? colours[0] : colours.back());
    svg.words(names + wide + 6, y + bar - 4, short_number(one.value) + " " + plot.unit);
  }
  if (!plot.note.empty()) svg.words(16, below + 18, plot.note);
  return svg.end();
}

}  // namespace limelight::bench
