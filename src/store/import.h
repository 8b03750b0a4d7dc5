#pragma once
/* import - what ML Metadata knows of runs, taken into the record.
 *
 * Reads the fifteen tables of schema version 10, of a SQLite file or a server, as KFP's backend
 * fills them: contexts system.Pipeline and system.PipelineRun, executions of the system types,
 * their artifacts and events. Never writes there. What other frameworks have put beside these is
 * counted and left alone.
 *
 * Again is fine: runs are known by their ids, tasks and artifacts by ids made of what they are
 * there. A run that had not ended when it was imported is imported anew; a run that this dhow ran
 * itself is never touched. */
#include "store/store.h"

struct import_counts {
    int64_t runs_new, runs_renewed, runs_same; /* same: were there, with all of it */
    int64_t runs_own;                          /* of this dhow: left alone */
    int64_t pipelines;                         /* named by the runs that were taken */
    int64_t tasks, artifacts_new, artifacts_same, links;
    int64_t left_executions, left_contexts; /* of other kinds than KFP's */
};
/* `source`: a path or URL as store_open takes it. DH_INVALID: no metadata store of version 10. */
int store_import(struct store *s, const char *source, const char *experiment,
                 struct import_counts *ret, struct dh_err *err);
