// What a for block iterates over, and the variable `loop` in its body.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "stages/models/jinja/interpreter.hpp"

namespace limelight::stages::jinja {

// The items that pass the test of {% for item in items if test %}. The test runs when the next item
// is asked for, so it sees what the body has changed.
class FilteredIterator final : public Iterator {
 public:
  FilteredIterator(Interpreter& interpreter,
                   const For& loop,
                   Activation& activation,
                   std::unique_ptr<Iterator> items)
      : interpreter_(interpreter), loop_(loop), activation_(activation), items_(std::move(items)) {}
  bool next(Value& value) override;

 private:
  Interpreter& interpreter_;
  const For& loop_;
  Activation& activation_;
  std::unique_ptr<Iterator> items_;
};

// Its methods refer to it, so it belongs into the Interpreter's store.
class Loop final : public Object, public Iterator {
 public:
  // length: nothing if it shows only when all items have been made.
  Loop(std::unique_ptr<Iterator> items, std::optional<std::size_t> length)
      : items_(std::move(items)), length_(length) {}

  bool next(Value& value) override;
  std::string_view type_name() const override { return "LoopContext"; }
  bool truth() const override { return true; }
  bool callable() const override { return true; }
  Value attribute(Interpreter& interpreter, std::string_view name) override;
  std::optional<std::size_t> length() override;
  void clear() override;

 private:
  const Value* peek();  // nullptr: this is the last item
  Value cycle(const Arguments& arguments) const;
  bool changed(Interpreter& interpreter, const Arguments& arguments);

  std::unique_ptr<Iterator> items_;
  std::optional<std::size_t> length_;
  std::int64_t index0_ = -1;
  Value before_, current_, after_, last_changed_;
};

}  // namespace limelight::stages::jinja
