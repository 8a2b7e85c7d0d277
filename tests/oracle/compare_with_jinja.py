"""Compares the chat templates of this project with Jinja as transformers sets it up.

    python3 compare_with_jinja.py <jinja_probe> [--random COUNT] [--seed SEED] [folder or file ...]

Compared are templates of this file with conversations of many kinds, COUNT random templates
(default 4000), and each *.jinja and each chat_template of a tokenizer_config.json in the folders.
Both sides must make the same text, or both must fail. Where this project says that it does not
support something, the case counts as refused. Prints what differs, then one line of JSON. Exits
with 1 if anything differs.
"""

import argparse
import copy
import datetime
import json
import os
import random
import re
import subprocess
import sys
import warnings

from transformers.utils.chat_template_utils import (
    _compile_jinja_template, _normalize_chat_messages, render_jinja_template)

NOW = datetime.datetime(2025, 3, 4, 5, 6, 7)  # as in jinja_probe.cpp

# --- Conversations ---

USER = {"role": "user", "content": "Why is the sky blue?"}
SYSTEM = {"role": "system", "content": "You are brief."}
ANSWER = {"role": "assistant", "content": " Rayleigh scattering.\n"}
THOUGHT = {"role": "assistant", "content": "<think>\nLight...\n</think>\n\nScattering."}
PARTS = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is it? "},
        {"type": "image"},
        {"type": "text", "text": "Say <it>."},
    ],
}
ODD = {
    "role": "user",
    "content": "  Grüße, 世界 🙂 \"quoted\" 'single' \\n {{ x }} <|im_end|>\t\n ",
}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "abcdefgh1",
            "type": "function",
            "function": {
                "name": "get_weather",
                "arguments": {
                    "city": "Zürich",
                    "days": 3,
                    "exact": True,
                    "at": 1.5,
                    "more": {"a": [1, None, "x"]},
                },
            },
        }
    ],
}
TWO_CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": CALL["tool_calls"]
    + [{"id": "abcdefgh2", "type": "function", "function": {"name": "get_time", "arguments": {}}}],
}
CALL_AS_TEXT = {
    "role": "assistant",
    "tool_calls": [
        {"id": "abcdefgh3", "function": {"name": "get_time", "arguments": '{"zone": "UTC"}'}}
    ],
}
RESULT = {
    "role": "tool",
    "tool_call_id": "abcdefgh1",
    "name": "get_weather",
    "content": '{"sky": "blue", "degrees": 21.5}',
}
RESULT_DICT = {
    "role": "tool",
    "tool_call_id": "abcdefgh2",
    "name": "get_time",
    "content": {"hour": 12, "zone": None},
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city\nfor some days.",
            "parameters": {
                "type": "object",
                "required": ["city"],
                "properties": {
                    "city": {"type": "string", "description": 'Its name, e.g. "Zürich"'},
                    "days": {
                        "type": ["integer", "null"],
                        "default": 1,
                        "minimum": 0,
                        "maximum": 18446744073709551615,
                    },
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                    "place": {
                        "type": "object",
                        "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
                    },
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
            },
            "return": {"type": "object"},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "get_time",
            "description": "",
            "parameters": {"type": "object", "properties": {}},
        },
    },
]
CONVERSATIONS = [
    [USER],
    [SYSTEM, USER],
    [USER, ANSWER, USER],
    [SYSTEM, USER, ANSWER, USER, THOUGHT, USER],
    [ODD],
    [SYSTEM, ODD, THOUGHT],
    [PARTS],
    [SYSTEM, PARTS, ANSWER, USER],
    [SYSTEM],
    [],
    [{"role": "user", "content": ""}],
    [SYSTEM, {"role": "user", "content": ""}, ANSWER],
    [USER, CALL, RESULT],
    [SYSTEM, USER, CALL, RESULT, ANSWER, USER],
    [USER, TWO_CALLS, RESULT, RESULT_DICT],
    [USER, CALL_AS_TEXT, RESULT, ANSWER],
    [USER, USER],
    [ANSWER, USER],
    [{"role": "other", "content": "?"}],
    [USER, {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.\n"}, USER],
    [{"role": "developer", "content": "Be kind."}, USER, {**CALL, "thinking": "Call it."}, RESULT],
]


NAMES = {"bos_token", "eos_token", "unk_token", "pad_token"}


def variables_of_conversations():
    extras = [
        {},
        {"tools": TOOLS},
        {"tools": None, "enable_thinking": False},
        {
            "tools": TOOLS,
            "enable_thinking": True,
            "documents": [{"title": "Sky", "text": "It is blue."}],
            "builtin_tools": ["brave_search"],
            "reasoning_effort": "low",
            "date_string": "26 Jul 2024",
        },
    ]
    for messages in CONVERSATIONS:
        for prompt in (False, True):
            for extra in extras:
                yield {
                    "messages": messages,
                    "add_generation_prompt": prompt,
                    "bos_token": "<s>",
                    "eos_token": "</s>",
                    "unk_token": "<unk>",
                    "pad_token": "<pad>",
                    **extra,
                }


# --- Templates with the constructs of published ones ---

TEMPLATES = [
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] | trim + eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}"
    "{% set system = messages[0]['content'] %}{% else %}{% set rest = messages %}{% set system = "
    "false %}{% endif %}{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) "
    "%}{{ raise_exception('Roles must alternate: ' + m.role) }}{% endif %}{% if loop.index0 == 0 "
    "and system %}{{ '<<' ~ system ~ '>>' }}{% endif %}{{ m.content.strip() }}{% endfor %}",
    """{#- tools first -#}
{%- macro show(schema, depth=0) -%}
  {%- for name, part in schema.properties.items() %}
    {{- '  ' * depth }}{{ name }}: {{ part.type if part.type is string else part.type | join('|') }}
    {%- if part.enum is defined %} of {{ part.enum | map('tojson') | join(', ') }}{% endif %}
    {%- if name in schema.get('required', []) %} (required){% endif %}
    {%- if part.properties %}
{{ show(part, depth=depth + 1) }}
    {%- endif %}{{ '\\n' }}
  {%- endfor %}
{%- endmacro %}
{%- if tools is defined and tools is not none and tools | length > 0 %}
    {{- '# Tools\\n' }}
    {%- for tool in tools | map(attribute='function') %}
        {{- tool | tojson(indent=4) }}
        {{ show(tool.parameters) }}
    {%- endfor %}
{%- endif %}
{%- set ns = namespace(last=-1, calls=0) %}
{%- for m in messages %}
    {%- if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}
{%- endfor %}
{%- for m in messages %}
    {%- if m.content is string %}
        {{- m.content }}
    {%- elif m.content is mapping %}
        {{- m.content | tojson }}
    {%- elif m.content is iterable %}
        {%- for part in m.content if part.type == 'text' %}
            {{- part['text'] }}{% if not loop.last %}, {% endif %}
        {%- endfor %}
    {%- endif %}
    {%- if m.tool_calls %}
        {%- for call in m.tool_calls %}
            {%- set call = call.function or call %}
            {%- set ns.calls = ns.calls + 1 %}
            {{- call.name }}
            {{- call.arguments if call.arguments is string else call.arguments | tojson }}
        {%- endfor %}
    {%- elif m.role == 'assistant' and '</think>' in m.content %}
        {{- m.content.split('</think>')[-1].lstrip('\\n') }}
    {%- endif %}
    {%- if loop.index0 == ns.last %}[{{ loop.revindex }}]{% endif %}
{% endfor %}
{{ ns.calls }} {{ strftime_now('%d %b %Y') }}
""",
    """{%- set system = messages | selectattr('role', 'equalto', 'system') | list -%}
{%- set others, count = messages | rejectattr('role', 'in', ['system']) | list, 0 -%}
{% if others | length == 0 %}{{ raise_exception("No messages") }}{% endif %}
{% for m in messages[::-1] %}
  {% if m.role not in ['user', 'assistant'] %}
    {% continue %}
  {% endif %}
  {% generation %}
    {{ m.content | string | upper | replace('E', '3') | indent(2, true) }}
  {% endgeneration %}
  {% if loop.index > 3 %}{% break %}{% endif %}
{% else %}
  none
{% endfor %}
{% set text %}{{ system | map(attribute='content') | join('; ') }}{% endset %}
{{ text | length }} {{ text }} {{ messages | tojson }} {{ messages }}
""",
    "{%- for m in messages %}{{ m }}{{ loop.previtem.role }}{{ loop.nextitem is defined }}"
    "{{ m.content | default('?', true) }}{% for k, v in m | dictsort %}{{ k }}={{ v }};"
    "{% endfor %}{% endfor -%}\n  {%+ if documents %} {{ documents | first }}{% endif +%}\n",
]

