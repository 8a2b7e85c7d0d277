// Gives each variable of a template its slot.
//
// A scope is a template, the body of a loop, a macro, or what a block such as {% set %} encloses; a
// condition is none. A name that a scope assigns is a variable of that scope from its beginning to
// its end: when the scope is entered, it takes the value of the variable around it, if there is
// one. Else it takes that of the rendering, unless the first mention of the name is an assignment
// outside of conditions: then it has no value yet. So an assignment in a loop is forgotten when
// the iteration ends. These are Jinja's rules.
#pragma once

#include "stages/models/jinja/syntax.hpp"

namespace limelight::stages::jinja {

void assign_slots(Program& program);

}  // namespace limelight::stages::jinja
