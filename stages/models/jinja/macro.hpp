// The value of a macro's name, and of `caller` in a macro that a call block calls.
#pragma once

#include <string_view>

#include "stages/models/jinja/interpreter.hpp"

namespace limelight::stages::jinja {

class MacroObject final : public Object {
 public:
  // Both live as long as the rendering.
  MacroObject(const MacroBody& macro, Activation& outer) : macro_(macro), outer_(outer) {}
  std::string_view type_name() const override { return "Macro"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override {
    return interpreter.call_macro(macro_, outer_, arguments);
  }
  Value attribute(Interpreter&, std::string_view name) override {
    return name == "name" && !macro_.name.empty() ? Value::of(macro_.name) : Value();
  }
  void print(std::string& out, int) const override {
    out += macro_.name.empty() ? "<Macro anonymous>" : "<Macro '" + macro_.name + "'>";
  }

 private:
  const MacroBody& macro_;
  Activation& outer_;
};

}  // namespace limelight::stages::jinja
