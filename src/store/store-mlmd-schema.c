/* The record as ML Metadata's clients want it: the tables of its schema version 10, most of them
 * views. Names and properties are those that KFP's backend writes (system.Pipeline, …).
 *
 * Real tables are: the types (a client adds its own), the version, and what a view could not tell
 * quickly or at all: `mlmd_context`, one number space for pipelines and runs; `mlmd_dag`, what the
 * spec says of each DAG; the columns *_struct, parameters as protobuf in base64, written with the
 * row that has them as JSON.
 *
 * A client asks by id, by type and name, by context, by URI, and for the children of a DAG
 * (parent_dag_id): the views leave the plan an index for each of these. Ids of executions and
 * artifacts are those of task and artifacts. Others read this with older libraries: nothing here is
 * newer than SQLite 3.9 with JSON. Every program that opens the file parses it: so it is short. */
#include "store/store-priv.h"

#define TYPE(name, kind) "('" name "', " kind ")"
#define EXECUTION_TYPE "0"
#define ARTIFACT_TYPE "1"
#define CONTEXT_TYPE "2"

/* SQL is laid out as SQL. */
/* clang-format off */

const char store_mlmd_tables[] =
    "CREATE TABLE Type("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name VARCHAR(255) NOT NULL,"
    " version VARCHAR(255),"
    " type_kind INTEGER NOT NULL,"
    " description TEXT,"
    " input_type TEXT,"
    " output_type TEXT,"
    " external_id VARCHAR(255) UNIQUE);"
    "CREATE INDEX idx_type_name ON Type(name);"
    "CREATE TABLE TypeProperty("
    " type_id INTEGER NOT NULL,"
    " name VARCHAR(255) NOT NULL,"
    " data_type INTEGER,"
    " PRIMARY KEY(type_id, name));"
    "CREATE TABLE ParentType("
    " type_id INTEGER NOT NULL,"
    " parent_type_id INTEGER NOT NULL,"
    " PRIMARY KEY(type_id, parent_type_id));"
    "CREATE TABLE MLMDEnv(schema_version INTEGER PRIMARY KEY);"
    "INSERT INTO MLMDEnv(schema_version) VALUES (10);"
    "INSERT INTO Type(name, type_kind) VALUES "
    /* 1 to 9: what a client adds when it opens an empty database for writing. */
    TYPE("mlmd.Dataset", ARTIFACT_TYPE) ","
    TYPE("mlmd.Model", ARTIFACT_TYPE) ","
    TYPE("mlmd.Metrics", ARTIFACT_TYPE) ","
    TYPE("mlmd.Statistics", ARTIFACT_TYPE) ","
    TYPE("mlmd.Train", EXECUTION_TYPE) ","
    TYPE("mlmd.Transform", EXECUTION_TYPE) ","
    TYPE("mlmd.Process", EXECUTION_TYPE) ","
    TYPE("mlmd.Evaluate", EXECUTION_TYPE) ","
    TYPE("mlmd.Deploy", EXECUTION_TYPE) ","
    /* 10 to 15: the views below say these numbers. */
    TYPE("system.Pipeline", CONTEXT_TYPE) ","
    TYPE("system.PipelineRun", CONTEXT_TYPE) ","
    TYPE("system.DAGExecution", EXECUTION_TYPE) ","
    TYPE("system.ContainerExecution", EXECUTION_TYPE) ","
    TYPE("system.ImporterExecution", EXECUTION_TYPE) ","
    TYPE("system.ImporterWorkspaceExecution", EXECUTION_TYPE) ","
    /* Artifacts, as far as KFP names them; store_mlmd_type knows that these are there. */
    TYPE("system.Artifact", ARTIFACT_TYPE) ","
    TYPE("system.Dataset", ARTIFACT_TYPE) ","
    TYPE("system.Model", ARTIFACT_TYPE) ","
    TYPE("system.Metrics", ARTIFACT_TYPE) ","
    TYPE("system.ClassificationMetrics", ARTIFACT_TYPE) ","
    TYPE("system.SlicedClassificationMetrics", ARTIFACT_TYPE) ","
    TYPE("system.HTML", ARTIFACT_TYPE) ","
    TYPE("system.Markdown", ARTIFACT_TYPE) ";"
    "INSERT INTO Type(name, type_kind) SELECT DISTINCT type, 1 FROM artifacts"
    " WHERE type NOT IN (SELECT name FROM Type WHERE type_kind = 1);"

    "CREATE TABLE mlmd_context("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " pipeline_id INTEGER UNIQUE REFERENCES pipeline(id) ON DELETE CASCADE,"
    " run_id INTEGER UNIQUE REFERENCES run(id) ON DELETE CASCADE);"
    "INSERT INTO mlmd_context(pipeline_id) SELECT id FROM pipeline ORDER BY id;"
    "INSERT INTO mlmd_context(run_id) SELECT id FROM run ORDER BY id;"

    "CREATE TABLE mlmd_dag("
    " spec_digest VARCHAR(64) NOT NULL REFERENCES spec(digest) ON DELETE CASCADE,"
    " scope_path VARCHAR(500) NOT NULL,"
    " n_tasks INTEGER NOT NULL,"
    " parameters TEXT,"
    " artifacts TEXT,"
    " PRIMARY KEY(spec_digest, scope_path));"

    /* The properties of executions, but for parent_dag_id: a client filters by that. */
    "CREATE TABLE mlmd_property(name VARCHAR(64) PRIMARY KEY);"
    "INSERT INTO mlmd_property(name) VALUES ('display_name'), ('task_name'), ('iteration_index'),"
    " ('iteration_count'), ('inputs'), ('outputs'), ('pod_name'), ('pod_uid'), ('namespace'),"
    " ('image'), ('cached_execution_id'), ('cache_fingerprint'), ('total_dag_tasks'),"
    " ('parameter_producer_task'), ('artifact_producer_task');"

    "ALTER TABLE task ADD COLUMN inputs_struct TEXT;"
    "ALTER TABLE task ADD COLUMN outputs_struct TEXT;"
    "ALTER TABLE artifacts ADD COLUMN metadata_struct TEXT;";

