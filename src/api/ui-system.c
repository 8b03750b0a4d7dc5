/* ui-system - the machine, the server and its queue for the page; and the search of its palette. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "api/api-priv.h"
#include "api/hub.h"
#include "api/queue.h"
#include "api/ui.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/mem.h"
#include "runtime/python.h"
#include "store/catalog.h"

enum { SEARCH_REACH = 20000 };

static void write_memory(struct jw *w)
{
    struct sysinfo info = {0};

    (void)sysinfo(&info);
    jw_begin_in(w, "memory", '{');
    jw_number(w, "server_bytes", stats_memory_bytes());
    jw_number(w, "total_bytes", (int64_t)info.totalram * info.mem_unit);
    jw_number(w, "free_bytes", (int64_t)(info.freeram + info.bufferram) * info.mem_unit);
    jw_end(w, '}');
}

static void write_disk(struct req *r, struct jw *w)
{
    struct statvfs fs = {0};

    (void)statvfs(r->api->options->home, &fs);
    jw_begin_in(w, "disk", '{');
    jw_number(w, "total_bytes", (int64_t)(fs.f_blocks * fs.f_frsize));
    jw_number(w, "free_bytes", (int64_t)(fs.f_bavail * fs.f_frsize));
    jw_end(w, '}');
}

static void write_database(struct req *r, struct jw *w)
{
    struct stat st;

    jw_begin_in(w, "database", '{');
    jw_text(w, "path", store_path(r->store));
    jw_key(w, "bytes");
    stat(store_path(r->store), &st) == 0 ? jw_int(w, st.st_size) : jw_raw(w, NULL);
    jw_number(w, "schema", store_schema(r->store));
    jw_end(w, '}');
}

static void write_queue(struct req *r, struct jw *w)
{
    struct queue_state q = queue_state(r->api->queue);

    jw_begin_in(w, "queue", '{');
    jw_number(w, "running", (int64_t)q.running);
    jw_number(w, "waiting", (int64_t)q.waiting);
    jw_number(w, "jobs", (int64_t)q.jobs);
    jw_end(w, '}');
}

static void write_packages(struct jw *w, const char *packages)
{
    jw_begin_in(w, "packages", '[');
    for (const char *at = packages ? packages : ""; *at;) {
        size_t n = strcspn(at, " ");

        if (n > 0)
            jw_strn(w, at, n);
        at += n + (at[n] == ' ');
    }
    jw_end(w, ']');
}

static void write_environments(struct req *r, struct jw *w)
{
    struct python_env_list list = {0};
    struct dh_err ignored;

    jw_begin_in(w, "environments", '[');
    if (python_envs(r->api->options->home, &list, &ignored) == 0) {
        for (size_t i = 0; i < list.n; i++) {
            jw_begin(w, '{');
            jw_text(w, "key", list.items[i].id);
            jw_text(w, "python", list.items[i].version);
            write_packages(w, list.items[i].packages);
            jw_number(w, "bytes", list.items[i].size_bytes);
            jw_time(w, "used_at", list.items[i].used_us);
            jw_flag(w, "in_use", list.items[i].in_use);
            jw_flag(w, "warm", list.items[i].warm);
            jw_end(w, '}');
        }
        python_envs_done(&list);
    }
    jw_end(w, ']');
}

static void write_user(struct req *r, struct jw *w)
{
    const char *names = r->user->namespaces;

    jw_begin_in(w, "user", '{');
    jw_text(w, "name", r->user->name);
    jw_text(w, "role", auth_role_name(r->user->role));
    jw_key(w, "namespace");
    names ? jw_strn(w, names + 1, strlen(names) - 2) : jw_raw(w, NULL);
    jw_end(w, '}');
    jw_flag(w, "login", auth_needed(r->api->auth));
    jw_flag(w, "multi_user", auth_multi_user(r->api->auth));
}

int ui_system(struct req *r, struct dh_err *err)
{
    own(js_free) struct js *states = NULL;
    own_mem char *text = NULL;
    double load = 0;
    struct jw *w = req_json(r);

    if (catalog_run_states(r->store, &states, err) < 0)
        return -1;
    text = js_dump(states, JS_COMPACT);
    jw_begin(w, '{');
    jw_text(w, "version", r->api->options->version);
    jw_time(w, "started_at", r->api->started_us);
    jw_time(w, "now", clock_now_us());
    jw_text(w, "home", r->api->options->home);
    write_user(r, w);
    jw_number(w, "cores", cpus());
    jw_key(w, "load");
    getloadavg(&load, 1) == 1 ? jw_num(w, load) : jw_raw(w, NULL);
    write_memory(w);
    write_disk(r, w);
    write_database(r, w);
    jw_json(w, "runs", text, "{}");
    write_queue(r, w);
    write_environments(r, w);
    jw_number(w, "watchers", (int64_t)hub_n_watchers(r->api->hub));
    jw_text(w, "time_zone", r->api->time_zone);
    jw_end(w, '}');
    return 0;
}

int ui_search(struct req *r, struct dh_err *err)
{
    const char *q = req_arg(r, "q");
    struct catalog_founds list = {0};
    struct jw *w = req_json(r);

    if (q && strlen(q) <= 200 && !(auth_multi_user(r->api->auth) && r->user->namespaces) &&
        catalog_search(r->store, q, SEARCH_REACH, r->arena, &list, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < list.n && i < 20; i++) {
        jw_begin(w, '{');
        jw_text(w, "kind", list.items[i].kind);
        jw_text(w, "id", list.items[i].uuid);
        jw_text(w, "name", list.items[i].name);
        jw_text(w, "state", list.items[i].state);
        jw_time(w, "at", list.items[i].at_us);
        jw_end(w, '}');
    }
    jw_end(w, ']');
    jw_end(w, '}');
    return 0;
}
