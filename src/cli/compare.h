#pragma once
/* compare - several runs side by side, and the page that shows them with plots. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/js.h"

struct record;

struct compare { /* what is compared, as one object {row: [{"v": value} a run, …]} each */
    struct record **records;
    size_t n;
    struct js *parameters, *metrics, *states, *outputs;
};

bool compare_equal(const struct js *values); /* of one row: all the same */
/* One HTML file that needs no other: differing parameters first, metrics as bars, ROC curves over
 * one another, confusion matrices. No script; what runs hold is escaped. */
void compare_html(const struct compare *side, FILE *to);