/* What other databases say in other ways: whole milliseconds, texts put together. */
#define MS(us) "(" us ") / 1000"
#define NO_BYTES "NULL AS byte_value, NULL AS proto_value, NULL AS bool_value"
#define TEXT_VALUE(x) "NULL AS int_value, NULL AS double_value, " x " AS string_value, " NO_BYTES
/* A session as the launcher records it: the URI's scheme, credentials from the environment. */
#define SESSION(uri)                                                                               \
    "'{\"Provider\":\"' || CASE WHEN instr(" uri ", '://') > 0 THEN"                               \
    " substr(" uri ", 1, instr(" uri ", '://') - 1) ELSE 'file' END ||"                            \
    " '\",\"Params\":{\"fromEnv\":\"true\"}}'"
#define LEAF "'RUNTIME'"

const char store_mlmd_views[] =
    /* KFP has no execution before a driver has made it, and no driver runs for a task whose DAG was
     * not triggered, or that waited for something that failed. */
    "CREATE VIEW mlmd_task AS SELECT * FROM task WHERE state NOT IN ('PENDING', 'SKIPPED')"
    " OR state = 'SKIPPED' AND state_reason LIKE 'condition %';"

    "CREATE VIEW Artifact AS SELECT a.id AS id, y.id AS type_id, a.uri AS uri,"
    " CASE a.state WHEN 'LIVE' THEN 2 ELSE 4 END AS state, NULL AS name, NULL AS external_id,"
    " " MS("a.created_us") " AS create_time_since_epoch,"
    " " MS("a.created_us") " AS last_update_time_since_epoch"
    " FROM artifacts a LEFT JOIN Type y ON y.name = a.type AND y.type_kind = 1"
    " AND y.version IS NULL;"

    /* The members of artifacts' metadata; structs are texts. Each database has its own way. */
    "/* sqlite */ CREATE VIEW mlmd_member AS SELECT a.id AS id, j.key AS name, j.type AS type,"
    " j.value AS value FROM artifacts a JOIN json_each(a.metadata) j WHERE a.metadata IS NOT NULL;"
    "/* sqlite */ CREATE VIEW mlmd_struct AS SELECT a.id AS id, j.key AS name, j.value AS value"
    " FROM artifacts a JOIN json_each(a.metadata_struct) j WHERE a.metadata_struct IS NOT NULL;"

    "/* postgres */ CREATE VIEW mlmd_member AS SELECT a.id AS id, j.key AS name,"
    " CASE jsonb_typeof(j.value) WHEN 'string' THEN 'text' WHEN 'boolean' THEN j.value::text"
    " WHEN 'number' THEN 'real' ELSE jsonb_typeof(j.value) END AS type,"
    " j.value #>> '{}' AS value FROM artifacts a CROSS JOIN LATERAL jsonb_each(a.metadata::jsonb) j"
    " WHERE a.metadata IS NOT NULL;"
    "/* postgres */ CREATE VIEW mlmd_struct AS SELECT a.id AS id, j.key AS name,"
    " j.value #>> '{}' AS value FROM artifacts a"
    " CROSS JOIN LATERAL jsonb_each(a.metadata_struct::jsonb) j WHERE a.metadata_struct IS NOT NULL;"

