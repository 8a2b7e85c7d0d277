// Statements, and the variables that they assign.
#include <nlohmann/json.hpp>

#include "stages/models/jinja/functions.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/loop.hpp"
#include "stages/models/jinja/macro.hpp"
#include "stages/models/jinja/objects.hpp"
#include "stages/models/jinja/printing.hpp"
#include "stages/models/jinja/variables.hpp"

namespace limelight::stages::jinja {

using Tag = Statement::Kind;

Interpreter::Interpreter(const Limits& limits, Clock clock)
    : budget_(limits), clock_(std::move(clock)) {}

Interpreter::~Interpreter() {
  for (const auto& activation : activations_)
    for (Value& slot : activation->slots) slot = Value();
  for (const auto& object : kept_) object->clear();
}

Interpreter::Nesting::Nesting(Interpreter& interpreter) : interpreter_(interpreter) {
  const int most = interpreter.budget_.limits().nesting;
  if (++interpreter.nesting_ > most) {
    --interpreter.nesting_;
    throw Failure{.code = ErrorCode::too_large,
                  .message =
                      "found blocks, expressions and macros that run in each other deeper "
                      "than " +
                      std::to_string(most)};
  }
}

std::string Interpreter::render(const Program& program, const nlohmann::ordered_json& variables) {
  add_global_functions(variables_);
  add_variables(variables, variables_);
  Activation& activation = activate(program.slots, nullptr);
  std::string out;
  enter(program.loads, activation);
  run(program.body, activation, out);
  return out;
}

Activation& Interpreter::activate(int slots, Activation* outer) {
  budget_.step(1 + slots);
  activations_.push_back(std::make_unique<Activation>());
  activations_.back()->slots.resize(static_cast<std::size_t>(slots));
  activations_.back()->outer = outer;
  return *activations_.back();
}

Value& Interpreter::variable(Activation& activation, Place place) {
  Activation* at = &activation;
  for (; place.up > 0; --place.up) at = at->outer;
  return at->slots[static_cast<std::size_t>(place.slot)];
}

void Interpreter::enter(const Loads& loads, Activation& activation) {
  budget_.step(static_cast<std::int64_t>(loads.size()));
  for (const Load& load : loads) {
    Value value;
    if (load.from == Load::From::outer) value = variable(activation, load.place);
    else if (load.from == Load::From::context)
      if (const auto found = variables_.find(load.name); found != variables_.end())
        value = found->second;
    activation.slots[static_cast<std::size_t>(load.slot)] = std::move(value);
  }
}

void Interpreter::leave(const Loads& loads, Activation& activation) {
  for (const Load& load : loads) activation.slots[static_cast<std::size_t>(load.slot)] = Value();
}

void Interpreter::write(std::string& out, std::string_view text) {
  budget_.check_text(out.size() + text.size());
  budget_.copy(text.size());
  out += text;
}

Interpreter::Flow Interpreter::run(const Block& block, Activation& activation, std::string& out) {
  const Nesting nesting(*this);
  for (const auto& statement : block)
    if (const Flow flow = run(*statement, activation, out); flow != Flow::on) return flow;
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const Statement& statement,
                                   Activation& activation,
                                   std::string& out) {
  budget_.step();
  line_ = statement.line;
  switch (statement.kind) {
    case Tag::text: write(out, static_cast<const TextStatement&>(statement).text); return Flow::on;
    case Tag::output: {
      const Value value = evaluate(*static_cast<const Output&>(statement).expression, activation);
      if (value.is(Kind::string)) write(out, value.bytes());
      else write(out, to_text(value, budget_));
      return Flow::on;
    }
    case Tag::if_: return run_if(static_cast<const If&>(statement), activation, out);
    case Tag::for_: return run_for(static_cast<const For&>(statement), activation, out);
    case Tag::set: {
      const auto& node = static_cast<const Set&>(statement);
      assign(*node.target, evaluate(*node.value, activation), activation);
      return Flow::on;
    }
    case Tag::set_block: return run_set_block(static_cast<const SetBlock&>(statement), activation);
    case Tag::macro: {
      const auto& node = static_cast<const Macro&>(statement);
      variable(activation, node.place) =
          Value::of(std::make_shared<MacroObject>(node.macro, activation));
      return Flow::on;
    }
    case Tag::call_block:
      run_call_block(static_cast<const CallBlock&>(statement), activation, out);
      return Flow::on;
    case Tag::filter_block:
      return run_filter_block(static_cast<const FilterBlock&>(statement), activation, out);
    case Tag::with: return run_with(static_cast<const With&>(statement), activation, out);
    case Tag::break_: return Flow::break_;
    case Tag::continue_: return Flow::continue_;
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::run_if(const If& node, Activation& activation, std::string& out) {
  for (const auto& [test, body] : node.branches)
    if (evaluate(*test, activation).truth()) return run(body, activation, out);
  return run(node.otherwise, activation, out);
}

Interpreter::Flow Interpreter::run_for(const For& node, Activation& activation, std::string& out) {
  const Value iterable = evaluate(*node.iterable, activation);
  std::unique_ptr<Iterator> items = iterate(iterable);
  std::optional<std::size_t> length = length_of(iterable);
  if (node.test) {
    enter(node.test_loads, activation);
    items = std::make_unique<FilteredIterator>(*this, node, activation, std::move(items));
    length.reset();
  }
  Iterator* source = items.get();
  std::shared_ptr<Loop> loop;
  if (node.loop_slot >= 0) {
    source = (loop = keep<Loop>(std::move(items), length)).get();
    activation.slots[static_cast<std::size_t>(node.loop_slot)] = Value::of(loop);
  }
  bool completed = false;  // an iteration got to its end; as in Jinja, `continue` does not count
  for (Value item; source->next(item);) {
    budget_.step();
    assign(*node.target, item, activation);
    enter(node.loads, activation);
    const Flow flow = run(node.body, activation, out);
    if (flow == Flow::break_) break;
    if (flow == Flow::on) completed = true;
  }
  leave(node.loads, activation);
  if (node.loop_slot >= 0) activation.slots[static_cast<std::size_t>(node.loop_slot)] = Value();
  if (completed || node.otherwise.empty()) return Flow::on;
  enter(node.otherwise_loads, activation);
  const Flow flow = run(node.otherwise, activation, out);
  leave(node.otherwise_loads, activation);
  return flow;
}

bool Interpreter::passes(const For& loop, const Value& item, Activation& activation) {
  const Nesting nesting(*this);
  budget_.step();
  assign(*loop.test_target, item, activation);
  return evaluate(*loop.test, activation).truth();
}

Interpreter::Flow Interpreter::run_set_block(const SetBlock& node, Activation& activation) {
  std::string text;
  enter(node.loads, activation);
  const Flow flow = run(node.body, activation, text);
  if (flow != Flow::on) return flow;
  Value value = Value::of(std::move(text));
  if (node.filter)
    value = evaluate_filter(static_cast<const FilterCall&>(*node.filter), activation, &value);
  assign(*node.target, std::move(value), activation);
  leave(node.loads, activation);
  return Flow::on;
}

Interpreter::Flow Interpreter::run_filter_block(const FilterBlock& node,
                                                Activation& activation,
                                                std::string& out) {
  std::string text;
  enter(node.loads, activation);
  const Flow flow = run(node.body, activation, text);
  if (flow != Flow::on) return flow;
  const Value block = Value::of(std::move(text));
  const Value value =
      evaluate_filter(static_cast<const FilterCall&>(*node.filter), activation, &block);
  write(out, to_text(value, budget_));
  leave(node.loads, activation);
  return Flow::on;
}

Interpreter::Flow Interpreter::run_with(const With& node,
                                        Activation& activation,
                                        std::string& out) {
  enter(node.loads, activation);
  for (std::size_t i = 0; i < node.targets.size(); ++i)
    assign(*node.targets[i], evaluate(*node.values[i], activation), activation);
  const Flow flow = run(node.body, activation, out);
  leave(node.loads, activation);
  return flow;
}

void Interpreter::run_call_block(const CallBlock& node, Activation& activation, std::string& out) {
  const Value caller = Value::of(std::make_shared<MacroObject>(node.macro, activation));
  write(out,
        to_text(evaluate_call(static_cast<const Call&>(*node.call), activation, &caller), budget_));
}

void Interpreter::assign(const Expression& target, Value value, Activation& activation) {
  if (target.kind == Expression::Kind::name) {
    variable(activation, static_cast<const Name&>(target).place) = std::move(value);
  } else if (target.kind == Expression::Kind::namespace_attribute) {
    const auto& attribute = static_cast<const Attribute&>(target);
    const Value object = evaluate(*attribute.object, activation);
    auto* space = object.as<Namespace>();
    if (space == nullptr)
      fail("found an assignment to an attribute of a value of type " +
           std::string(object.type_name()) + ", expected a namespace");
    space->set(attribute.name, std::move(value));
  } else {
    assign_items(static_cast<const Items&>(target), value, activation);
  }
}

void Interpreter::assign_items(const Items& target, const Value& value, Activation& activation) {
  const auto items = iterate(value);
  std::vector<Value> values;
  for (Value item; values.size() <= target.items.size() && items->next(item);)
    values.push_back(item);
  if (values.size() != target.items.size())
    fail("found " + std::string(values.size() < target.items.size() ? "fewer" : "more") +
         " values than the " + std::to_string(target.items.size()) + " names that take them");
  for (std::size_t i = 0; i < values.size(); ++i)
    assign(*target.items[i], std::move(values[i]), activation);
}

}  // namespace limelight::stages::jinja
