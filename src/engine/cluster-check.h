#pragma once
/* cluster-check - whether a cluster can take runs: for `dhow doctor` and the start of a server. */
#include <stdbool.h>

struct js;

/* Calls `say` once for each thing that was looked at, in words; `ok`: it is as it has to be. Ends
 * with the first that makes others moot. `settings`: as engine_request.cluster; may be NULL. */
void cluster_look(const struct js *settings, void (*say)(void *user, bool ok, const char *text),
                  void *user);
/* Removes a run's Workflows (and with them its pods and Secret); in a thread that nobody waits for.
 * Nothing happens where the options are of a run of this machine. */
void cluster_forget(const char *options, const char *run_id);
