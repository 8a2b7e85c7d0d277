#include "stages/models/jinja/scopes.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

namespace limelight::stages::jinja {

namespace {

using Node = Expression::Kind;
using Tag = Statement::Kind;
using Visit = std::function<void(Expression&)>;

void visit_arguments(const CallArguments& arguments, const Visit& visit) {
  for (const ExpressionPtr& argument : arguments.positional) visit(*argument);
  for (const auto& [name, argument] : arguments.named) visit(*argument);
  if (arguments.more) visit(*arguments.more);
  if (arguments.more_named) visit(*arguments.more_named);
}

void visit_parts(Expression& node, const Visit& visit) {
  switch (node.kind) {
    case Node::constant:
    case Node::name: break;
    case Node::tuple:
    case Node::list:
    case Node::concat:
    case Node::all:
    case Node::any:
      for (const ExpressionPtr& item : static_cast<Items&>(node).items) visit(*item);
      break;
    case Node::dict:
      for (const auto& [key, value] : static_cast<DictLiteral&>(node).entries) {
        visit(*key);
        visit(*value);
      }
      break;
    case Node::unary: visit(*static_cast<Unary&>(node).operand); break;
    case Node::binary:
      visit(*static_cast<Binary&>(node).left);
      visit(*static_cast<Binary&>(node).right);
      break;
    case Node::comparison:
      visit(*static_cast<Comparison&>(node).first);
      for (const auto& [operation, operand] : static_cast<Comparison&>(node).rest) visit(*operand);
      break;
    case Node::conditional: {
      auto& parts = static_cast<Conditional&>(node);
      visit(*parts.test);
      visit(*parts.then);
      if (parts.otherwise) visit(*parts.otherwise);
      break;
    }
    case Node::attribute:
    case Node::namespace_attribute: visit(*static_cast<Attribute&>(node).object); break;
    case Node::item:
      visit(*static_cast<Item&>(node).object);
      visit(*static_cast<Item&>(node).key);
      break;
    case Node::slice: {
      auto& parts = static_cast<Slice&>(node);
      for (Expression* part :
           {parts.object.get(), parts.begin.get(), parts.end.get(), parts.step.get()})
        if (part != nullptr) visit(*part);
      break;
    }
    case Node::call:
      visit(*static_cast<Call&>(node).callee);
      visit_arguments(static_cast<Call&>(node).arguments, visit);
      break;
    case Node::filter:
      if (static_cast<FilterCall&>(node).input) visit(*static_cast<FilterCall&>(node).input);
      visit_arguments(static_cast<FilterCall&>(node).arguments, visit);
      break;
    case Node::test:
      visit(*static_cast<TestCall&>(node).input);
      visit_arguments(static_cast<TestCall&>(node).arguments, visit);
      break;
  }
}

class Scope {
 public:
  // slots: the count of the macro or template that the scope belongs to.
  Scope(Scope* outer, int& slots) : outer_(outer), slots_(slots) {}

  void load(const std::string& name) {
    if (!find(name)) define(name, Load::From::context);
  }
  void store(const std::string& name, bool conditionally) {
    if (loads_.count(name) != 0) return;
    if (outer_ != nullptr && find_outside(name)) define(name, Load::From::outer);
    else define(name, conditionally ? Load::From::context : Load::From::nothing);
  }
  // Without a load: the value is set where the scope is entered.
  int declare(const std::string& name) {
    const auto [at, added] = loads_.try_emplace(name);
    if (added) at->second.slot = slots_++;
    at->second.from = Load::From::nothing;
    parameters_.push_back(name);
    return at->second.slot;
  }
  std::optional<Place> find(const std::string& name) const {
    const auto found = loads_.find(name);
    if (found != loads_.end()) return Place{.up = 0, .slot = found->second.slot};
    return outer_ == nullptr ? std::nullopt : find_outside(name);
  }
  Loads loads() const {
    Loads loads;
    for (const auto& [name, load] : loads_)
      if (std::find(parameters_.begin(), parameters_.end(), name) == parameters_.end())
        loads.push_back(load);
    return loads;
  }
  int& slots() { return slots_; }

