/* The schema. Names as in KFP proposal 12147. Times are microseconds since 1970 UTC, NULL where
 * they are not set; JSON is text; states and types are words. Plain tables and indexes only: other
 * programs read this file with older SQLite libraries than ours.
 *
 * The same text is given to SQLite, and translated for PostgreSQL and MySQL: how to write it so
 * that all three understand is said in db-dialect.h (keywords in CAPITALS, names small; `id INTEGER
 * PRIMARY KEY` first; TEXT, INTEGER, BIGINT, DOUBLE PRECISION; VARCHAR(n) where a TEXT is in a key
 * of several columns). What only one of them can do (a view with json_each, say) stands in
 * statements that begin with a comment naming it: "sqlite", "postgres", "mysql".
 * `tests/store/test_servers.py` makes every step on all three, and runs the unit tests there
 * (alone: tools/run_tests.py --only store/test_servers).
 *
 * AUTOINCREMENT where an id is shown outside: it is never given to another row. An index for each
 * foreign key, or deleting a parent would read the whole child table. */
#include "store/store-priv.h"

static const char v1[] =
    "CREATE TABLE experiment("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " description TEXT,"
    " created_us BIGINT NOT NULL,"
    " archived INTEGER NOT NULL DEFAULT 0);"

    "CREATE TABLE spec("
    " digest TEXT NOT NULL PRIMARY KEY,"
    " json TEXT NOT NULL,"
    " created_us BIGINT NOT NULL);"

    "CREATE TABLE pipeline("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " description TEXT,"
    " created_us BIGINT NOT NULL);"

    "CREATE TABLE pipeline_version("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " pipeline_id INTEGER NOT NULL REFERENCES pipeline(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " ordinal INTEGER NOT NULL,"
    " spec_digest TEXT NOT NULL REFERENCES spec(digest),"
    " created_us BIGINT NOT NULL,"
    " UNIQUE(pipeline_id, name));"
    "CREATE INDEX pipeline_version_spec ON pipeline_version(spec_digest, pipeline_id);"

    "CREATE TABLE run("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " display_name TEXT NOT NULL,"
    " experiment_id INTEGER REFERENCES experiment(id),"
    " pipeline_id INTEGER REFERENCES pipeline(id),"
    " pipeline_version_id INTEGER REFERENCES pipeline_version(id),"
    " spec_digest TEXT REFERENCES spec(digest),"
    " state TEXT NOT NULL,"
    " created_us BIGINT NOT NULL,"
    " started_us BIGINT,"
    " finished_us BIGINT,"
    " archived INTEGER NOT NULL DEFAULT 0,"
    " generation INTEGER NOT NULL DEFAULT 0,"
    " cancel_requested_us BIGINT,"
    " owner_pid BIGINT,"
    " owner_host TEXT,"
    " owner_token TEXT,"
    " cache_mode TEXT NOT NULL,"
    " pipeline_root TEXT,"
    " parameters TEXT,"
    " outputs TEXT,"
    " options TEXT,"
    " error TEXT);"
    "CREATE INDEX run_created ON run(created_us);"
    "CREATE INDEX run_experiment ON run(experiment_id, created_us);"
    "CREATE INDEX run_pipeline ON run(pipeline_id, created_us);"
    "CREATE INDEX run_pipeline_version ON run(pipeline_version_id);"
    "CREATE INDEX run_spec ON run(spec_digest);"
    "CREATE INDEX run_state ON run(state, created_us);"
    "CREATE INDEX run_display_name ON run(display_name);"

    "CREATE TABLE task("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " parent_task_id INTEGER REFERENCES task(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " display_name TEXT,"
    " scope_path TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " iteration_index INTEGER,"
    " iteration_count INTEGER,"
    " state TEXT NOT NULL,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " cache_fingerprint TEXT,"
    " cached_from_id INTEGER REFERENCES task(id) ON DELETE SET NULL,"
    " created_us BIGINT NOT NULL,"
    " started_us BIGINT,"
    " finished_us BIGINT,"
    " pid BIGINT,"
    " pid_token TEXT,"
    " exit_code INTEGER,"
    " state_reason TEXT,"
    " error TEXT,"
    " log_path TEXT,"
    " folder TEXT,"
    " inputs TEXT,"
    " outputs TEXT);"
    "CREATE INDEX task_run ON task(run_id);"
    "CREATE INDEX task_parent ON task(parent_task_id) WHERE parent_task_id IS NOT NULL;"
    "CREATE INDEX task_cache ON task(cache_fingerprint)"
    " WHERE state = 'SUCCEEDED' AND cache_fingerprint IS NOT NULL;"
    "CREATE INDEX task_cached_from ON task(cached_from_id) WHERE cached_from_id IS NOT NULL;"

    "CREATE TABLE task_attempt("
    " id INTEGER PRIMARY KEY,"
    " task_id INTEGER NOT NULL REFERENCES task(id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL,"
    " state TEXT NOT NULL,"
    " started_us BIGINT,"
    " finished_us BIGINT,"
    " exit_code INTEGER,"
    " reason TEXT,"
    " log_path TEXT,"
    " UNIQUE(task_id, number));"

    "CREATE TABLE artifact("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " type TEXT NOT NULL,"
    " name TEXT,"
    " uri TEXT,"
    " digest TEXT,"
    " size_bytes BIGINT,"
    " metadata TEXT,"
    " state TEXT NOT NULL,"
    " created_us BIGINT NOT NULL);"
    "CREATE INDEX artifact_uri ON artifact(uri) WHERE uri IS NOT NULL;"
    "CREATE INDEX artifact_digest ON artifact(digest) WHERE digest IS NOT NULL;"
    "CREATE INDEX artifact_type ON artifact(type);"

    "CREATE TABLE artifact_task("
    " id INTEGER PRIMARY KEY,"
    " artifact_id INTEGER NOT NULL REFERENCES artifact(id) ON DELETE CASCADE,"
    " task_id INTEGER NOT NULL REFERENCES task(id) ON DELETE CASCADE,"
    " type TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " idx INTEGER NOT NULL DEFAULT 0,"
    " producer_task_id INTEGER REFERENCES task(id) ON DELETE SET NULL,"
    " producer_key TEXT,"
    " UNIQUE(task_id, type, key, idx));"
    "CREATE INDEX artifact_task_artifact ON artifact_task(artifact_id, type);"
    "CREATE INDEX artifact_task_producer ON artifact_task(producer_task_id)"
    " WHERE producer_task_id IS NOT NULL;"

    "CREATE TABLE metric("
    " id INTEGER PRIMARY KEY,"
    " run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " task_id INTEGER REFERENCES task(id) ON DELETE CASCADE,"
    " artifact_id INTEGER REFERENCES artifact(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " number_value DOUBLE PRECISION,"
    " step BIGINT,"
    " time_us BIGINT);"
    "CREATE INDEX metric_run ON metric(run_id);"
    "CREATE INDEX metric_task ON metric(task_id) WHERE task_id IS NOT NULL;"
    "CREATE INDEX metric_artifact ON metric(artifact_id) WHERE artifact_id IS NOT NULL;"

    "CREATE TABLE model("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " description TEXT,"
    " created_us BIGINT NOT NULL,"
    " updated_us BIGINT NOT NULL);"

    "CREATE TABLE model_version("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " model_id INTEGER NOT NULL REFERENCES model(id) ON DELETE CASCADE,"
    " version TEXT NOT NULL,"
    " ordinal INTEGER NOT NULL,"
    " description TEXT,"
    " artifact_id INTEGER REFERENCES artifact(id),"
    " run_id INTEGER REFERENCES run(id) ON DELETE SET NULL,"
    " task_id INTEGER REFERENCES task(id) ON DELETE SET NULL,"
    " metadata TEXT,"
    " created_us BIGINT NOT NULL,"
    " UNIQUE(model_id, version),"
    " UNIQUE(model_id, ordinal));"
    "CREATE INDEX model_version_artifact ON model_version(artifact_id);"
    "CREATE INDEX model_version_run ON model_version(run_id);"
    "CREATE INDEX model_version_task ON model_version(task_id);"

    "CREATE TABLE model_alias("
    " model_id INTEGER NOT NULL REFERENCES model(id) ON DELETE CASCADE,"
    " alias TEXT NOT NULL,"
    " version_id INTEGER NOT NULL REFERENCES model_version(id) ON DELETE CASCADE,"
    " set_us BIGINT NOT NULL,"
    " PRIMARY KEY(model_id, alias));"
    "CREATE INDEX model_alias_version ON model_alias(version_id);";

