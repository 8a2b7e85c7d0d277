// The syntax tree of a template. It is made by the parser, completed by the scopes (scopes.hpp),
// and does not change afterwards, so that several threads can render it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "stages/models/jinja/value.hpp"

namespace limelight::stages::jinja {

class Interpreter;
struct Arguments;
using Filter = Value (*)(Interpreter&, const Value& input, const Arguments&);
using Test = bool (*)(Interpreter&, const Value& input, const Arguments&);

// Where a variable lies at run time: in a slot of the running macro, or of one `up` around it.
struct Place {
  int up = 0;
  int slot = -1;
};

// --- Expressions ---

struct Expression {
  enum class Kind : std::uint8_t {
    constant,
    name,
    tuple,
    list,
    dict,
    unary,
    binary,
    concat,
    comparison,
    all,
    any,
    conditional,
    attribute,
    item,
    slice,
    call,
    filter,
    test,
    namespace_attribute
  };
  Expression(Kind the_kind, int the_line) : kind(the_kind), line(the_line) {}
  virtual ~Expression() = default;
  Kind kind;
  int line;
  int height = 1;  // of the tree below it
};
using ExpressionPtr = std::unique_ptr<Expression>;
using Expressions = std::vector<ExpressionPtr>;

struct Constant final : Expression {
  Constant(int at, Value is) : Expression(Kind::constant, at), value(std::move(is)) {}
  Value value;
};
struct Name final : Expression {
  Name(int at, std::string is) : Expression(Kind::name, at), name(std::move(is)) {}
  std::string name;
  Place place;
};
// Of a tuple, a list, a concatenation (~), `and` (all) or `or` (any).
struct Items final : Expression {
  Items(Kind the_kind, int at, Expressions are) : Expression(the_kind, at), items(std::move(are)) {}
  Expressions items;
};
struct DictLiteral final : Expression {
  explicit DictLiteral(int at) : Expression(Kind::dict, at) {}
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
enum class Operator : std::uint8_t {
  negate,
  keep,
  not_,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in
};
struct Unary final : Expression {
  Unary(int at, Operator is, ExpressionPtr on)
      : Expression(Kind::unary, at), operation(is), operand(std::move(on)) {}
  Operator operation;
  ExpressionPtr operand;
};
struct Binary final : Expression {
  Binary(int at, Operator is, ExpressionPtr a, ExpressionPtr b)
      : Expression(Kind::binary, at), operation(is), left(std::move(a)), right(std::move(b)) {}
  Operator operation;
  ExpressionPtr left, right;
};
struct Comparison final : Expression {  // a < b < c
  Comparison(int at, ExpressionPtr is) : Expression(Kind::comparison, at), first(std::move(is)) {}
  ExpressionPtr first;
  std::vector<std::pair<Operator, ExpressionPtr>> rest;
};
struct Conditional final : Expression {  // a if b else c
  explicit Conditional(int at) : Expression(Kind::conditional, at) {}
  ExpressionPtr test, then, otherwise;  // otherwise: may be null
};
struct Attribute final : Expression {  // a.b; also ns.b as the target of `set`
  Attribute(Kind the_kind, int at, ExpressionPtr is, std::string named)
      : Expression(the_kind, at), object(std::move(is)), name(std::move(named)) {}
  ExpressionPtr object;
  std::string name;
};
struct Item final : Expression {  // a[b]
  Item(int at, ExpressionPtr is, ExpressionPtr by)
      : Expression(Kind::item, at), object(std::move(is)), key(std::move(by)) {}
  ExpressionPtr object, key;
};
struct Slice final : Expression {  // a[b:c:d]; each of the three may be null
  explicit Slice(int at) : Expression(Kind::slice, at) {}
  ExpressionPtr object, begin, end, step;
};
struct CallArguments {
  Expressions positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more, more_named;  // *more, **more_named; may be null
};
struct Call final : Expression {
  Call(int at, ExpressionPtr is) : Expression(Kind::call, at), callee(std::move(is)) {}
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterCall final : Expression {  // a|b(c)
  FilterCall(int at, std::string named) : Expression(Kind::filter, at), name(std::move(named)) {}
  ExpressionPtr input;  // null: the block that the filter belongs to
  std::string name;
  Filter filter = nullptr;  // null: not supported, an error where it runs
  CallArguments arguments;
};
struct TestCall final : Expression {  // a is b(c)
  TestCall(int at, std::string named) : Expression(Kind::test, at), name(std::move(named)) {}
  ExpressionPtr input;
  std::string name;
  Test test = nullptr;  // null: not supported, an error where it runs
  CallArguments arguments;
};

// --- Statements ---

struct Statement {
  enum class Kind : std::uint8_t {
    text,
    output,
    if_,
    for_,
    set,
    set_block,
    macro,
    call_block,
    filter_block,
    with,
    break_,
    continue_
  };
  Statement(Kind the_kind, int the_line) : kind(the_kind), line(the_line) {}
  virtual ~Statement() = default;
  Kind kind;
  int line;
};
using Block = std::vector<std::unique_ptr<Statement>>;

// What a variable begins with when its scope is entered.
struct Load {
  enum class From : std::uint8_t { nothing, outer, context };
  int slot = -1;
  From from = From::nothing;
  Place place;       // if from the scope around it
  std::string name;  // if from the variables of the rendering
};
using Loads = std::vector<Load>;

struct TextStatement final : Statement {
  TextStatement(int at, std::string is) : Statement(Kind::text, at), text(std::move(is)) {}
  std::string text;
};
struct Output final : Statement {
  Output(int at, ExpressionPtr is) : Statement(Kind::output, at), expression(std::move(is)) {}
  ExpressionPtr expression;
};
struct If final : Statement {
  explicit If(int at) : Statement(Kind::if_, at) {}
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For final : Statement {
  explicit For(int at) : Statement(Kind::for_, at) {}
  ExpressionPtr target, iterable, test;  // test: may be null
  Block body, otherwise;
  Loads loads, test_loads, otherwise_loads;
  ExpressionPtr test_target;  // as `target`, in the scope of the test
  int loop_slot = -1;         // of the variable `loop`; -1: the body does not use it
};
struct Set final : Statement {
  explicit Set(int at) : Statement(Kind::set, at) {}
  ExpressionPtr target, value;
};
struct SetBlock final : Statement {
  explicit SetBlock(int at) : Statement(Kind::set_block, at) {}
  ExpressionPtr target, filter;  // filter: may be null
  Block body;
  Loads loads;
};
// What is called: a macro, or the block inside of {% call %}.
struct MacroBody {
  std::string name;
  std::vector<std::string> parameters;
  Expressions defaults;  // of the last parameters
  Block body;
  Loads loads;
  std::vector<int> parameter_slots;
  int slots = 0;                                              // of its activation
  int caller_slot = -1, kwargs_slot = -1, varargs_slot = -1;  // -1: the body does not use it
  bool uses_caller = false, uses_kwargs = false, uses_varargs = false;
};
struct Macro final : Statement {
  explicit Macro(int at) : Statement(Kind::macro, at) {}
  MacroBody macro;
  Place place;
};
struct CallBlock final : Statement {
  explicit CallBlock(int at) : Statement(Kind::call_block, at) {}
  MacroBody macro;
  ExpressionPtr call;
};
struct FilterBlock final : Statement {
  explicit FilterBlock(int at) : Statement(Kind::filter_block, at) {}
  ExpressionPtr filter;
  Block body;
  Loads loads;
};
// {% with %}; without targets also {% generation %}.
struct With final : Statement {
  explicit With(int at) : Statement(Kind::with, at) {}
  Expressions targets, values;
  Block body;
  Loads loads;
};
struct Jump final : Statement {
  Jump(Kind the_kind, int at) : Statement(the_kind, at) {}
};

struct Program {
  Block body;
  Loads loads;
  int slots = 0;
};

}  // namespace limelight::stages::jinja
