// Tags and the blocks between them.
#include <algorithm>

#include "stages/models/jinja/parser.hpp"

namespace limelight::stages::jinja {

Parser::Nesting::Nesting(Parser& parser) : parser_(parser) {
  if (++parser_.nesting_ > max_template_nesting)
    corrupt(parser_.current().line, "found blocks or expressions that are nested deeper than " +
                                        std::to_string(max_template_nesting) + ", expected fewer");
}

bool Parser::skip_operator(std::string_view op) {
  if (!current().is_operator(op)) return false;
  take();
  return true;
}
bool Parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  take();
  return true;
}
void Parser::expect_operator(std::string_view op) {
  if (!skip_operator(op)) unexpected("'" + std::string(op) + "'");
}
std::string Parser::expect_name() {
  if (current().type != TokenType::name) unexpected("a name");
  return take().text;
}
void Parser::expect(TokenType type, std::string_view said) {
  if (current().type != type) unexpected(said);
  take();
}
void Parser::unexpected(std::string_view expected) const {
  corrupt(current().line, "found " + describe(current()) + ", expected " + std::string(expected));
}
void Parser::corrupt(int line, std::string message) {
  throw Failure{.code = ErrorCode::corrupt, .message = std::move(message), .line = line};
}

Program Parser::parse() {
  Program program;
  program.body = parse_block({});
  return program;
}

Block Parser::parse_block(Ends ends) {
  Block block;
  while (true) {
    const Token& token = current();
    if (token.type == TokenType::data) {
      block.push_back(std::make_unique<TextStatement>(token.line, take().text));
    } else if (token.type == TokenType::expression_begin) {
      const int line = take().line;
      block.push_back(std::make_unique<Output>(line, parse_tuple()));
      expect(TokenType::expression_end, "'}}'");
    } else if (token.type == TokenType::block_begin) {
      take();
      if (current().type == TokenType::name &&
          std::find(ends.begin(), ends.end(), current().text) != ends.end())
        return block;
      if (current().is_name("print")) parse_print(block);
      else block.push_back(parse_statement(ends));
      expect(TokenType::block_end, "'%}'");
    } else {
      if (ends.size() != 0) unexpected("'{% " + std::string(*(ends.end() - 1)) + " %}'");
      return block;
    }
  }
}

Block Parser::parse_body(Ends ends) {
  skip_operator(":");
  expect(TokenType::block_end, "'%}'");
  return parse_block(ends);
}

Block Parser::parse_last_body(std::string_view end) {
  Block block = parse_body({end});
  take();
  return block;
}

std::unique_ptr<Statement> Parser::parse_statement(Ends ends) {
  const Nesting nesting(*this);
  if (current().type != TokenType::name) unexpected("the name of a tag");
  const std::string name = current().text;
  if (name == "if") return parse_if();
  if (name == "for") return parse_for();
  if (name == "set") return parse_set();
  if (name == "macro") return parse_macro();
  if (name == "call") return parse_call_block();
  if (name == "filter") return parse_filter_block();
  if (name == "with") return parse_with();
  if (name == "generation") return parse_generation();
  if (name == "break" || name == "continue") return parse_jump();
  for (const std::string_view other :
       {"include", "import", "from", "extends", "block", "autoescape"})
    if (name == other)
      throw Failure{.code = ErrorCode::unavailable,
                    .message = "found the tag '" + name + "', which is not supported",
                    .line = current().line};
  unexpected(ends.size() == 0 ? "the name of a tag"
                              : "the name of a tag, or '" + std::string(*(ends.end() - 1)) + "'");
}

std::unique_ptr<Statement> Parser::parse_if() {
  const Conditionally conditionally(*this);
  auto node = std::make_unique<If>(take().line);
  while (true) {
    ExpressionPtr test = parse_tuple(false);
    Block body = parse_body({"elif", "else", "endif"});
    node->branches.emplace_back(std::move(test), std::move(body));
    if (skip_name("elif")) continue;
    if (skip_name("else")) node->otherwise = parse_last_body("endif");
    else take();
    return node;
  }
}

std::unique_ptr<Statement> Parser::parse_for() {
  auto node = std::make_unique<For>(take().line);
  const std::size_t target = at_;
  loop_uses_.push_back(false);  // so that the target is not called `loop` either
  node->target = parse_target(false);
  loop_uses_.pop_back();
  if (!skip_name("in")) unexpected("'in'");
  node->iterable = parse_tuple(false);
  if (skip_name("if")) {
    node->test = parse_expression();
    const std::size_t behind = std::exchange(at_, target);
    node->test_target = parse_target(false);
    at_ = behind;
  }
  if (current().is_name("recursive"))
    throw Failure{.code = ErrorCode::unavailable,
                  .message = "found a recursive loop, which is not supported",
                  .line = node->line};
  ++loops_;
  loop_uses_.push_back(false);
  node->body = parse_body({"else", "endfor"});
  if (loop_uses_.back()) node->loop_slot = 0;  // the scopes choose the slot
  loop_uses_.pop_back();
  --loops_;
  if (take().text == "else") node->otherwise = parse_last_body("endfor");
  return node;
}

