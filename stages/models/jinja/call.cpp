// Calls of functions and macros.
#include <algorithm>

#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"

namespace limelight::stages::jinja {

namespace {

// Takes the argument out; missing: there is none.
Value take_named(std::vector<std::pair<std::string, Value>>& named, std::string_view name) {
  const auto found = std::find_if(named.begin(), named.end(),
                                  [name](const auto& argument) { return argument.first == name; });
  if (found == named.end()) return {};
  Value value = std::move(found->second);
  named.erase(found);
  return value;
}

}  // namespace

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  if (callee.is(Kind::undefined))
    fail("found a call of '" + callee.name() + "', which is undefined");
  if (!callee.is(Kind::object))
    fail("found a call of a value of type " + std::string(callee.type_name()) +
         ", expected a function");
  const Nesting nesting(*this);
  return callee.object()->call(*this, arguments);
}

Value Interpreter::call_macro(const MacroBody& macro,
                              Activation& outer,
                              const Arguments& arguments) {
  const int calling_line = line_;
  Activation& activation = activate(macro.slots, &outer);
  const auto slot = [&](int index) -> Value& {
    return activation.slots[static_cast<std::size_t>(index)];
  };
  auto named = arguments.named;
  const std::size_t count = macro.parameters.size(),
                    given = std::min(count, arguments.positional.size());
  bool explicit_caller =
      given == count && std::find(macro.parameters.begin(), macro.parameters.end(), "caller") !=
                            macro.parameters.end();
  for (std::size_t i = 0; i < count; ++i) {
    explicit_caller |= i >= given && macro.parameters[i] == "caller";
    slot(macro.parameter_slots[i]) =
        i < given ? arguments.positional[i] : take_named(named, macro.parameters[i]);
  }
  if (macro.uses_caller && !explicit_caller) {
    Value caller = take_named(named, "caller");
    if (caller.is(Kind::missing) || caller.is(Kind::none)) caller = Value::undefined("caller");
    slot(macro.caller_slot) = std::move(caller);
  }
  if (macro.uses_kwargs) {
    Dict rest;
    for (auto& [name, value] : named) rest.set(Value::of(name), std::move(value));
    slot(macro.kwargs_slot) = Value::of(std::move(rest));
  } else if (!named.empty()) {
    fail("macro '" + macro.name + "': found the argument '" + named.front().first +
         "', which it does not have");
  }
  if (macro.uses_varargs)
    slot(macro.varargs_slot) =
        Value::tuple({arguments.positional.begin() + static_cast<std::ptrdiff_t>(given),
                      arguments.positional.end()});
  else if (arguments.positional.size() > count)
    fail("macro '" + macro.name + "': found " + std::to_string(arguments.positional.size()) +
         " arguments, expected at most " + std::to_string(count));
  enter(macro.loads, activation);
  for (std::size_t i = 0; i < count; ++i)
    if (Value& value = slot(macro.parameter_slots[i]); value.is(Kind::missing)) {
      const std::size_t without = count - macro.defaults.size();
      // Evaluated first, as it may refer to other parameters.
      Value initial = i < without ? Value::undefined(macro.parameters[i])
                                  : evaluate(*macro.defaults[i - without], activation);
      slot(macro.parameter_slots[i]) = std::move(initial);
    }
  std::string text;
  run(macro.body, activation, text);
  line_ = calling_line;
  return Value::of(std::move(text));
}

Arguments Interpreter::evaluate_arguments(const CallArguments& node, Activation& activation) {
  Arguments arguments;
  for (const ExpressionPtr& argument : node.positional)
    arguments.positional.push_back(evaluate(*argument, activation));
  if (node.more)
    for (Value& value : all_items(evaluate(*node.more, activation), budget_))
      arguments.positional.push_back(std::move(value));
  for (const auto& [name, argument] : node.named)
    arguments.named.emplace_back(name, evaluate(*argument, activation));
  if (!node.more_named) return arguments;
  const Value more = evaluate(*node.more_named, activation);
  if (!more.is(Kind::dict))
    fail("found '**' before a value of type " + std::string(more.type_name()) +
         ", expected a dict");
  for (const auto& [name, value] : more.dict().entries()) {
    budget_.step();
    if (!name.is(Kind::string)) fail("found '**' before a dict with a key that is no string");
    if (std::any_of(node.named.begin(), node.named.end(),
                    [&name = name](const auto& earlier) { return earlier.first == name.bytes(); }))
      fail("found the argument '" + name.bytes() + "' twice, expected once");
    arguments.named.emplace_back(name.bytes(), value);
  }
  return arguments;
}

Value Interpreter::evaluate_call(const Call& node, Activation& activation, const Value* caller) {
  const Value callee = evaluate(*node.callee, activation);
  Arguments arguments = evaluate_arguments(node.arguments, activation);
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  line_ = node.line;
  return call(callee, arguments);
}

}  // namespace limelight::stages::jinja
