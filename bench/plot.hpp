// Plots as SVG: lines over a logarithmic or linear axis, and bars. A plot states its title, its
// axes with units and a note, reads in the dark and in print, and needs no font of its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace limelight::bench {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // in the order of x
  bool dashed = false;                            // computed, not measured
};

// Points that a logarithmic axis cannot show (0 or less) are left out.
struct LinePlot {
  std::string title, x_label, y_label;
  std::string note = {};  // below the plot
  bool log_x = false, log_y = false;
  std::vector<Line> lines;
};
std::string to_svg(const LinePlot& plot);

struct Bar {
  std::string name;
  double value = 0;
  bool ours = true;  // otherwise of a peer, or a floor
};
struct BarPlot {
  std::string title, unit;
  std::string note = {};
  std::vector<Bar> bars;
};
std::string to_svg(const BarPlot& plot);

}  // namespace limelight::bench
