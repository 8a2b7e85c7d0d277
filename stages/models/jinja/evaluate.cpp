// Expressions.
#include <algorithm>

#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/numbers.hpp"
#include "stages/models/jinja/printing.hpp"

namespace limelight::stages::jinja {

using Node = Expression::Kind;

Value Interpreter::evaluate(const Expression& node, Activation& activation) {
  const Nesting nesting(*this);
  budget_.step();
  return evaluate_kind(node, activation);
}

Value Interpreter::evaluate_kind(const Expression& node, Activation& activation) {
  switch (node.kind) {
    case Node::constant: return static_cast<const Constant&>(node).value;
    case Node::name: return evaluate_name(static_cast<const Name&>(node), activation);
    case Node::tuple:
      return Value::tuple(evaluate_items(static_cast<const Items&>(node), activation));
    case Node::list:
      return Value::list(evaluate_items(static_cast<const Items&>(node), activation));
    case Node::dict: return evaluate_dict(static_cast<const DictLiteral&>(node), activation);
    case Node::unary: return evaluate_unary(static_cast<const Unary&>(node), activation);
    case Node::binary: return evaluate_binary(static_cast<const Binary&>(node), activation);
    case Node::comparison:
      return evaluate_comparison(static_cast<const Comparison&>(node), activation);
    case Node::all:
    case Node::any: return evaluate_logic(static_cast<const Items&>(node), activation);
    case Node::concat: return evaluate_concat(static_cast<const Items&>(node), activation);
    case Node::conditional:
      return evaluate_conditional(static_cast<const Conditional&>(node), activation);
    case Node::attribute: {
      const auto& parts = static_cast<const Attribute&>(node);
      const Value object = evaluate(*parts.object, activation);
      line_ = node.line;
      return get_attribute(*this, object, parts.name);
    }
    case Node::item: {
      const auto& parts = static_cast<const Item&>(node);
      const Value object = evaluate(*parts.object, activation);
      const Value key = evaluate(*parts.key, activation);
      line_ = node.line;
      return get_item(*this, object, key);
    }
    case Node::slice: return evaluate_slice(static_cast<const Slice&>(node), activation);
    case Node::call: return evaluate_call(static_cast<const Call&>(node), activation, nullptr);
    case Node::filter:
      return evaluate_filter(static_cast<const FilterCall&>(node), activation, nullptr);
    case Node::test: return evaluate_test(static_cast<const TestCall&>(node), activation);
    case Node::namespace_attribute: break;
  }
  return {};
}

Value Interpreter::evaluate_name(const Name& node, Activation& activation) {
  if (node.place.slot < 0) return Value::undefined(node.name);
  const Value& value = variable(activation, node.place);
  return value.is(Kind::missing) ? Value::undefined(node.name) : value;
}

std::vector<Value> Interpreter::evaluate_items(const Items& node, Activation& activation) {
  std::vector<Value> values;
  for (const ExpressionPtr& item : node.items) values.push_back(evaluate(*item, activation));
  return values;
}

Value Interpreter::evaluate_dict(const DictLiteral& node, Activation& activation) {
  Dict dict;
  for (const auto& [key, value] : node.entries) {
    Value evaluated = evaluate(*key, activation);
    budget_.copy(evaluated.weight());
    dict.set(std::move(evaluated), evaluate(*value, activation));
  }
  return Value::of(std::move(dict));
}

Value Interpreter::evaluate_unary(const Unary& node, Activation& activation) {
  const Value operand = evaluate(*node.operand, activation);
  line_ = node.line;
  if (node.operation == Operator::not_) return Value::of(!operand.truth());
  return node.operation == Operator::negate ? negated(operand) : kept(operand);
}

Value Interpreter::evaluate_binary(const Binary& node, Activation& activation) {
  const Value left = evaluate(*node.left, activation);
  const Value right = evaluate(*node.right, activation);
  line_ = node.line;
  return calculate(budget_, node.operation, left, right);
}

bool Interpreter::compare(Operator operation, const Value& left, const Value& right) {
  if (operation == Operator::in) return contains(right, left, budget_);
  if (operation == Operator::not_in) return !contains(right, left, budget_);
  charge_comparison(budget_, left, right);
  switch (operation) {
    case Operator::equal: return equal(left, right);
    case Operator::not_equal: return !equal(left, right);
    default: return compare_order(operation, left, right);
  }
}

Value Interpreter::evaluate_comparison(const Comparison& node, Activation& activation) {
  Value left = evaluate(*node.first, activation);
  for (const auto& [operation, operand] : node.rest) {
    Value right = evaluate(*operand, activation);
    line_ = node.line;
    if (!compare(operation, left, right)) return Value::of(false);
    left = std::move(right);
  }
  return Value::of(true);
}

Value Interpreter::evaluate_logic(const Items& node, Activation& activation) {
  const bool any = node.kind == Node::any;
  Value value;
  for (const ExpressionPtr& item : node.items) {
    value = evaluate(*item, activation);
    if (value.truth() == any) break;
  }
  return value;
}

Value Interpreter::evaluate_concat(const Items& node, Activation& activation) {
  std::string text;
  for (const ExpressionPtr& item : node.items) {
    const Value value = evaluate(*item, activation);
    if (value.is(Kind::string)) write(text, value.bytes());
    else write(text, to_text(value, budget_));
  }
  return Value::of(std::move(text));
}

Value Interpreter::evaluate_conditional(const Conditional& node, Activation& activation) {
  if (evaluate(*node.test, activation).truth()) return evaluate(*node.then, activation);
  return node.otherwise ? evaluate(*node.otherwise, activation)
                        : Value::undefined("an if without an else");
}

Value Interpreter::evaluate_slice(const Slice& node, Activation& activation) {
  const Value object = evaluate(*node.object, activation);
  const auto bound = [&](const ExpressionPtr& part) {
    return part ? evaluate(*part, activation) : Value::none();
  };
  const Value begin = bound(node.begin), end = bound(node.end), step = bound(node.step);
  line_ = node.line;
  return get_slice(budget_, object, begin, end, step);
}

Value Interpreter::evaluate_filter(const FilterCall& node,
                                   Activation& activation,
                                   const Value* block) {
  // The innermost filter of a block takes the text of the block.
  const Value input =
      !node.input ? *block
      : block != nullptr && node.input->kind == Node::filter
          ? evaluate_filter(static_cast<const FilterCall&>(*node.input), activation, block)
          : evaluate(*node.input, activation);
  const Arguments arguments = evaluate_arguments(node.arguments, activation);
  line_ = node.line;
  if (node.filter == nullptr)
    refuse("found the filter '" + node.name + "', which is not supported");
  return node.filter(*this, input, arguments);
}

Value Interpreter::evaluate_test(const TestCall& node, Activation& activation) {
  const Value input = evaluate(*node.input, activation);
  const Arguments arguments = evaluate_arguments(node.arguments, activation);
  line_ = node.line;
  if (node.test == nullptr) refuse("found the test '" + node.name + "', which is not supported");
  return Value::of(node.test(*this, input, arguments));
}

}  // namespace limelight::stages::jinja
