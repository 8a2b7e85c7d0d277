// What follows an operand: attributes, subscripts and slices, calls, filters and tests.
#include <algorithm>

#include "stages/models/jinja/filters.hpp"
#include "stages/models/jinja/parser.hpp"
#include "stages/models/jinja/tests.hpp"

namespace limelight::stages::jinja {

using Node = Expression::Kind;

ExpressionPtr Parser::parse_postfix(ExpressionPtr operand) {
  while (true) {
    if (current().is_operator(".") || current().is_operator("["))
      operand = parse_subscript(std::move(operand));
    else if (current().is_operator("(")) operand = parse_call(std::move(operand));
    else return operand;
  }
}

ExpressionPtr Parser::parse_subscript(ExpressionPtr operand) {
  const int line = current().line;
  const Expression* part = operand.get();
  if (!skip_operator(".")) return parse_brackets(std::move(operand));
  if (current().type == TokenType::name)
    return grown(
        std::make_unique<Attribute>(Node::attribute, line, std::move(operand), take().text),
        {part});
  if (current().type != TokenType::number || !current().value.is(Kind::integer))
    unexpected("a name or a whole number after '.'");
  auto key = std::make_unique<Constant>(line, take().value);
  return grown(std::make_unique<Item>(line, std::move(operand), std::move(key)), {part});
}

ExpressionPtr Parser::parse_brackets(ExpressionPtr operand) {
  const Nesting nesting(*this);
  const int line = current().line;
  expect_operator("[");
  if (current().is_operator("]")) unexpected("a subscript");
  ExpressionPtr begin;
  if (!current().is_operator(":")) {
    begin = parse_tuple_in_brackets();
    if (skip_operator("]")) {
      auto node = std::make_unique<Item>(line, std::move(operand), std::move(begin));
      const Item& parts = *node;
      return grown(std::move(node), {parts.object.get(), parts.key.get()});
    }
  }
  expect_operator(":");
  auto node = std::make_unique<Slice>(line);
  node->object = std::move(operand);
  node->begin = std::move(begin);
  const auto at_part_end = [this] {
    return current().is_operator(":") || current().is_operator("]");
  };
  if (!at_part_end()) node->end = parse_expression();
  if (skip_operator(":") && !at_part_end()) node->step = parse_expression();
  if (current().is_operator(","))
    throw Failure{.code = ErrorCode::unavailable,
                  .message = "found a subscript of several slices, expected one",
                  .line = line};
  expect_operator("]");
  const Slice& parts = *node;
  return grown(std::move(node),
               {parts.object.get(), parts.begin.get(), parts.end.get(), parts.step.get()});
}

ExpressionPtr Parser::parse_tuple_in_brackets() {
  const int line = current().line;
  ExpressionPtr first = parse_expression();
  if (!current().is_operator(",")) return first;
  auto tuple = std::make_unique<Items>(Node::tuple, line, Expressions{});
  int height = first->height;
  tuple->items.push_back(std::move(first));
  while (skip_operator(",")) {
    if (current().is_operator("]")) break;
    tuple->items.push_back(parse_expression());
    height = std::max(height, tuple->items.back()->height);
  }
  tuple->height = height + 1;
  return grown(std::move(tuple), {});
}

ExpressionPtr Parser::parse_call(ExpressionPtr callee) {
  auto node = std::make_unique<Call>(current().line, std::move(callee));
  parse_arguments(node->arguments);
  const Call& parts = *node;
  return grown(std::move(node), parts.arguments, parts.callee.get());
}

void Parser::parse_arguments(CallArguments& arguments) {
  const Nesting nesting(*this);
  const int line = current().line;
  expect_operator("(");
  bool first = true;
  while (!current().is_operator(")")) {
    if (!std::exchange(first, false)) {
      expect_operator(",");
      if (current().is_operator(")")) break;
    }
    parse_argument(arguments, line);
  }
  expect_operator(")");
}

void Parser::parse_argument(CallArguments& arguments, int line) {
  const auto ensure = [line](bool allowed) {
    if (!allowed)
      corrupt(line,
              "found arguments in another order, expected those by position, then those by "
              "name");
  };
  if (skip_operator("*")) {
    ensure(arguments.more == nullptr && arguments.more_named == nullptr);
    arguments.more = parse_expression();
  } else if (skip_operator("**")) {
    ensure(arguments.more_named == nullptr);
    arguments.more_named = parse_expression();
  } else if (current().type == TokenType::name && following().is_operator("=")) {
    ensure(arguments.more_named == nullptr);
    std::string name = take().text;
    take();
    for (const auto& [earlier, value] : arguments.named)
      if (earlier == name) corrupt(line, "found the argument '" + name + "' twice, expected once");
    arguments.named.emplace_back(std::move(name), parse_expression());
  } else {
    ensure(arguments.more == nullptr && arguments.more_named == nullptr && arguments.named.empty());
    arguments.positional.push_back(parse_expression());
  }
}

ExpressionPtr Parser::parse_filters(ExpressionPtr operand) {
  while (true) {
    if (current().is_operator("|")) {
      take();
      operand = parse_filter(std::move(operand));
    } else if (current().is_name("is")) operand = parse_test(std::move(operand));
    else if (current().is_operator("(")) operand = parse_call(std::move(operand));
    else return operand;
  }
}

std::string Parser::parse_dotted_name() {
  std::string name = expect_name();
  while (skip_operator(".")) name += "." + expect_name();
  return name;
}

ExpressionPtr Parser::parse_filter(ExpressionPtr input) {
  const int line = current().line;
  auto node = std::make_unique<FilterCall>(line, parse_dotted_name());
  node->filter = find_filter(node->name);
  if (node->filter == nullptr && conditions_ == 0)
    throw Failure{.code = ErrorCode::unavailable,
                  .message = "found the filter '" + node->name + "', which is not supported",
                  .line = line};
  if (current().is_operator("(")) parse_arguments(node->arguments);
  node->input = std::move(input);
  const FilterCall& parts = *node;
  return grown(std::move(node), parts.arguments, parts.input.get());
}

ExpressionPtr Parser::parse_test(ExpressionPtr input) {
  const int line = take().line;  // of `is`
  const bool negated = skip_name("not");
  auto node = std::make_unique<TestCall>(line, parse_dotted_name());
  node->test = find_test(node->name);
  if (node->test == nullptr && conditions_ == 0)
    throw Failure{.code = ErrorCode::unavailable,
                  .message = "found the test '" + node->name + "', which is not supported",
                  .line = line};
  const Token& next = current();
  const bool operand = next.type == TokenType::name || next.type == TokenType::string ||
                       next.type == TokenType::number || next.is_operator("[") ||
                       next.is_operator("{");
  if (next.is_operator("(")) parse_arguments(node->arguments);
  else if (operand && !next.is_name("else") && !next.is_name("or") && !next.is_name("and")) {
    if (next.is_name("is")) corrupt(line, "found a test of a test, expected one 'is'");
    node->arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  node->input = std::move(input);
  const TestCall& parts = *node;
  ExpressionPtr test = grown(std::move(node), parts.arguments, parts.input.get());
  if (!negated) return test;
  const Expression* part = test.get();
  return grown(std::make_unique<Unary>(line, Operator::not_, std::move(test)), {part});
}

}  // namespace limelight::stages::jinja
