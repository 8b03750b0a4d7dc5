#pragma once
/* view - a run while it runs, on standard error: a live tree on a terminal, a line a state change
 * elsewhere. It only looks: it decides nothing and reads no record. */
#include "base/own.h"
#include "cli/cli.h"
#include "engine/engine.h"

struct view;

/* `quiet`: notes and failures alone. */
struct view *view_new(const struct cli *cli, bool quiet);
struct view *view_end(struct view *view); /* takes the live part away; NULL is fine; returns NULL */
OWN_DEFINE(struct view *, view_end)
const struct engine_watch *view_watch(struct view *view); /* borrowed */
