// Runs the syntax tree of a template: one rendering.
//
// Variables lie in activations: one for the template, and one for each call of a macro. Macros and
// what iterates lazily refer to activations, so all are kept until the rendering ends, as are
// objects that can change. Then all are emptied before any is freed, so that circles of references
// come apart, and chains do so without recursion.
//
// One thread uses an Interpreter; several can run the same Program. Every failure is thrown as a
// Failure.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "stages/models/jinja/object.hpp"
#include "stages/models/jinja/syntax.hpp"

namespace limelight::stages::jinja {

using Clock = std::function<std::chrono::system_clock::time_point()>;

struct Activation {
  std::vector<Value> slots;
  Activation* outer = nullptr;  // of the template or macro in which the macro was defined
};

class Interpreter {
 public:
  // clock: for strftime_now; empty: the system's.
  Interpreter(const Limits& limits, Clock clock);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  std::string render(const Program& program, const nlohmann::ordered_json& variables);
  int line() const noexcept { return line_; }  // that runs, for error messages

  // For filters, functions and objects:
  Budget& budget() noexcept { return budget_; }
  const Clock& clock() const noexcept { return clock_; }
  // callee: kept by the caller.
  Value call(const Value& callee, const Arguments& arguments);
  Value call_macro(const MacroBody& macro, Activation& outer, const Arguments& arguments);
  // Whether the item passes the test of the loop.
  bool passes(const For& loop, const Value& item, Activation& activation);
  // Makes an object that can change, or that others refer to without owning it.
  template <class T, class... Parts>
  std::shared_ptr<T> keep(Parts&&... parts) {
    budget_.step();
    auto object = std::make_shared<T>(std::forward<Parts>(parts)...);
    kept_.push_back(object);
    return object;
  }
  // Counts what runs inside of each other; held while it runs.
  class Nesting {
   public:
    explicit Nesting(Interpreter& interpreter);
    ~Nesting() { --interpreter_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Interpreter& interpreter_;
  };

 private:
  enum class Flow { on, break_, continue_ };

  // Statements (run.cpp)
  Flow run(const Block& block, Activation& activation, std::string& out);
  Flow run(const Statement& statement, Activation& activation, std::string& out);
  Flow run_if(const If& node, Activation& activation, std::string& out);
  Flow run_for(const For& node, Activation& activation, std::string& out);
  Flow run_set_block(const SetBlock& node, Activation& activation);
  Flow run_filter_block(const FilterBlock& node, Activation& activation, std::string& out);
  Flow run_with(const With& node, Activation& activation, std::string& out);
  void run_call_block(const CallBlock& node, Activation& activation, std::string& out);
  void write(std::string& out, std::string_view text);
  void enter(const Loads& loads, Activation& activation);
  static void leave(const Loads& loads, Activation& activation);
  static Value& variable(Activation& activation, Place place);
  void assign(const Expression& target, Value value, Activation& activation);
  void assign_items(const Items& target, const Value& value, Activation& activation);
  Activation& activate(int slots, Activation* outer);

  // Expressions (evaluate.cpp)
  Value evaluate(const Expression& node, Activation& activation);
  Value evaluate_kind(const Expression& node, Activation& activation);
  static Value evaluate_name(const Name& node, Activation& activation);
  std::vector<Value> evaluate_items(const Items& node, Activation& activation);
  Value evaluate_dict(const DictLiteral& node, Activation& activation);
  Value evaluate_unary(const Unary& node, Activation& activation);
  Value evaluate_binary(const Binary& node, Activation& activation);
  Value evaluate_comparison(const Comparison& node, Activation& activation);
  Value evaluate_logic(const Items& node, Activation& activation);
  Value evaluate_concat(const Items& node, Activation& activation);
  Value evaluate_conditional(const Conditional& node, Activation& activation);
  Value evaluate_slice(const Slice& node, Activation& activation);
  Value evaluate_call(const Call& node, Activation& activation, const Value* caller);
  Value evaluate_filter(const FilterCall& node, Activation& activation, const Value* block);
  Value evaluate_test(const TestCall& node, Activation& activation);
  Arguments evaluate_arguments(const CallArguments& node, Activation& activation);
  bool compare(Operator operation, const Value& left, const Value& right);

  Budget budget_;
  Clock clock_;
  std::unordered_map<std::string, Value> variables_;
  std::vector<std::unique_ptr<Activation>> activations_;
  std::vector<std::shared_ptr<Object>> kept_;
  int nesting_ = 0;
  int line_ = 1;
};

}  // namespace limelight::stages::jinja
