// Expressions, from the loosest operator to the tightest: conditional, or, and, not, comparisons,
// + and -, ~, * / // %, **, signs, then subscripts, calls, filters and tests. As in Jinja, ~ binds
// tighter than +, and ** is left-associative.
#include <algorithm>
#include <array>

#include "stages/models/jinja/filters.hpp"
#include "stages/models/jinja/parser.hpp"

namespace limelight::stages::jinja {

using Node = Expression::Kind;

ExpressionPtr Parser::grown(ExpressionPtr node, std::initializer_list<const Expression*> parts) {
  for (const Expression* part : parts)
    if (part != nullptr) node->height = std::max(node->height, part->height + 1);
  if (node->height > max_expression_height)
    corrupt(node->line, "found an expression of more than " +
                            std::to_string(max_expression_height) +
                            " operators, calls and filters in a row, expected fewer");
  return node;
}

ExpressionPtr Parser::grown(ExpressionPtr node,
                            const CallArguments& arguments,
                            const Expression* input) {
  node = grown(std::move(node), {input, arguments.more.get(), arguments.more_named.get()});
  for (const ExpressionPtr& argument : arguments.positional)
    node = grown(std::move(node), {argument.get()});
  for (const auto& [name, argument] : arguments.named)
    node = grown(std::move(node), {argument.get()});
  return node;
}

bool Parser::at_tuple_end(bool target) const {
  const TokenType type = current().type;
  return type == TokenType::expression_end || type == TokenType::block_end ||
         current().is_operator(")") || (target && current().is_name("in"));
}

ExpressionPtr Parser::parse_tuple(bool conditionals, bool simple, bool brackets, bool namespaces) {
  const int line = current().line;
  Expressions items;
  bool is_tuple = false;
  while (!at_tuple_end(simple)) {
    items.push_back(simple ? parse_primary(namespaces) : parse_expression(conditionals));
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) return std::move(items.front());
  if (!is_tuple && !brackets) unexpected("an expression");
  auto tuple = std::make_unique<Items>(Node::tuple, line, std::move(items));
  const Expressions& parts = tuple->items;
  ExpressionPtr node = std::move(tuple);
  for (const ExpressionPtr& part : parts) node = grown(std::move(node), {part.get()});
  return node;
}

ExpressionPtr Parser::parse_expression(bool conditionals) {
  const Nesting nesting(*this);
  ExpressionPtr left = parse_any();
  while (conditionals && current().is_name("if")) {
    const Conditionally conditionally(*this);
    auto node = std::make_unique<Conditional>(take().line);
    node->then = std::move(left);
    node->test = parse_any();
    if (skip_name("else")) node->otherwise = parse_expression();
    const Conditional& parts = *node;
    left = grown(std::move(node), {parts.then.get(), parts.test.get(), parts.otherwise.get()});
  }
  return left;
}

// One or several parts with `word`, a name or an operator, between them.
ExpressionPtr Parser::parse_row(Node kind, std::string_view word, ExpressionPtr (Parser::*part)()) {
  const int line = current().line;
  ExpressionPtr left = (this->*part)();
  const auto goes_on = [&] { return skip_name(word) || skip_operator(word); };
  if (!goes_on()) return left;
  auto node = std::make_unique<Items>(kind, line, Expressions{});
  int height = left->height;
  node->items.push_back(std::move(left));
  do {
    node->items.push_back((this->*part)());
    height = std::max(height, node->items.back()->height);
  } while (goes_on());
  node->height = height + 1;
  return grown(std::move(node), {});
}

ExpressionPtr Parser::parse_any() { return parse_row(Node::any, "or", &Parser::parse_all); }
ExpressionPtr Parser::parse_all() { return parse_row(Node::all, "and", &Parser::parse_not); }

ExpressionPtr Parser::parse_not() {
  if (!current().is_name("not")) return parse_comparison();
  const Nesting nesting(*this);
  const int line = take().line;
  ExpressionPtr operand = parse_not();
  const Expression* part = operand.get();
  return grown(std::make_unique<Unary>(line, Operator::not_, std::move(operand)), {part});
}

ExpressionPtr Parser::parse_comparison() {
  static constexpr std::array<std::pair<std::string_view, Operator>, 6> operators{
      {{"==", Operator::equal},
       {"!=", Operator::not_equal},
       {"<", Operator::less},
       {"<=", Operator::less_equal},
       {">", Operator::greater},
       {">=", Operator::greater_equal}}};
  ExpressionPtr first = parse_sum();
  decltype(Comparison::rest) rest;
  int height = first->height, first_line = 0;
  while (true) {
    const int line = current().line;
    const auto* found = std::find_if(operators.begin(), operators.end(), [this](const auto& op) {
      return current().is_operator(op.first);
    });
    Operator operation = Operator::in;
    if (found != operators.end()) operation = found->second;
    else if (current().is_name("not") && following().is_name("in")) {
      take();
      operation = Operator::not_in;
    } else if (!current().is_name("in")) break;
    take();
    if (rest.empty()) first_line = line;
    rest.emplace_back(operation, parse_sum());
    height = std::max(height, rest.back().second->height);
  }
  if (rest.empty()) return first;
  auto node = std::make_unique<Comparison>(first_line, std::move(first));
  node->rest = std::move(rest);
  node->height = height + 1;
  return grown(std::move(node), {});
}

ExpressionPtr Parser::parse_sum() {
  ExpressionPtr left = parse_concat();
  while (current().is_operator("+") || current().is_operator("-")) {
    const Operator operation = current().is_operator("+") ? Operator::add : Operator::subtract;
    const int line = take().line;
    auto node = std::make_unique<Binary>(line, operation, std::move(left), parse_concat());
    const Binary& parts = *node;
    left = grown(std::move(node), {parts.left.get(), parts.right.get()});
  }
  return left;
}

ExpressionPtr Parser::parse_concat() {
  return parse_row(Node::concat, "~", &Parser::parse_product);
}

ExpressionPtr Parser::parse_product() {
  static constexpr std::array<std::pair<std::string_view, Operator>, 4> operators{
      {{"*", Operator::multiply},
       {"/", Operator::divide},
       {"//", Operator::floor_divide},
       {"%", Operator::modulo}}};
  ExpressionPtr left = parse_power();
  while (true) {
    const auto* found = std::find_if(operators.begin(), operators.end(), [this](const auto& op) {
      return current().is_operator(op.first);
    });
    if (found == operators.end()) return left;
    const int line = take().line;
    auto node = std::make_unique<Binary>(line, found->second, std::move(left), parse_power());
    const Binary& parts = *node;
    left = grown(std::move(node), {parts.left.get(), parts.right.get()});
  }
}

ExpressionPtr Parser::parse_power() {
  ExpressionPtr left = parse_unary();
  while (current().is_operator("**")) {
    const int line = take().line;
    auto node = std::make_unique<Binary>(line, Operator::power, std::move(left), parse_unary());
    const Binary& parts = *node;
    left = grown(std::move(node), {parts.left.get(), parts.right.get()});
  }
  return left;
}

ExpressionPtr Parser::parse_unary(bool filters) {
  const Nesting nesting(*this);
  ExpressionPtr node;
  if (current().is_operator("-") || current().is_operator("+")) {
    const Operator operation = current().is_operator("-") ? Operator::negate : Operator::keep;
    const int line = take().line;
    ExpressionPtr operand = parse_unary(false);
    const Expression* part = operand.get();
    node = grown(std::make_unique<Unary>(line, operation, std::move(operand)), {part});
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return filters ? parse_filters(std::move(node)) : std::move(node);
}

ExpressionPtr Parser::parse_primary(bool namespaces) {
  const Token& token = current();
  if (token.type == TokenType::name) return parse_name(namespaces);
  if (token.type == TokenType::number) {
    const Token& number = take();
    return std::make_unique<Constant>(number.line, number.value);
  }
  if (token.type == TokenType::string) {
    const int line = token.line;
    std::string text;
    while (current().type == TokenType::string) text += take().value.bytes();
    return std::make_unique<Constant>(line, Value::of(std::move(text)));
  }
  if (skip_operator("(")) {
    const Nesting nesting(*this);
    ExpressionPtr node = parse_tuple(true, false, true);
    expect_operator(")");
    return node;
  }
  if (token.is_operator("[")) return parse_list();
  if (token.is_operator("{")) return parse_dict();
  unexpected("an expression");
}

ExpressionPtr Parser::parse_name(bool namespaces) {
  const Token& token = take();
  const std::string& name = token.text;
  const int line = token.line;
  if (name == "true" || name == "True") return std::make_unique<Constant>(line, Value::of(true));
  if (name == "false" || name == "False") return std::make_unique<Constant>(line, Value::of(false));
  if (name == "none" || name == "None") return std::make_unique<Constant>(line, Value::none());
  if (namespaces && skip_operator("."))
    return std::make_unique<Attribute>(Node::namespace_attribute, line,
                                       std::make_unique<Name>(line, name), expect_name());
  if (!in_target_) note_loaded(name);
  return std::make_unique<Name>(line, name);
}

ExpressionPtr Parser::parse_list() {
  auto node = std::make_unique<Items>(Node::list, current().line, Expressions{});
  expect_operator("[");
  int height = 0;
  while (!current().is_operator("]")) {
    if (!node->items.empty()) expect_operator(",");
    if (current().is_operator("]")) break;
    node->items.push_back(parse_expression());
    height = std::max(height, node->items.back()->height);
  }
  expect_operator("]");
  node->height = height + 1;
  return grown(std::move(node), {});
}

ExpressionPtr Parser::parse_dict() {
  auto node = std::make_unique<DictLiteral>(current().line);
  expect_operator("{");
  int height = 0;
  while (!current().is_operator("}")) {
    if (!node->entries.empty()) expect_operator(",");
    if (current().is_operator("}")) break;
    ExpressionPtr key = parse_expression();
    expect_operator(":");
    node->entries.emplace_back(std::move(key), parse_expression());
    height =
        std::max({height, node->entries.back().first->height, node->entries.back().second->height});
  }
  expect_operator("}");
  node->height = height + 1;
  return grown(std::move(node), {});
}

}  // namespace limelight::stages::jinja