#define MEMBER(json) "json_extract(" json ", concat('$.', json_quote(j.name)))"
#define MEMBERS(json)                                                                              \
    " FROM artifacts a JOIN json_table(json_keys(" json "), '$[*]' COLUMNS(name VARCHAR(255)"      \
    " PATH '$')) j WHERE " json " IS NOT NULL;"
    "/* mysql */ CREATE VIEW mlmd_member AS SELECT a.id AS id, j.name AS name,"
    " CASE json_type(" MEMBER("a.metadata") ") WHEN 'STRING' THEN 'text' WHEN 'BOOLEAN' THEN"
    " json_unquote(" MEMBER("a.metadata") ") WHEN 'INTEGER' THEN 'integer' WHEN 'DOUBLE' THEN 'real'"
    " WHEN 'DECIMAL' THEN 'real' END AS type, json_unquote(" MEMBER("a.metadata") ") AS value"
    MEMBERS("a.metadata")
    "/* mysql */ CREATE VIEW mlmd_struct AS SELECT a.id AS id, j.name AS name,"
    " json_unquote(" MEMBER("a.metadata_struct") ") AS value" MEMBERS("a.metadata_struct")

    "CREATE VIEW ArtifactProperty AS"
    " SELECT j.id AS artifact_id, j.name AS name, 1 AS is_custom_property,"
    " CASE j.type WHEN 'true' THEN 1 WHEN 'false' THEN 0 END AS int_value,"
    " CASE WHEN j.type IN ('integer', 'real') THEN CAST(j.value AS REAL) END AS double_value,"
    " CASE j.type WHEN 'text' THEN j.value END AS string_value, " NO_BYTES
    " FROM mlmd_member j"
    " WHERE j.type IN ('true', 'false', 'integer', 'real', 'text') AND j.name <> '_kfp_workspace'"
    " UNION ALL SELECT j.id, j.name, 1, " TEXT_VALUE("j.value") " FROM mlmd_struct j"
    " UNION ALL SELECT a.id, 'display_name', 1, " TEXT_VALUE("l.key")
    " FROM artifacts a JOIN artifact_task l ON l.id = (SELECT min(m.id) FROM artifact_task m"
    " WHERE m.artifact_id = a.id AND m.type = 'OUTPUT')"
    " JOIN task t ON t.id = l.task_id AND t.type = " LEAF
    " WHERE NOT EXISTS (SELECT 1 FROM mlmd_member m WHERE m.id = a.id AND m.name = 'display_name')"
    " UNION ALL SELECT a.id, 'store_session_info', 1, " TEXT_VALUE(SESSION("a.uri"))
    " FROM artifacts a WHERE a.uri NOT LIKE 'oci://%' AND NOT EXISTS"
    " (SELECT 1 FROM mlmd_member m WHERE m.id = a.id AND m.name = 'store_session_info');"

    "CREATE VIEW Execution AS SELECT t.id AS id,"
    " CASE t.type WHEN " LEAF " THEN 13 WHEN 'IMPORTER' THEN 14 ELSE 12 END AS type_id,"
    " CASE t.state WHEN 'RUNNING' THEN 2 WHEN 'SUCCEEDED' THEN 3 WHEN 'FAILED' THEN 4"
    " WHEN 'CACHED' THEN 5 ELSE 6 END AS last_known_state,"
    " CASE t.type WHEN 'ROOT' THEN (SELECT 'run/' || r.uuid FROM run r WHERE r.id = t.run_id)"
    " END AS name, NULL AS external_id,"
    " " MS("t.created_us") " AS create_time_since_epoch,"
    " " MS("coalesce(t.finished_us, t.started_us, t.created_us)") " AS last_update_time_since_epoch"
    " FROM mlmd_task t;"

    /* One row a property and task, of which ExecutionProperty leaves out those without a value. An
     * importer's name is its display name; the root has none. */
    "CREATE VIEW mlmd_value AS SELECT t.id AS id, p.name AS name, CASE p.name"
    " WHEN 'iteration_index' THEN CASE t.type WHEN 'LOOP_ITERATION' THEN t.iteration_index END"
    " WHEN 'iteration_count' THEN CASE t.type WHEN 'LOOP' THEN t.iteration_count END"
    " WHEN 'total_dag_tasks' THEN d.n_tasks END AS number, CASE p.name"
    " WHEN 'display_name' THEN CASE WHEN t.type IN ('ROOT', 'IMPORTER') THEN ''"
    " ELSE coalesce(t.display_name, t.name) END"
    " WHEN 'task_name' THEN CASE t.type WHEN 'ROOT' THEN '' WHEN 'IMPORTER' THEN"
    " coalesce(t.display_name, t.name) ELSE t.name END"
    " WHEN 'inputs' THEN CASE WHEN t.type <> 'IMPORTER' THEN coalesce(t.inputs_struct,"
    " CASE WHEN t.type <> 'ROOT' THEN 'mlmd-struct::' END) END"
    " WHEN 'outputs' THEN CASE WHEN t.type = " LEAF " AND t.state IN ('SUCCEEDED', 'CACHED') THEN"
    " coalesce(t.outputs_struct, 'mlmd-struct::') END"
    " WHEN 'cached_execution_id' THEN CAST(t.cached_from_id AS CHAR)"
    " WHEN 'cache_fingerprint' THEN CASE t.type WHEN " LEAF " THEN t.cache_fingerprint END"
    " WHEN 'parameter_producer_task' THEN d.parameters"
    " WHEN 'artifact_producer_task' THEN d.artifacts"
    " WHEN 'iteration_index' THEN NULL WHEN 'iteration_count' THEN NULL"
    " WHEN 'total_dag_tasks' THEN NULL ELSE CASE t.type WHEN " LEAF " THEN '' END END AS text"
    " FROM mlmd_task t JOIN mlmd_property p ON 1 = 1 JOIN run r ON r.id = t.run_id"
    " LEFT JOIN mlmd_dag d ON d.spec_digest = r.spec_digest AND d.scope_path = t.scope_path"
    " AND t.type NOT IN (" LEAF ", 'IMPORTER', 'ROOT');"

    "CREATE VIEW ExecutionProperty AS SELECT id AS execution_id, 'parent_dag_id' AS name,"
    " 1 AS is_custom_property, parent_task_id AS int_value, NULL AS double_value,"
    " NULL AS string_value, " NO_BYTES " FROM mlmd_task WHERE parent_task_id IS NOT NULL"
    " UNION ALL SELECT id, name, 1, number, NULL, text, NULL, NULL, NULL FROM mlmd_value"
    " WHERE number IS NOT NULL OR text IS NOT NULL;"

    "CREATE VIEW Context AS SELECT c.id AS id, 11 AS type_id, r.uuid AS name, NULL AS external_id,"
    " " MS("r.created_us") " AS create_time_since_epoch,"
    " " MS("r.created_us") " AS last_update_time_since_epoch"
    " FROM run r JOIN mlmd_context c ON c.run_id = r.id"
    " UNION ALL SELECT c.id, 10, p.name, NULL, " MS("p.created_us") ", " MS("p.created_us")
    " FROM pipeline p JOIN mlmd_context c ON c.pipeline_id = p.id;"

    "CREATE VIEW ContextProperty AS SELECT c.id AS context_id, k.name AS name,"
    " 1 AS is_custom_property, " TEXT_VALUE("CASE k.name WHEN 'namespace' THEN ''"
    " WHEN 'resource_name' THEN 'run-resource' WHEN 'pipeline_root' THEN"
    " coalesce(rtrim(r.pipeline_root, '/') || coalesce((SELECT '/' || p.name FROM pipeline p"
    " WHERE p.id = r.pipeline_id), '') || '/' || r.uuid, '') ELSE " SESSION("r.pipeline_root") " END")
    " FROM mlmd_context c JOIN run r ON r.id = c.run_id CROSS JOIN (SELECT 'namespace' AS name"
    " UNION ALL SELECT 'resource_name' UNION ALL SELECT 'pipeline_root'"
    " UNION ALL SELECT 'store_session_info') k;"

    "CREATE VIEW ParentContext AS SELECT c.id AS context_id, q.id AS parent_context_id"
    " FROM run r JOIN mlmd_context c ON c.run_id = r.id"
    " JOIN mlmd_context q ON q.pipeline_id = r.pipeline_id;"

    /* An association's and an attribution's id is nothing that a client asks by. */
    "CREATE VIEW Association AS"
    " SELECT t.id * 2 AS id, c.id AS context_id, t.id AS execution_id"
    " FROM mlmd_context c JOIN mlmd_task t ON t.run_id = c.run_id"
    " UNION ALL SELECT t.id * 2 + 1, c.id, t.id FROM mlmd_context c"
    " JOIN run r ON r.pipeline_id = c.pipeline_id JOIN mlmd_task t ON t.run_id = r.id;"

    "CREATE VIEW Attribution AS"
    " SELECT min(l.id) * 2 AS id, c.id AS context_id, l.artifact_id AS artifact_id"
    " FROM mlmd_context c JOIN task t ON t.run_id = c.run_id"
    " JOIN artifact_task l ON l.task_id = t.id GROUP BY c.id, l.artifact_id"
    " UNION ALL SELECT min(l.id) * 2 + 1, c.id, l.artifact_id FROM mlmd_context c"
    " JOIN run r ON r.pipeline_id = c.pipeline_id JOIN task t ON t.run_id = r.id"
    " JOIN artifact_task l ON l.task_id = t.id GROUP BY c.id, l.artifact_id;"

    /* A DAG's outputs are no events in KFP: artifact_producer_task says where they come from. */
    "CREATE VIEW Event AS SELECT l.id AS id, l.artifact_id AS artifact_id,"
    " l.task_id AS execution_id, CASE l.type WHEN 'INPUT' THEN 3 ELSE 4 END AS type,"
    " " MS("coalesce(CASE l.type WHEN 'INPUT' THEN t.started_us ELSE t.finished_us END,"
           " t.created_us)") " AS milliseconds_since_epoch"
    " FROM artifact_task l JOIN task t ON t.id = l.task_id"
    " WHERE l.type = 'INPUT' OR t.type IN (" LEAF ", 'IMPORTER');"

    "CREATE VIEW EventPath AS SELECT id AS event_id, 0 AS is_index_step, NULL AS step_index,"
    " key AS step_key FROM artifact_task;";
