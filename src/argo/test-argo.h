#pragma once
/* What test-argo.c and test-argo-pods.c share: pipelines from pieces, and parts that their
 * Workflows must have. */
#include <stdbool.h>
#include <stddef.h>
#include "argo/argo.h"

#define RUN_ID "11111111-2222-3333-4444-666677778888"

#define TASK(name, component, more)                                                                \
    "      " name ": {taskInfo: {name: " name "}, componentRef: {name: " component "}" more "}\n"
#define ROOT "root:\n  dag:\n    tasks:\n"
#define AFTER(names) ", dependentTasks: [" names "]"
#define IN(list) ", inputs: {parameters: {" list "}}"
#define FROM(in, task, key)                                                                        \
    in ": {taskOutputParameter: {producerTask: " task ", outputParameterKey: " key "}}"
#define OUTER(in, name) in ": {componentInputParameter: " name "}"
#define IF(cel) ", triggerPolicy: {condition: \"" cel "\"}"
#define ALWAYS ", triggerPolicy: {strategy: ALL_UPSTREAM_TASKS_COMPLETED}"
#define P(name) "inputs.parameter_values['" name "']"

struct row {
    const char *name;
    const char *more, *executors, *yaml, *platform, *parameters;
    enum argo_agent agent;
    const char *want; /* lines, each a part of the Workflow's JSON; '!': none; "error: …" */
};

extern bool printing; /* the Workflows instead of checking them */

/* The Workflow's JSON, or "error: …". The caller's; *ret too. */
char *compile_text(const struct row *row, struct argo_workflow **ret);
void check_lines(const char *name, const char *text, const char *want);
void check_rows(const struct row *rows, size_t n);
#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

void test_pods(void **state);
void test_platform(void **state);