std::unique_ptr<Statement> Parser::parse_set() {
  const int line = take().line;
  ExpressionPtr target = parse_target(true);
  if (skip_operator("=")) {
    auto node = std::make_unique<Set>(line);
    node->target = std::move(target);
    node->value = parse_tuple();
    return node;
  }
  auto node = std::make_unique<SetBlock>(line);
  node->target = std::move(target);
  while (skip_operator("|")) node->filter = parse_filter(std::move(node->filter));
  node->body = parse_last_body("endset");
  return node;
}

std::unique_ptr<Statement> Parser::parse_macro() {
  auto node = std::make_unique<Macro>(take().line);
  node->macro.name = expect_name();
  parse_signature(node->macro);
  parse_macro_body(node->macro, "endmacro");
  return node;
}

std::unique_ptr<Statement> Parser::parse_call_block() {
  auto node = std::make_unique<CallBlock>(take().line);
  if (current().is_operator("(")) parse_signature(node->macro);
  node->call = parse_expression();
  if (node->call->kind != Expression::Kind::call)
    corrupt(node->line, "found a call block without a call, expected one such as {% call f() %}");
  parse_macro_body(node->macro, "endcall");
  return node;
}

void Parser::parse_signature(MacroBody& macro) {
  expect_operator("(");
  while (!current().is_operator(")")) {
    if (!macro.parameters.empty()) expect_operator(",");
    const int line = current().line;
    std::string name = expect_name();
    if (std::find(macro.parameters.begin(), macro.parameters.end(), name) != macro.parameters.end())
      corrupt(line, "found the parameter '" + name + "' twice, expected once");
    macro.parameters.push_back(std::move(name));
    if (skip_operator("=")) macro.defaults.push_back(parse_expression());
    else if (!macro.defaults.empty())
      corrupt(line,
              "found a parameter without a default, expected one with a default, as the one "
              "before it has");
  }
  expect_operator(")");
}

void Parser::parse_macro_body(MacroBody& macro, std::string_view end) {
  const int loops = std::exchange(loops_, 0);
  macro_uses_.push_back({Special{"caller"}, Special{"kwargs"}, Special{"varargs"}});
  macro.body = parse_last_body(end);
  const MacroUses uses = macro_uses_.back();
  macro_uses_.pop_back();
  loops_ = loops;
  const auto special = [&](std::size_t i) {
    return uses[i].read && std::find(macro.parameters.begin(), macro.parameters.end(),
                                     uses[i].name) == macro.parameters.end();
  };
  macro.uses_caller = special(0);
  macro.uses_kwargs = special(1);
  macro.uses_varargs = special(2);
}

std::unique_ptr<Statement> Parser::parse_filter_block() {
  auto node = std::make_unique<FilterBlock>(take().line);
  node->filter = parse_filter(nullptr);
  while (skip_operator("|")) node->filter = parse_filter(std::move(node->filter));
  node->body = parse_last_body("endfilter");
  return node;
}

std::unique_ptr<Statement> Parser::parse_with() {
  auto node = std::make_unique<With>(take().line);
  while (current().type != TokenType::block_end && !current().is_operator(":")) {
    if (!node->targets.empty()) expect_operator(",");
    node->targets.push_back(parse_target(false));
    expect_operator("=");
    node->values.push_back(parse_expression());
  }
  node->body = parse_last_body("endwith");
  return node;
}

// Marks what the model wrote, for training. The text is as without the tag.
std::unique_ptr<Statement> Parser::parse_generation() {
  auto node = std::make_unique<With>(take().line);
  const int loops = std::exchange(loops_, 0);
  node->body = parse_last_body("endgeneration");
  loops_ = loops;
  return node;
}

std::unique_ptr<Statement> Parser::parse_jump() {
  const Token& token = take();
  if (loops_ == 0)
    corrupt(token.line, "found '" + token.text + "' outside of a loop, expected it in a for block");
  return std::make_unique<Jump>(
      token.text == "break" ? Statement::Kind::break_ : Statement::Kind::continue_, token.line);
}

void Parser::parse_print(Block& block) {
  const int line = take().line;
  bool first = true;
  while (current().type != TokenType::block_end) {
    if (!std::exchange(first, false)) expect_operator(",");
    block.push_back(std::make_unique<Output>(line, parse_expression()));
  }
}

ExpressionPtr Parser::parse_target(bool namespaces) {
  in_target_ = true;
  ExpressionPtr target = parse_tuple(true, true, false, namespaces);
  in_target_ = false;
  check_target(*target);
  return target;
}

void Parser::check_target(const Expression& target) {
  if (target.kind == Expression::Kind::namespace_attribute) return;
  if (target.kind == Expression::Kind::name)
    return note_stored(static_cast<const Name&>(target).name, target.line);
  if (target.kind != Expression::Kind::tuple)
    corrupt(target.line, "found an assignment to an expression, expected a name");
  for (const ExpressionPtr& item : static_cast<const Items&>(target).items) check_target(*item);
}

void Parser::note_loaded(std::string_view name) {
  if (name == "loop") std::fill(loop_uses_.begin(), loop_uses_.end(), true);
  for (MacroUses& uses : macro_uses_)
    for (Special& special : uses)
      if (special.name == name && !special.assigned) special.read = true;
}

void Parser::note_stored(std::string_view name, int line) {
  if (name == "loop" && !loop_uses_.empty())
    corrupt(line, "found an assignment to 'loop' in a loop, expected another name");
  for (MacroUses& uses : macro_uses_)
    for (Special& special : uses)
      if (special.name == name) special.assigned = true;
}

}  // namespace limelight::stages::jinja