# --- Random templates ---

VARIABLES = {
    "n": 7, "m": -3, "f": 2.5, "s": "Hello World", "u": "äé 世界 ß", "e": "", "t": True, "z": None,
    "nums": [3, 1, 2, 1], "words": ["b", "A", "c", "a"], "mixed": [1, "a", None, 2.0, [1]],
    "d": {"b": 1, "a": "x", "keys": [1, 2]}, "rows": [{"k": "x", "v": 2}, {"k": "y", "v": 1},
                                                      {"k": "X", "w": {"q": [5]}}],
    "lines": "  one\n\ntwo three\r\n four ", "empty": [], "tiny": 1e-7, "big": 1e20,
}
TEXTS = ["'a'", "'World'", "' '", "''", "'l'", "'lo W'", "'%s-%s'", "'é'", "\"it's\"", "'a,b,,c'",
         "'12'", "'-3.7'", "'{} {}'", "'\\n'", "'x' 'y'", "'äöü ÄÖÜ σς Σ'", "'<b>&'", "'0x1f'"]
NUMBERS = ["0", "1", "2", "-1", "3", "10", "1.0", "0.5", "-2.5", "1e3", "7.25", "1_000", "3.14159"]
TESTS = """defined undefined none string number integer float boolean mapping sequence iterable
callable true false odd even lower upper eq(1) ne('a') gt(1) lt(2) divisibleby(2) in(nums) in(words)
equalto('a') sameas(none) ge(1) le('m') escaped filter test""".split()
# One a line, or several with three spaces between them.
FILTERS = """
trim   upper   lower   title   capitalize   length   count   string   int   float   abs   round
round(1)   round(2, 'floor')   round(0, 'ceil')   first   last   list   reverse   reverse|list
sort   sort(reverse=true)   sort(attribute='v')   sort(case_sensitive=true)   unique|list   tojson
tojson(indent=2)   tojson(ensure_ascii=true)   tojson(separators=(',', ':'))
tojson(sort_keys=true)   join   join(', ')   join('-', attribute='k')   map('upper')|list
map(attribute='k')|list   map(attribute='w.q.0')|join('/')   map(attribute='v', default=0)|list
select|list   select('odd')|list   select('string')|list   reject('none')|list   reject|list
selectattr('v')|list   selectattr('k', 'equalto', 'x')|list   rejectattr('v', 'gt', 1)|list
rejectattr('w', 'defined')|list   items|list   dictsort   dictsort(by='value')
dictsort(true, 'key', true)   default('D')   default('D', true)   d(1)   replace('l', 'L')
replace('o', '', 1)   replace('', '-')   indent   indent(2, true)   indent(width=3, blank=true)
truncate(5)   truncate(5, true, '~', 0)   wordcount   batch(2)|list   batch(3, 'x')|list
slice(2)|list   slice(3, 0)|list   sum   sum(attribute='v')   sum(start=10)   min   max
min(attribute='k')   max(attribute='v')   groupby('k')   groupby('v', default=0)   e   escape   safe
center(9)   format(1, 2)   int(5)   int(base=16)   float(1.5)   trim('Hd ')   attr('upper')
map('int')|sum   map('length')|list   unique|join   string|length"""
METHODS = """
upper()   lower()   strip()   lstrip()   rstrip()   strip('Hd')   title()   capitalize()   split()
split('o')   split(' ', 1)   split(None, 1)   rsplit('l', 1)   rsplit(maxsplit=1)   splitlines()
splitlines(true)   startswith('He')   endswith(('d', 'x'))   startswith('l', 2)
replace('l', 'r')   replace('l', 'r', 1)   replace('', '.')   find('o')   rfind('o')
find('é', 1)   index('W')   count('l')   count('')   join(words)   join(nums)   isdigit()
isalpha()   isupper()   islower()   isspace()   isalnum()   removeprefix('He')
removesuffix('ld')   zfill(4)   format(1, x=2)   format('a', 'b')   items()|list   keys()|list
values()|list   get('a')   get('q', 5)   get('q')   append(1)   pop()   update({})   index(1)
count(1)   partition('o')   rpartition('l')   swapcase()   ljust(14, '.')   center(4)   copy()
nothing()   find('l', 3, 5)   rindex('l', 0, 4)   items()   keys()   values()"""
FORMATS = """
'%d|%5d|%-5d|%05d' % (n, n, n, m)   '%.2f|%8.3f|%g|%e' % (f, f, f, f)   '%s' % d
'%r|%s' % (s, z)   '%x|%X|%o|%#x|%c' % (n, n, n, n, 65)   '%(a)s-%(b)s' % d
'{:>6}|{:<6}|{:^7}|{:*^9}'.format(e, n, 'ab', s[:2])   '{0}{1}{0}'.format(n, s)
'{:.2f} {:+d} {:05d} {:,} {:x}'.format(f, n, n, 1234567, 255)   '{d[a]} {x}'.format(d=d, x=1)
'{!r:>9}|{}'.format('a', z)   '%5s|%-5s|%.2s' % ('ab', 'ab', 'abc')   '%%' % ()
'%s %s' % words   '%s' % nums   '{:08.3f}|{:e}|{:g}'.format(f, f, f)   '%i' % f"""
FILTERS, METHODS, FORMATS = ([part.strip() for part in re.split(r"   |\n", all_of.strip())]
                             for all_of in (FILTERS, METHODS, FORMATS))
