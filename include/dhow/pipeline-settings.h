/* dhow/pipeline-settings.h - the second half of what is behind dhow/pipeline.h: blocks, and what is
 * set on tasks and on the pipeline. Names that begin with dhow__ may change. */
#ifndef DHOW_PIPELINE_RECORD_H
#include <dhow/pipeline.h>
#elif !defined DHOW_PIPELINE_SETTINGS_H
#define DHOW_PIPELINE_SETTINGS_H

/* ---- control flow ---- */

static DHOW_UNUSED dhow_condition dhow__compare_at(struct dhow__here here, const char *op,
                                                   dhow_value a, dhow_value b)
{
    dhow_condition c;
    struct dhow__text t;
    c.id = dhow__next();
    t = dhow__say("compare", c.id, here);
    dhow__put_text(&t, "operator", op);
    dhow__put_int(&t, "left", a.id);
    dhow__put_int(&t, "right", b.id);
    dhow__put(&t);
    return c;
}

static DHOW_UNUSED dhow_condition dhow__always(void)
{
    dhow_condition c;
    c.id = 0;
    return c;
}

static DHOW_UNUSED dhow_value dhow__branch_at(struct dhow__here here, const char *kind,
                                              dhow_condition condition, const char *name)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say(kind, id, here);
    dhow__put_int(&t, "condition", condition.id);
    dhow__put_text(&t, "name", name);
    dhow__put(&t);
    return dhow__value(id);
}

static DHOW_UNUSED dhow_value dhow__loop_at(struct dhow__here here, dhow_value items,
                                            int parallelism, const char *name)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("for", id, here);
    dhow__put_int(&t, "items", items.id);
    dhow__put_int(&t, "parallelism", parallelism);
    dhow__put_text(&t, "name", name);
    dhow__put(&t);
    return dhow__value(id);
}

static DHOW_UNUSED dhow_value dhow__exit_handler_at(struct dhow__here here, dhow_task_ref task,
                                                    const char *name)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("exitHandler", id, here);
    dhow__put_int(&t, "task", task.id);
    dhow__put_text(&t, "name", name);
    dhow__put(&t);
    return dhow__value(id);
}

/* Ends the innermost block; its value ends the for statement. */
static DHOW_UNUSED dhow_value dhow__end_at(struct dhow__here here)
{
    struct dhow__text t = dhow__say("end", 0, here);
    dhow__put(&t);
    return dhow__value(0);
}

/* ---- settings ---- */

static DHOW_UNUSED void dhow__after_at(struct dhow__here here, dhow_task_ref task,
                                       dhow_task_ref other)
{
    struct dhow__text t = dhow__say("after", 0, here);
    dhow__put_int(&t, "task", task.id);
    dhow__put_int(&t, "other", other.id);
    dhow__put(&t);
}

static DHOW_UNUSED void dhow__set_at(struct dhow__here here, dhow_task_ref task, const char *what,
                                     dhow_value value)
{
    struct dhow__text t = dhow__say("set", 0, here);
    dhow__put_int(&t, "task", task.id);
    dhow__put_text(&t, "what", what);
    dhow__put_int(&t, "value", value.id);
    dhow__put(&t);
}

static DHOW_UNUSED void dhow__retry_at(struct dhow__here here, dhow_task_ref task, int times,
                                       double backoff_seconds, double factor, double max_seconds)
{
    struct dhow__text t = dhow__say("retry", 0, here);
    dhow__put_int(&t, "task", task.id);
    dhow__put_int(&t, "times", times);
    dhow__put_number(&t, "backoff", backoff_seconds);
    dhow__put_number(&t, "factor", factor);
    dhow__put_number(&t, "max", max_seconds);
    dhow__put(&t);
}

static DHOW_UNUSED void dhow__env_at(struct dhow__here here, dhow_task_ref task, const char *name,
                                     const char *value)
{
    struct dhow__text t = dhow__say("env", 0, here);
    dhow__put_int(&t, "task", task.id);
    dhow__put_text(&t, "name", name);
    dhow__put_text(&t, "value", value);
    dhow__put(&t);
}

static DHOW_UNUSED void dhow__kubernetes_at(struct dhow__here here, dhow_task_ref task,
                                            const char *field, const char *json)
{
    struct dhow__text t = dhow__say("kubernetes", 0, here);
    dhow__put_int(&t, "task", task.id);
    dhow__put_text(&t, "field", field);
    dhow__put_text(&t, "json", json);
    dhow__put(&t);
}

/* What belongs to a secret, a config map or a claim, whose name is a value. */
static DHOW_UNUSED void dhow__named_at(struct dhow__here here, dhow_task_ref task,
                                       const char *field, dhow_value name, const char *key,
                                       const char *env, const char *path)
{
    struct dhow__text t = dhow__say("named", 0, here);
    dhow__put_int(&t, "task", task.id);
    dhow__put_text(&t, "field", field);
    dhow__put_int(&t, "value", name.id);
    dhow__put_text(&t, "key", key);
    dhow__put_text(&t, "env", env);
    dhow__put_text(&t, "path", path);
    dhow__put(&t);
}

static DHOW_UNUSED void dhow__metadata_at(struct dhow__here here, dhow_task_ref task,
                                          const char *name, dhow_value value)
{
    struct dhow__text t = dhow__say("metadata", 0, here);
    dhow__put_int(&t, "task", task.id);
    dhow__put_text(&t, "name", name);
    dhow__put_int(&t, "value", value.id);
    dhow__put(&t);
}

static DHOW_UNUSED void dhow__pipeline_config_at(struct dhow__here here, const char *field,
                                                 const char *json)
{
    struct dhow__text t = dhow__say("pipelineConfig", 0, here);
    dhow__put_text(&t, "field", field);
    dhow__put_text(&t, "json", json);
    dhow__put(&t);
}

static DHOW_UNUSED void dhow__pipeline_name_at(struct dhow__here here, const char *name)
{
    struct dhow__text t = dhow__say("pipelineName", 0, here);
    dhow__put_text(&t, "name", name);
    dhow__put(&t);
}

static DHOW_UNUSED void dhow__pipeline_root_at(struct dhow__here here, const char *uri)
{
    struct dhow__text t = dhow__say("pipelineRoot", 0, here);
    dhow__put_text(&t, "uri", uri);
    dhow__put(&t);
}

#endif