/* ML Metadata has a table `Artifact`, and SQLite does not tell that name from `artifact`. */
static const char artifacts[] = "ALTER TABLE artifact RENAME TO artifacts;";

/* What runs are looked for by: tags, notes, parameters one a row, and the last value of each
 * metric. The metrics that were there are taken over; parameters are written with each run. */
static const char v_search[] =
    "ALTER TABLE run ADD COLUMN notes TEXT;"
    "ALTER TABLE experiment ADD COLUMN notes TEXT;"

    "CREATE TABLE run_tag("
    " run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY(run_id, name));"
    "CREATE INDEX run_tag_name ON run_tag(name, value);"

    "CREATE TABLE experiment_tag("
    " experiment_id INTEGER NOT NULL REFERENCES experiment(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY(experiment_id, name));"

    "CREATE TABLE run_param("
    " run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " text_value TEXT NOT NULL,"
    " number_value DOUBLE PRECISION,"
    " PRIMARY KEY(run_id, name));"
    "CREATE INDEX run_param_number ON run_param(name, number_value);"
    "CREATE INDEX run_param_text ON run_param(name, text_value);"

    "CREATE TABLE run_metric("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " task_id INTEGER REFERENCES task(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " number_value DOUBLE PRECISION,"
    " time_us BIGINT NOT NULL);"
    "CREATE INDEX run_metric_run ON run_metric(run_id, name);"
    "CREATE INDEX run_metric_task ON run_metric(task_id);"
    "CREATE INDEX run_metric_number ON run_metric(name, number_value, run_id);"
    "INSERT INTO run_metric(run_id, task_id, name, number_value, time_us)"
    " SELECT run_id, task_id, name, number_value, coalesce(time_us, 0) FROM metric"
    " WHERE id IN (SELECT max(id) FROM metric GROUP BY run_id, task_id, name);";

