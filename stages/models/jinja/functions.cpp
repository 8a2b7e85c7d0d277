#include "stages/models/jinja/functions.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/objects.hpp"
#include "stages/models/jinja/printing.hpp"

namespace limelight::stages::jinja {

namespace {

Value make_range(Interpreter&, const Arguments& arguments) {
  const Bound bound("range", arguments, {"start", "stop", "step"}, 1);
  if (!arguments.named.empty()) fail("range: found an argument by name, expected numbers");
  const bool one = !bound.has(1);
  const std::int64_t begin = one ? 0 : bound.integer(0), end = bound.integer(one ? 0 : 1),
                     step = bound.integer(2, 1);
  if (step == 0) fail("range: found the step 0, expected another number");
  constexpr std::int64_t most = std::int64_t{1} << 40;
  for (const std::int64_t bound_value : {begin, end, step})
    if (bound_value > most || bound_value < -most)
      fail("range: found the number " + std::to_string(bound_value) + ", expected at most " +
           std::to_string(most));
  const std::int64_t distance = step > 0 ? end - begin : begin - end,
                     stride = step > 0 ? step : -step,
                     length = distance > 0 ? (distance - 1) / stride + 1 : 0;
  if (length > max_range)
    fail("range: found " + std::to_string(length) + " numbers, expected at most " +
         std::to_string(max_range));
  return Value::of(std::make_shared<Range>(begin, end, step, length));
}

// What dict() and namespace() make of their arguments.
Dict to_dict(Interpreter& interpreter, std::string_view function, const Arguments& arguments) {
  if (arguments.positional.size() > 1)
    fail(std::string(function) + ": found several arguments by position, expected one");
  Dict dict;
  if (!arguments.positional.empty()) {
    const Value& from = arguments.positional.front();
    if (from.is(Kind::dict)) {
      interpreter.budget().step(static_cast<std::int64_t>(from.dict().size()));
      dict = from.dict();
    } else {
      for (const Value& pair : all_items(from, interpreter.budget())) {
        const std::vector<Value> parts = all_items(pair, interpreter.budget());
        if (parts.size() != 2)
          fail(std::string(function) + ": found an item of " + std::to_string(parts.size()) +
               " values, expected a key and a value");
        interpreter.budget().copy(parts[0].weight());
        dict.set(parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(Value::of(name), value);
  return dict;
}

Value make_dict(Interpreter& interpreter, const Arguments& arguments) {
  return Value::of(to_dict(interpreter, "dict", arguments));
}

Value make_namespace(Interpreter& interpreter, const Arguments& arguments) {
  const Dict attributes = to_dict(interpreter, "namespace", arguments);
  const auto space = interpreter.keep<Namespace>(Dict{});
  for (const auto& [name, value] : attributes.entries()) {
    if (!name.is(Kind::string))
      fail("namespace: found a name that is no string, expected a string");
    space->set(name.bytes(), value);
  }
  return Value::of(std::shared_ptr<Object>(space));
}

Value make_cycler(Interpreter& interpreter, const Arguments& arguments) {
  if (arguments.positional.empty() || !arguments.named.empty())
    fail("cycler: found no items, expected one or more");
  return Value::of(
      std::shared_ptr<Object>(interpreter.keep<Cycler>(Value::list(arguments.positional))));
}

Value make_joiner(Interpreter&, const Arguments& arguments) {
  const Bound bound("joiner", arguments, {"sep"});
  return Value::of(std::make_shared<Joiner>(bound.value(0, Value::of(", "))));
}

Value raise_exception(Interpreter& interpreter, const Arguments& arguments) {
  const Bound bound("raise_exception", arguments, {"message"}, 1);
  throw Failure{.code = ErrorCode::invalid_argument,
                .message = to_text(bound[0], interpreter.budget()),
                .from_template = true};
}

// Python's datetime.now().strftime(format): local time, without a time zone.
Value strftime_now(Interpreter& interpreter, const Arguments& arguments) {
  const Bound bound("strftime_now", arguments, {"format"}, 1);
  const std::string& asked = bound.text(0);
  const auto now = interpreter.clock() ? interpreter.clock()() : std::chrono::system_clock::now();
  const auto whole = std::chrono::floor<std::chrono::seconds>(now);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::string format;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i] == '\0') fail("strftime_now: found a format with a zero character");
    const char kind = asked[i] == '%' && i + 1 < asked.size() ? asked[i + 1] : ' ';
    if (kind == 'f') {
      const auto micros =
          std::chrono::duration_cast<std::chrono::microseconds>(now - whole).count();
      std::array<char, 8> digits{};
      std::snprintf(digits.data(), digits.size(), "%06d", static_cast<int>(micros % 1'000'000));
      format += digits.data();
    } else if (kind != 'z' && kind != 'Z') {
      format += asked[i];
      if (asked[i] == '%' && i + 1 < asked.size()) format += asked[++i];
      continue;
    }
    ++i;
  }
  // One character in front tells an empty result from one that does not fit.
  std::string text(16 * format.size() + 256, '\0');
  interpreter.budget().text(text.size());
  const std::size_t size = std::strftime(text.data(), text.size(), (" " + format).c_str(), &parts);
  if (size == 0) fail("strftime_now: found a format whose result is too long");
  return Value::of(text.substr(1, size - 1));
}

Value refuse_lipsum(Interpreter&, const Arguments&) {
  refuse("found the function 'lipsum', which is not supported");
}

}  // namespace

void add_global_functions(std::unordered_map<std::string, Value>& out) {
  const auto add = [&out](const char* name, Function::Body body) {
    out[name] = Value::of(std::make_shared<Function>(name, std::move(body)));
  };
  add("range", make_range);
  add("dict", make_dict);
  add("namespace", make_namespace);
  add("cycler", make_cycler);
  add("joiner", make_joiner);
  add("lipsum", refuse_lipsum);
  add("raise_exception", raise_exception);
  add("strftime_now", strftime_now);
}

}  // namespace limelight::stages::jinja
