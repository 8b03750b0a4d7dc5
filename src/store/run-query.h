#pragma once
/* run-query - what a person writes to find runs, as SQL with bound values.
 *
 *     metric.accuracy > 0.9 and param.c = 1 and state = SUCCEEDED and tag.team = 'x'
 *     metric.loss@train < 0.1 or not (tag.checked) and created > 7d
 *
 * Conditions are joined by and, or, not, ( ); each is KEY OP VALUE, KEY in (VALUE, …), or a KEY
 * alone: it is set. OP: = == != <> < <= > >= like ilike (both ignore case; % and _ stand for
 * any text, any one character). Keys:
 *   metric.NAME, metric.NAME@TASK   a number: the last that a task reported; any task's, or that
 *                                   one's. In an order the best of several counts
 *   param.NAME                      a parameter: compared as a number where VALUE is one, else as
 *                                   text
 *   tag.NAME                        a text
 *   state pipeline version experiment name number id archived notes
 *   created started finished        a time: 2026-11-30, RFC 3339, or 7d, 12h, 30m, 45s ago
 *   duration                        seconds, or 90s, 5m, 2h, 1d
 * The plural forms and "attributes." as MLflow writes them, too. A name with blanks is quoted:
 * metric."log loss". A condition on what a run does not have is false.
 *
 * Texts never enter the SQL: they are bound. It knows no database; it is pure but for the clock. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/db.h"

#define RUN_QUERY_RARE 1000
#define RUN_QUERY_MAX_BYTES 8192
#define RUN_QUERY_MAX_DEPTH 40
#define RUN_QUERY_MAX_KEYS 20
#define RUN_QUERY_MAX_VALUES 200

struct run_query {
    struct arena *arena; /* of bound texts; the caller's */
    /* Asked with a SELECT of a count (never above RUN_QUERY_RARE) whether few rows fit; NULL: yes.
     */
    bool (*is_rare)(void *user, const char *sql, const struct db_val *vals, size_t n);
    void *user;
    struct buf sql;
    struct db_val *vals;
    size_t n, cap;
    bool few; /* set by run_query_where: its conditions name few runs, by a way of their own */
    bool all; /* in an order, runs that do not have it come last; else they are left out */
    struct buf order; /* of run_query_sort */
    struct db_val *order_vals;
    size_t n_order, cap_order;
};
void run_query_done(struct run_query *q);
#define own_run_query __attribute__((cleanup(run_query_done)))

void run_query_value(struct run_query *q, struct db_val value);
/* Appends the text and the values of another, which stays as it is. */
void run_query_add(struct run_query *q, const struct run_query *other);
/* In this order: after "SELECT … FROM run r" with experiment e, pipeline p, pipeline_version v:
 * run_query_sort ("KEY [asc|desc], …") adds its join, then the caller its " WHERE 1 = 1" and
 * conditions, run_query_where " AND (…)", run_query_end order and limit. `few` of conditions that
 * come from another query is to be set before all of it: then no index but theirs is offered.
 * DH_INVALID: a message with the column. */
int run_query_sort(struct run_query *q, const char *text, struct dh_err *err);
int run_query_where(struct run_query *q, const char *text, struct dh_err *err);
void run_query_end(struct run_query *q, int64_t limit, int64_t offset);