/* What a server keeps beyond what a run leaves. `uploaded`: shown by the KFP API; what `dhow run`
 * has recorded on its way is not. `queue`: 'run' or 'retry' while a server answers for the run,
 * 'delete' while it waits for the run's end to delete it. `request`: the run as it was asked for.
 */
static const char v_served[] =
    "ALTER TABLE experiment ADD COLUMN namespace TEXT;"
    "ALTER TABLE pipeline ADD COLUMN display_name TEXT;"
    "ALTER TABLE pipeline ADD COLUMN namespace TEXT;"
    "ALTER TABLE pipeline ADD COLUMN uploaded INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE pipeline_version ADD COLUMN display_name TEXT;"
    "ALTER TABLE pipeline_version ADD COLUMN description TEXT;"
    "ALTER TABLE pipeline_version ADD COLUMN code_source_url TEXT;"
    "ALTER TABLE pipeline_version ADD COLUMN package_url TEXT;"
    "ALTER TABLE pipeline_version ADD COLUMN uploaded INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE run ADD COLUMN description TEXT;"
    "ALTER TABLE run ADD COLUMN namespace TEXT;"
    "ALTER TABLE run ADD COLUMN service_account TEXT;"
    "ALTER TABLE run ADD COLUMN scheduled_us BIGINT;"
    "ALTER TABLE run ADD COLUMN schedule_id BIGINT;"
    "ALTER TABLE run ADD COLUMN request TEXT;"
    "ALTER TABLE run ADD COLUMN queue TEXT;"
    "CREATE INDEX run_queue ON run(queue) WHERE queue IS NOT NULL;"
    "CREATE INDEX run_schedule ON run(schedule_id, created_us) WHERE schedule_id IS NOT NULL;"
    "CREATE INDEX run_archived ON run(archived, created_us);"
    "CREATE INDEX run_finished ON run(finished_us);"

    "CREATE TABLE tag("
    " kind TEXT NOT NULL,"
    " owner_id BIGINT NOT NULL,"
    " tag_key TEXT NOT NULL,"
    " tag_value TEXT NOT NULL,"
    " PRIMARY KEY(kind, owner_id, tag_key));"
    "CREATE INDEX tag_by_value ON tag(kind, tag_key, tag_value);"

    "CREATE TABLE schedule("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " display_name TEXT NOT NULL,"
    " description TEXT,"
    " namespace TEXT,"
    " experiment_id INTEGER REFERENCES experiment(id),"
    " pipeline_id INTEGER REFERENCES pipeline(id),"
    " pipeline_version_id INTEGER REFERENCES pipeline_version(id),"
    " spec_digest TEXT REFERENCES spec(digest),"
    " request TEXT,"
    " service_account TEXT,"
    " cron TEXT,"
    " interval_s BIGINT,"
    " time_zone TEXT,"
    " start_us BIGINT,"
    " end_us BIGINT,"
    " no_catchup INTEGER NOT NULL DEFAULT 0,"
    " max_concurrency INTEGER NOT NULL DEFAULT 1,"
    " overlap TEXT NOT NULL,"
    " enabled INTEGER NOT NULL DEFAULT 1,"
    " created_us BIGINT NOT NULL,"
    " updated_us BIGINT NOT NULL,"
    " last_us BIGINT,"
    " next_us BIGINT,"
    " n_fired BIGINT NOT NULL DEFAULT 0,"
    " error TEXT);"
    "CREATE INDEX schedule_next ON schedule(enabled, next_us);"
    "CREATE INDEX schedule_experiment ON schedule(experiment_id);"
    "CREATE INDEX schedule_created ON schedule(created_us);";

