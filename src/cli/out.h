#pragma once
/* out - text for people: tables, colours, times, values; and JSON for programs.
 *
 * Knows nothing of the record but the states' names, which have colours. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/js.h"
#include "base/own.h"

/* ---- colours: "" where `on` is false ---- */

enum out_style { OUT_PLAIN, OUT_BOLD, OUT_DIM, OUT_GREEN, OUT_RED, OUT_YELLOW, OUT_BLUE, OUT_CYAN };
const char *out_on(bool on, enum out_style style);
const char *out_off(bool on);
enum out_style out_state_style(const char *state); /* "SUCCEEDED", … */
const char *out_state_mark(const char *state);     /* one character: ✓ ✗ ● ○ … */

/* ---- tables ---- */

struct out_table;
struct out_table *out_table_new(FILE *to, bool color);
struct out_table *out_table_free(struct out_table *table);
OWN_DEFINE(struct out_table *, out_table_free)
enum { OUT_LEFT = 0, OUT_RIGHT = 1 };
void out_column(struct out_table *table, const char *header, int align);
/* The next cell of the row; after the last column the next row begins. NULL is "". Copied. */
void out_cell(struct out_table *table, const char *text, enum out_style style);
void out_cellf(struct out_table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_cell_state(struct out_table *table, const char *state);
size_t out_n_rows(const struct out_table *table);
void out_table_print(struct out_table *table, const char *indent); /* header: in capitals */

/* ---- values ---- */

/* For a cell: a text as it is, other values as JSON; cut to `max` columns with "…" (0: not).
 * Control characters become blanks. The caller's (free). */
char *out_value(const struct js *value, size_t max);
char *out_text(const char *text, size_t max);
char *out_number(double number); /* at most six digits after the point: 0.5, 3; the caller's */
char *out_bytes(int64_t n);      /* "12.3 KiB"; "-" for n < 0; the caller's */
char *out_time(int64_t us);      /* local time "2026-11-23 18:20:05"; "-" where not set */
char *out_duration(int64_t from_us, int64_t to_us); /* "-" where one is not set */
size_t out_width(const char *text);                 /* columns on a terminal */

/* JSON, two blanks a level, with a newline. */
void out_json(const struct js *value, FILE *to);
/* js_set with a text that may be NULL (then null); a time (0: null). */
void out_set_text(struct js *object, const char *key, const char *text);
void out_set_time(struct js *object, const char *key, int64_t us);
/* JSON text of the record as a value; NULL, or text that is none, gives `other` (taken). */
struct js *out_parse(const char *text, struct js *other);