 private:
  std::optional<Place> find_outside(const std::string& name) const {
    std::optional<Place> place = outer_->find(name);
    if (place && &outer_->slots_ != &slots_) ++place->up;
    return place;
  }
  void define(const std::string& name, Load::From from) {
    Load load{.slot = slots_++, .from = from, .place = {}, .name = name};
    if (from == Load::From::outer) load.place = *find_outside(name);
    loads_.emplace(name, std::move(load));
  }

  Scope* outer_;
  int& slots_;
  std::map<std::string, Load> loads_;
  std::vector<std::string> parameters_;
};

// First all names of a scope are collected, then they get their places, and the scopes in it are
// treated in the same way.
void collect(Scope& scope, Expression& node) {
  if (node.kind == Node::name) return scope.load(static_cast<Name&>(node).name);
  visit_parts(node, [&](Expression& part) { collect(scope, part); });
}

void collect_target(Scope& scope, Expression& target, bool conditionally) {
  if (target.kind == Node::name) scope.store(static_cast<Name&>(target).name, conditionally);
  else if (target.kind == Node::namespace_attribute)
    collect(scope, *static_cast<Attribute&>(target).object);
  else
    for (const ExpressionPtr& item : static_cast<Items&>(target).items)
      collect_target(scope, *item, conditionally);
}

void declare_target(Scope& scope, Expression& target) {
  if (target.kind == Node::name) scope.declare(static_cast<Name&>(target).name);
  else
    for (const ExpressionPtr& item : static_cast<Items&>(target).items)
      declare_target(scope, *item);
}

void collect(Scope& scope, const Block& block, bool conditionally) {
  for (const auto& statement : block) switch (statement->kind) {
      case Tag::output: collect(scope, *static_cast<Output&>(*statement).expression); break;
      case Tag::if_: {
        auto& node = static_cast<If&>(*statement);
        for (const auto& [test, body] : node.branches) {
          collect(scope, *test);
          collect(scope, body, true);
        }
        collect(scope, node.otherwise, true);
        break;
      }
      case Tag::for_: collect(scope, *static_cast<For&>(*statement).iterable); break;
      case Tag::set:
        collect(scope, *static_cast<Set&>(*statement).value);
        collect_target(scope, *static_cast<Set&>(*statement).target, conditionally);
        break;
      case Tag::set_block:
        collect_target(scope, *static_cast<SetBlock&>(*statement).target, conditionally);
        break;
      case Tag::macro:
        scope.store(static_cast<Macro&>(*statement).macro.name, conditionally);
        break;
      case Tag::call_block: collect(scope, *static_cast<CallBlock&>(*statement).call); break;
      case Tag::filter_block: collect(scope, *static_cast<FilterBlock&>(*statement).filter); break;
      case Tag::with:
        for (const ExpressionPtr& value : static_cast<With&>(*statement).values)
          collect(scope, *value);
        break;
      case Tag::text:
      case Tag::break_:
      case Tag::continue_: break;
    }
}

void place(const Scope& scope, Expression& node) {
  if (node.kind == Node::name) {
    auto& name = static_cast<Name&>(node);
    if (const auto found = scope.find(name.name)) name.place = *found;
    return;
  }
  visit_parts(node, [&](Expression& part) { place(scope, part); });
}

void place(Scope& scope, const Block& block);

void place_macro(Scope& outer, MacroBody& macro) {
  Scope scope(&outer, macro.slots);
  if (macro.uses_caller) macro.caller_slot = scope.declare("caller");
  if (macro.uses_kwargs) macro.kwargs_slot = scope.declare("kwargs");
  if (macro.uses_varargs) macro.varargs_slot = scope.declare("varargs");
  for (const std::string& name : macro.parameters)
    macro.parameter_slots.push_back(scope.declare(name));
  for (const ExpressionPtr& value : macro.defaults) collect(scope, *value);
  collect(scope, macro.body, false);
  for (const ExpressionPtr& value : macro.defaults) place(scope, *value);
  place(scope, macro.body);
  macro.loads = scope.loads();
}

void place_loop(Scope& outer, For& loop) {
  place(outer, *loop.iterable);
  if (loop.test) {
    Scope scope(&outer, outer.slots());
    declare_target(scope, *loop.test_target);
    collect(scope, *loop.test);
    place(scope, *loop.test_target);
    place(scope, *loop.test);
    loop.test_loads = scope.loads();
  }
  Scope scope(&outer, outer.slots());
  if (loop.loop_slot >= 0) loop.loop_slot = scope.declare("loop");
  declare_target(scope, *loop.target);
  collect(scope, loop.body, false);
  place(scope, *loop.target);
  place(scope, loop.body);
  loop.loads = scope.loads();
  Scope otherwise(&outer, outer.slots());
  collect(otherwise, loop.otherwise, false);
  place(otherwise, loop.otherwise);
  loop.otherwise_loads = otherwise.loads();
}

// A block whose text a filter or a variable takes.
void place_captured(Scope& outer, const Block& body, Expression* filter, Loads& loads) {
  Scope scope(&outer, outer.slots());
  collect(scope, body, false);
  if (filter != nullptr) collect(scope, *filter);
  place(scope, body);
  if (filter != nullptr) place(scope, *filter);
  loads = scope.loads();
}

void place_with(Scope& outer, With& node) {
  for (const ExpressionPtr& value : node.values) place(outer, *value);
  Scope scope(&outer, outer.slots());
  for (const ExpressionPtr& target : node.targets) declare_target(scope, *target);
  collect(scope, node.body, false);
  for (const ExpressionPtr& target : node.targets) place(scope, *target);
  place(scope, node.body);
  node.loads = scope.loads();
}

void place(Scope& scope, const Block& block) {
  for (const auto& statement : block) switch (statement->kind) {
      case Tag::output: place(scope, *static_cast<Output&>(*statement).expression); break;
      case Tag::if_: {
        auto& node = static_cast<If&>(*statement);
        for (const auto& [test, body] : node.branches) {
          place(scope, *test);
          place(scope, body);
        }
        place(scope, node.otherwise);
        break;
      }
      case Tag::for_: place_loop(scope, static_cast<For&>(*statement)); break;
      case Tag::set:
        place(scope, *static_cast<Set&>(*statement).value);
        place(scope, *static_cast<Set&>(*statement).target);
        break;
      case Tag::set_block: {
        auto& node = static_cast<SetBlock&>(*statement);
        place_captured(scope, node.body, node.filter.get(), node.loads);
        place(scope, *node.target);
        break;
      }
      case Tag::macro: {
        auto& node = static_cast<Macro&>(*statement);
        node.place = *scope.find(node.macro.name);
        place_macro(scope, node.macro);
        break;
      }
      case Tag::call_block:
        place(scope, *static_cast<CallBlock&>(*statement).call);
        place_macro(scope, static_cast<CallBlock&>(*statement).macro);
        break;
      case Tag::filter_block: {
        auto& node = static_cast<FilterBlock&>(*statement);
        place_captured(scope, node.body, node.filter.get(), node.loads);
        break;
      }
      case Tag::with: place_with(scope, static_cast<With&>(*statement)); break;
      case Tag::text:
      case Tag::break_:
      case Tag::continue_: break;
    }
}

}  // namespace

void assign_slots(Program& program) {
  Scope scope(nullptr, program.slots);
  collect(scope, program.body, false);
  place(scope, program.body);
  program.loads = scope.loads();
}

}  // namespace limelight::stages::jinja