/* What governs models: stages, approvals, rules, tags and what was done to them; and the tasks that
 * wait for a person. */
static const char v_models[] =
    "ALTER TABLE model ADD COLUMN rules TEXT;"
    "ALTER TABLE model_version ADD COLUMN stage TEXT;"
    "ALTER TABLE model_version ADD COLUMN approval TEXT;"
    "ALTER TABLE model_version ADD COLUMN approval_who TEXT;"
    "ALTER TABLE model_version ADD COLUMN approval_why TEXT;"
    "ALTER TABLE model_version ADD COLUMN approval_us BIGINT;"
    "ALTER TABLE model_version ADD COLUMN updated_us BIGINT;"

    "CREATE TABLE model_tag("
    " model_id INTEGER NOT NULL REFERENCES model(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY(model_id, name));"
    "CREATE TABLE model_version_tag("
    " version_id INTEGER NOT NULL REFERENCES model_version(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY(version_id, name));"

    "CREATE TABLE model_event("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " model_id INTEGER NOT NULL REFERENCES model(id) ON DELETE CASCADE,"
    " version TEXT,"
    " time_us BIGINT NOT NULL,"
    " what TEXT NOT NULL,"
    " who TEXT,"
    " why TEXT);"
    "CREATE INDEX model_event_model ON model_event(model_id);"

    "CREATE TABLE approval("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " task_id INTEGER NOT NULL UNIQUE REFERENCES task(id) ON DELETE CASCADE,"
    " asks TEXT NOT NULL,"
    " requested_us BIGINT NOT NULL,"
    " deadline_us BIGINT,"
    " decision TEXT,"
    " who TEXT,"
    " why TEXT,"
    " answers TEXT,"
    " decided_us BIGINT);"
    "CREATE INDEX approval_run ON approval(run_id);"
    "CREATE INDEX approval_decision ON approval(decision, requested_us);";

