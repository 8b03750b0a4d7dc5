#pragma once
/* cel - the Common Expression Language: the conditions and selectors of a pipeline.
 *
 *     inputs.parameter_values['pipelinechannel--evaluate-accuracy'] >= 0.9
 *     parseJson(string_value)["learning_rate"]
 *
 * An expression is compiled once (cel_compile: text to tree, nothing else), may be checked against
 * what it is used for (cel_check: names, fields, types of operands, as far as they are known
 * without values) and is evaluated any number of times. A program never changes after cel_compile:
 * threads may share it.
 *
 * The language is the one of KFP's backend (cel-go with its standard library and macros, plus
 * parseJson): int, uint, double, string, bytes, bool, null, list, map, timestamp, duration and type
 * values; checked integer arithmetic; && and || that let a deciding operand absorb the other's
 * error; has, all, exists, exists_one, map, filter; matches() in RE2's syntax without \p classes,
 * in linear time; time zones from the machine's zoneinfo. Values of protobuf messages exist only as
 * KFP's ExecutorInput and as the well-known types of google.protobuf; there is no `container` and
 * no enum.
 *
 * Numbers: in cel_eval a JSON integer is an int. Values that reach KFP as protobuf Values
 * (parameters, metadata, selectors, parseJson) are doubles, so there `x == 1` holds for both 1
 * and 1.0, `x + 1` is an error ("no such overload") and int(x) is the way out. The checker also
 * refuses what cel-go's refuses: `int(x) > 0.5` compares an int with a double, and would fail on a
 * cluster.
 *
 * Bounds: expression size, nesting, evaluation steps and memory (base/limits.h). No input makes it
 * crash, recurse without bound or run for long. It reads no file but zoneinfo, keeps no state,
 * prints nothing.
 *
 * Errors: DH_INVALID for an expression that does not compile or check, DH_FAILED for one that fails
 * on its values; the message starts with line:column inside the expression: "1:1: no such key: x".
 */
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"

struct js;
struct cel_program;

enum cel_use {
    CEL_CONDITION, /* triggerPolicy.condition: variables inputs and outputs, gives a bool */
    CEL_SELECTOR,  /* parameterExpressionSelector: variables string_value, struct_value, … */
};

/* On 0, *ret is the caller's: cel_free. DH_INVALID: where, what was found, what was expected. */
int cel_compile(const char *expr, struct cel_program **ret, struct dh_err *err);
struct cel_program *cel_free(struct cel_program *p); /* NULL is fine; returns NULL */
OWN_DEFINE(struct cel_program *, cel_free)

/* Names, fields, functions and operand types, without values. DH_INVALID. */
int cel_check(const struct cel_program *p, enum cel_use use, struct dh_err *err);

/* Keys of inputs.parameter_values that the expression names, each once, in order. Borrowed. */
size_t cel_n_params(const struct cel_program *p);
const char *cel_param(const struct cel_program *p, size_t i);
/* Whether it looks at inputs.artifacts. */
bool cel_asks_artifacts(const struct cel_program *p);

/* vars: an object, variable name to value; NULL: none. *ret is the caller's (js_free): bytes become
 * base64 text, timestamps and durations their text, an uint over 2^63 a real. DH_FAILED. */
int cel_eval(const struct cel_program *p, const struct js *vars, struct js **ret,
             struct dh_err *err);

/* executor_input in KFP's JSON form (inputs.parameterValues,
 * inputs.artifacts.m.artifacts[0].metadata); the expression uses the proto's names
 * (inputs.parameter_values). Compiles, checks, evaluates. DH_INVALID, DH_FAILED. */
int cel_condition(const char *expr, const struct js *executor_input, bool *ret, struct dh_err *err);

/* value is one parameter. Variables: the one of null_value, number_value, string_value, bool_value,
 * struct_value, list_value that is set, and always string_value (the JSON text of what is no
 * string). *ret is the caller's (js_free). DH_INVALID, DH_FAILED. */
int cel_select(const char *expr, const struct js *value, struct js **ret, struct dh_err *err);

/* For people: a condition, its answer and the values that it was about, on one line:
 * "accuracy >= 0.9 was false: accuracy = 0.87". Long values are cut. An expression that fails is
 * explained by its error. */
void cel_explain(const char *expr, const struct js *executor_input, struct buf *to);