ATTRIBUTES = """.a .k .keys .missing ['a'] ['missing'] [0] [-1] [5] [1:] [:2] [::-1] [::2] [-3:-1]
[5:1:-2] .0 [true] ['keys'] [n] [1.0] [m:] [:m] [none] .b""".split()


class Random:
    """Makes templates from a seed; many fail on both sides, which is part of the test."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def value(self):
        return self.expression(self.random.randint(0, 2))

    def expression(self, depth):
        # The letters: an Expression, a Variable, Something with items, a Text, a Number, an Index.
        if depth <= 0:
            return self.pick(self.pick(*TEXTS), self.pick(*NUMBERS), *VARIABLES, "true", "none",
                             "nothing", "i", "range(4)", "x")
        sign = self.pick("+", "-", "*", "/", "//", "%", "~", "+")
        order = self.pick("==", "!=", "<", "<=", ">", ">=", "in", "not in")
        negation = self.pick("", "not ")
        pattern = self.pick(
            f"<E> {sign} <E>", f"<E> {sign} <E>", f"(<E>) {self.pick('+', '**', '*', '~')} <N>",
            f"<E> {order} <E>", "<N> < <E> <= <E>", f"<E> {self.pick('and', 'or')} {negation}<E>",
            "(<E> if <E> else <E>)", "(<E> if <E>)", f"(<E>) is {negation}{self.pick(*TESTS)}",
            f"(<E>)|{self.pick(*FILTERS)}", f"<V>|{self.pick(*FILTERS)}",
            f"<V>|{self.pick(*FILTERS)}|{self.pick(*FILTERS)}", f"<V>.{self.pick(*METHODS)}",
            f"<T>.{self.pick(*METHODS)}", f"(<S>){self.pick(*ATTRIBUTES)}",
            f"<V>{self.pick(*ATTRIBUTES)}", "[<E>, <E>]", "(<E>, <E>)", "{<T>: <E>, <N>: <E>}",
            "-<V>", "not <E>", self.pick(*FORMATS), "range(<I>, <I>, <I>)|list",
            f"dict({self.pick('', 'd, ', 'd.items(), ', 'nums, ')}x=<E>)", "macro_a(<E>)",
            "macro_a(<E>, y=<E>)")
        makers = {"E": lambda: self.expression(depth - self.random.randint(1, 2)),
                  "S": lambda: self.with_items(depth),
                  "V": lambda: self.pick(*VARIABLES), "N": lambda: self.pick(*NUMBERS),
                  "I": lambda: self.pick(*NUMBERS[:6]),
                  "T": lambda: self.pick("s", "u", "lines", "words[0]", self.pick(*TEXTS))}
        return re.sub("<([ESVNIT])>", lambda found: makers[found[1]](), pattern)

    def with_items(self, depth):
        # No constant: Jinja folds those, and then the slice of a number is undefined, and else an
        # error.
        name = self.pick(*VARIABLES)
        return self.pick(name, f"{name}|{self.pick(*FILTERS)}", f"{name}.{self.pick(*METHODS)}",
                         f"[{name}, {self.expression(depth - 1)}]")

    def tag(self, inside):
        left, right = self.pick("", "", "", "-", "+"), self.pick("", "", "", "-", "+")
        return "{%" + left + " " + inside + " " + right + "%}"

    def block(self, depth):
        return "".join(self.statement(depth) for _ in range(self.random.randint(1, 3)))

    def output(self):
        begin, end = self.pick("{{ ", "{{- "), self.pick(" }}", " -}}")
        return begin + self.value() + end + self.pick("", "\n", " ")

    def statement(self, depth):
        data = self.pick(" ", "\n", "text", "\n  ", "  \n", ". ", "<x>\n\n")
        if depth <= 0:
            return data + self.output()
        name = self.pick("x", "y", "i", "n", "s", "words")
        filters = self.pick("", " | upper", " | trim | length")
        make = self.pick(
            self.output, self.output, lambda: "{# c #}" + data,
            lambda: self.loop(name, depth), lambda: self.loop(name, depth),
            lambda: self.tag(f"set {name} = {self.value()}"),
            lambda: self.tag(f"set {name}, y = {self.value()}, {self.value()}"),
            lambda: self.tag(f"set ns.{name} = {self.value()}") + "{{ ns.x }}{{ ns.y }}",
            lambda: self.enclosed(f"set {name}{filters}", "endset", depth),
            lambda: self.enclosed(f"if {self.value()}", "endif", depth),
            lambda: self.tag(f"if {self.value()}") + self.block(depth - 1)
            + self.tag("elif " + self.value()) + self.block(depth - 1)
            + self.enclosed("else", "endif", depth),
            lambda: self.enclosed(f"macro {self.pick('macro_a', 'macro_b')}(x, y={self.value()})",
                                  "endmacro", depth) + "{{ macro_b(1) }}",
            lambda: self.enclosed("call macro_a(2)", "endcall", depth),
            lambda: self.enclosed("filter upper", "endfilter", depth),
            lambda: self.enclosed("with x = " + self.value(), "endwith", depth),
            lambda: self.enclosed("generation", "endgeneration", depth),
            lambda: self.tag("raw") + "{{ x }} {% if %}" + data + self.tag("endraw"))
        return data + make() + self.pick("", "\n")

    def enclosed(self, begin, end, depth):
        return self.tag(begin) + self.block(depth - 1) + self.tag(end)

    def loop(self, name, depth):
        over = self.pick("nums", "words", "rows", "d", "d.items()", "range(3)", "s[:3]", "empty",
                         self.value())
        name = "k" if over == "d.items()" else name
        target = "k, v" if over == "d.items()" else name
        test = self.pick("", "", f" if {self.value()}", f" if {name} is {self.pick(*TESTS)}")
        jump = self.pick("", "", self.tag("if " + self.value())
                         + self.tag(self.pick("break", "continue")) + self.tag("endif"))
        about = self.pick("", "{{ loop.index }}", "{{ loop.last }}{{ loop.first }}",
                          "{{ loop.length }}", "{{ loop.revindex0 }}",
                          "{{ loop.previtem }}{{ loop.nextitem }}",
                          "{{ loop.cycle('a', 'b') }}{{ loop.changed(x) }}")
        ending = self.pick("", self.tag("else") + self.block(depth - 1))
        return (self.tag(f"for {target} in {over}{test}") + "{{ " + name + " }}" + about + jump
                + self.block(depth - 1) + ending + self.tag("endfor"))

    def template(self):
        start = ("{% macro macro_a(x, y='Y') %}{{ x }}:{{ y }}{{ caller() if caller }}"
                 "{% endmacro %}{% set ns = namespace(x=1) %}")
        if self.random.random() < 0.6:
            return start + "{{ " + self.expression(self.random.randint(1, 4)) + " }}"
        return start + self.block(self.random.randint(1, 3))


# --- Comparison ---


def expected(template, variables, asked):
    try:
        compiled = _compile_jinja_template(template)
        if asked:
            # All that apply_chat_template() does before and around the template.
            compiled.environment.globals["strftime_now"] = datetime.datetime.now().strftime
            rest = {k: v for k, v in variables.items() if k in NAMES}
            messages = _normalize_chat_messages(copy.deepcopy(variables["messages"]))
            text, _ = render_jinja_template([messages], chat_template=template,
                                            add_generation_prompt=True, **rest)
            return {"text": text[0]}
        compiled.environment.globals["strftime_now"] = NOW.strftime
        # A copy, as the filter `indent` changes a list in Python.
        return {"text": compiled.render(**copy.deepcopy(variables))}
    except Exception as failure:  # whatever it is, this project must fail too
        return {"error": f"{type(failure).__name__}: {failure}"}


def templates_in(paths):
    for path in paths:
        files = (
            [path]
            if os.path.isfile(path)
            else sorted(
                os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names
            )
        )
        for file in files:
            if file.endswith(".jinja"):
                yield file, open(file, encoding="utf-8").read()
            elif os.path.basename(file) == "tokenizer_config.json":
                template = json.load(open(file, encoding="utf-8")).get("chat_template")
                if isinstance(template, str):
                    yield file, template
                for named in template if isinstance(template, list) else []:
                    yield f"{file}:{named['name']}", named["template"]


def main():
    warnings.simplefilter("ignore")  # Python's, on the code that Jinja makes of odd templates
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("--random", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10, help="how many differences to print")
    parser.add_argument("paths", nargs="*")
    options = parser.parse_intermixed_args()
    named = [(f"own {i}", text) for i, text in enumerate(TEMPLATES)]
    cases = [
        (name, text, variables)
        for name, text in named + list(templates_in(options.paths))
        for variables in variables_of_conversations()
    ]
    cases += [
        (f"random {seed}", Random(seed).template(), VARIABLES)
        for seed in range(options.seed, options.seed + options.random)
    ]
    # Those that a request can say, through what reads requests. Templates print a message itself
    # (`own 3`, `own 4`) with its keys in another order.
    cases += [
        (name + " asked", text, variables)
        for name, text, variables in list(cases)
        if "messages" in variables
        and set(variables) <= NAMES | {"messages", "add_generation_prompt"}
        and variables["add_generation_prompt"]
        and name not in ("own 3", "own 4")
    ]
    asked = "".join(
        json.dumps({"template": text, "request": json.dumps({"messages": variables["messages"]})}
                   if name.endswith(" asked") else {"template": text, "variables": variables})
        + "\n"
        for name, text, variables in cases
    )
    answers = subprocess.run(
        [options.probe], input=asked, text=True, capture_output=True, check=True
    ).stdout.splitlines()
    counts = {"cases": len(cases), "same_text": 0, "both_fail": 0, "refused": 0, "different": 0}
    refusals, differences = {}, {}
    for (name, text, variables), line in zip(cases, answers, strict=True):
        ours, theirs = json.loads(line), expected(text, variables, name.endswith(" asked"))
        if re.search(r" at 0x", theirs.get("text", "").replace("-", ""), re.IGNORECASE):
            continue  # the address of an object
        if "text" in ours and ours.get("text") == theirs.get("text"):
            counts["same_text"] += 1
        elif "error" in ours and "error" in theirs:
            counts["both_fail"] += 1
        elif ours.get("code") == "unavailable" or "64 bits" in ours.get("error", ""):
            counts["refused"] += 1
            reason = re.sub(r"line \d+: ", "", ours["error"])
            refusals[reason] = refusals.get(reason, 0) + 1
        else:
            counts["different"] += 1
            differences[name] = differences.get(name, 0) + 1
            if len(differences) <= options.show and differences[name] == 1:
                shown = text if len(text) < 1000 else ""
                print(f"--- {name}\n{shown}\nours:   {ours}\ntheirs: {theirs}", file=sys.stderr)
    print(json.dumps({**counts, "refusals": refusals, "differing": differences}))
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
