// Makes the syntax tree of a template from its tokens.
//
// The grammar is Jinja's. What it has and this project lacks is refused here, unless it stands in a
// condition and may never run: then it is an error where it does.
#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "stages/models/jinja/syntax.hpp"
#include "stages/models/jinja/token.hpp"

namespace limelight::stages::jinja {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  // Throws a Failure at what the grammar does not allow. The names have no places yet.
  Program parse();

 private:
  // Counts what is open, so that no template makes the parser recurse without a bound.
  class Nesting {
   public:
    explicit Nesting(Parser& parser);
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser& parser_;
  };
  class Conditionally {
   public:
    explicit Conditionally(Parser& parser) : parser_(parser) { ++parser_.conditions_; }
    ~Conditionally() { --parser_.conditions_; }
    Conditionally(const Conditionally&) = delete;
    Conditionally& operator=(const Conditionally&) = delete;

   private:
    Parser& parser_;
  };
  // Of a macro: whether its body reads these names, or assigns them before it does.
  struct Special {
    std::string_view name;
    bool read = false, assigned = false;
  };
  using MacroUses = std::array<Special, 3>;

  // Tokens
  const Token& current() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  const Token& take() { return tokens_[current().type == TokenType::end ? at_ : at_++]; }
  bool skip_operator(std::string_view op);
  bool skip_name(std::string_view name);
  void expect_operator(std::string_view op);
  std::string expect_name();
  void expect(TokenType type, std::string_view said);
  [[noreturn]] void unexpected(std::string_view expected) const;
  [[noreturn]] static void corrupt(int line, std::string message);

  // Statements (parse_statements.cpp)
  using Ends = std::initializer_list<std::string_view>;
  Block parse_block(Ends ends);                 // up to a tag that begins with one of these names
  Block parse_body(Ends ends);                  // the same, after the end of the tag that opens it
  Block parse_last_body(std::string_view end);  // and takes the name that ends it
  std::unique_ptr<Statement> parse_statement(Ends ends);
  std::unique_ptr<Statement> parse_if();
  std::unique_ptr<Statement> parse_for();
  std::unique_ptr<Statement> parse_set();
  std::unique_ptr<Statement> parse_macro();
  std::unique_ptr<Statement> parse_call_block();
  std::unique_ptr<Statement> parse_filter_block();
  std::unique_ptr<Statement> parse_with();
  std::unique_ptr<Statement> parse_generation();
  std::unique_ptr<Statement> parse_jump();
  void parse_print(Block& block);
  void parse_signature(MacroBody& macro);
  void parse_macro_body(MacroBody& macro, std::string_view end);
  ExpressionPtr parse_target(bool namespaces);
  void check_target(const Expression& target);
  void note_loaded(std::string_view name);
  void note_stored(std::string_view name, int line);

  // Expressions (parse_expressions.cpp)
  ExpressionPtr parse_tuple(bool conditionals = true,
                            bool simple = false,
                            bool brackets = false,
                            bool namespaces = false);
  ExpressionPtr parse_expression(bool conditionals = true);
  ExpressionPtr parse_row(Expression::Kind kind,
                          std::string_view word,
                          ExpressionPtr (Parser::*part)());
  ExpressionPtr parse_any();
  ExpressionPtr parse_all();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool filters = true);
  ExpressionPtr parse_primary(bool namespaces = false);
  ExpressionPtr parse_name(bool namespaces);
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr operand);
  ExpressionPtr parse_subscript(ExpressionPtr operand);
  ExpressionPtr parse_brackets(ExpressionPtr operand);
  ExpressionPtr parse_tuple_in_brackets();
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_filters(ExpressionPtr operand);
  ExpressionPtr parse_filter(ExpressionPtr input);
  ExpressionPtr parse_test(ExpressionPtr input);
  void parse_arguments(CallArguments& arguments);
  void parse_argument(CallArguments& arguments, int line);
  std::string parse_dotted_name();
  bool at_tuple_end(bool target) const;
  // Sets the height of a node from those of its parts.
  static ExpressionPtr grown(ExpressionPtr node, std::initializer_list<const Expression*> parts);
  static ExpressionPtr grown(ExpressionPtr node,
                             const CallArguments& arguments,
                             const Expression* input);

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  int conditions_ = 0;                 // around the current token
  int loops_ = 0;                      // around it, that `break` can end
  std::vector<bool> loop_uses_;        // of the `for` blocks around it: whether `loop` was read
  std::vector<MacroUses> macro_uses_;  // of the macros around it
  bool in_target_ = false;
};

}  // namespace limelight::stages::jinja