/* When the process that runs a run last said that it lives: for those who cannot look at it. */
static const char v_lease[] = "ALTER TABLE run ADD COLUMN lease_us BIGINT;";

/* Attempts that are pods of a cluster: which pod it is, what it says to prove that, and what it was
 * answered when it said how it ended. */
static const char v_pods[] = "CREATE TABLE pod("
                             " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                             " run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
                             " task_id INTEGER NOT NULL REFERENCES task(id) ON DELETE CASCADE,"
                             " number BIGINT NOT NULL,"
                             " name TEXT NOT NULL,"
                             " uid TEXT NOT NULL,"
                             " secret TEXT NOT NULL,"
                             " answer TEXT,"
                             " UNIQUE(task_id, number));"
                             "CREATE INDEX pod_run ON pod(run_id);";

/* The newest of all tasks and artifacts, as ML Metadata's lists have them. */
static const char v_created[] = "CREATE INDEX task_created ON task(created_us);"
                                "CREATE INDEX artifact_created ON artifacts(created_us);";

/* When a person last wrote onto a run (name, tags, notes, archive): for those who watch lists. */
static const char v_edited[] =
    "ALTER TABLE run ADD COLUMN edited_us BIGINT;"
    "CREATE INDEX run_edited ON run(edited_us) WHERE edited_us IS NOT NULL;";

/* Digests come in no order: each new one is another page of their index, and those are most of what
 * a commit writes. The first 16 of their 64 digits find them as well, on a quarter of the pages. */
static const char v_digests[] =
    "/* sqlite */ DROP INDEX task_cache;"
    "/* sqlite */ CREATE INDEX task_cache ON task(substr(cache_fingerprint, 1, 16))"
    " WHERE state = 'SUCCEEDED' AND cache_fingerprint IS NOT NULL;"
    "/* sqlite */ DROP INDEX artifact_digest;"
    "/* sqlite */ CREATE INDEX artifact_digest ON artifacts(substr(digest, 1, 16))"
    " WHERE digest IS NOT NULL;";

/* How often a pipeline (with its versions) or an experiment was changed: for those who watch. A
 * count, unlike a time, is another one whichever of two writers is the last to commit. */
static const char v_edits[] = "ALTER TABLE pipeline ADD COLUMN edits BIGINT NOT NULL DEFAULT 0;"
                              "ALTER TABLE experiment ADD COLUMN edits BIGINT NOT NULL DEFAULT 0;";

/* Whether equal tasks may use a task's result. Those of which none may are not in the index. */
static const char v_reusable[] =
    "ALTER TABLE task ADD COLUMN reusable INTEGER NOT NULL DEFAULT 1;"
    "/* sqlite */ DROP INDEX task_cache;"
    "/* sqlite */ CREATE INDEX task_cache ON task(substr(cache_fingerprint, 1, 16))"
    " WHERE state = 'SUCCEEDED' AND reusable = 1 AND cache_fingerprint IS NOT NULL;";

const char *const store_migrations[] = {
    v1,      artifacts, v_search,  store_mlmd_tables, store_mlmd_views, v_served, v_models,
    v_lease, v_pods,    v_created, v_edited,          v_digests,        v_edits,  v_reusable};
const int store_n_migrations = sizeof store_migrations / sizeof *store_migrations;

int store_migrate(struct db *db, const char *const *steps, int n, struct dh_err *err)
{
    int version, first = -1;

    for (;;) {
        if (db_version(db, &version, err) < 0)
            return -1;
        if (version > n)
            return dh_fail(err, DH_INVALID,
                           "database %s was made by a newer dhow: its schema is version %d, this "
                           "program knows up to %d. Use that dhow, or another home",
                           db_path(db), version, n);
        if (version == n)
            return 0;
        if (first < 0 && version > 0 && db_keep(db, version, err) < 0)
            return -1;
        first = version;
        if (db_migrate(db, steps[version], version, err) < 0)
            return dh_while(err, "schema version %d", version + 1);
    }
}
