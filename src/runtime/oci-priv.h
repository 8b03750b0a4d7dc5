#pragma once
/* Between the files of oci*.c. */
#include <pthread.h>
#include <stdatomic.h>

#include "runtime/command.h"
#include "runtime/image.h"
#include "runtime/runtime-priv.h"

enum oci_kind { OCI_DOCKER, OCI_PODMAN, OCI_RUNC };

struct oci_tool {
    char *path; /* of docker, podman, runc or crun; NULL: not here */
    enum oci_kind kind;
};

enum fetch_state { FETCH_RUNNING, FETCH_DONE, FETCH_FAILED };

struct fetch { /* an image that one or more jobs wait for, or have; guarded by oci->mutex */
    struct fetch *next;
    struct oci *oci;
    char *name, *policy;
    enum fetch_state state;
    struct image image; /* rootfs NULL: the engine keeps it */
    char *reference;    /* what the engine calls it */
    struct dh_err err;
    pthread_t thread;
    bool joined;
};

struct oci {
    struct runtime base;
    struct oci_tool engine; /* docker or podman, where one works */
    struct oci_tool runner; /* runc or crun, for images of our own */
    char *folder;           /* {home}/containers: bundles, runc's state */
    pthread_mutex_t mutex;
    struct fetch *fetches;
    pthread_t sweeper; /* removes what dead processes have left */
    bool sweeping;
    atomic_bool stop;
    pthread_cond_t idle;
    unsigned chores; /* that run in the background */
};

struct oci_job { /* job->state */
    struct fetch *fetch;
    char *name;                      /* the container's */
    char *bundle;                    /* runc: its folder; NULL: an engine's container */
    char **argv, **env;              /* runc: of the process within */
    char *cwd, *user_name, *program; /* program: our own, mounted; NULL: not asked */
};

/* ---- oci-find.c ---- */

/* Which tools work here; `err` says why none does (DH_NOT_FOUND). */
int oci_find(const struct runtime_setup *setup, struct oci_tool *ret_engine,
             struct oci_tool *ret_runner, struct dh_err *err);
void oci_tool_done(struct oci_tool *tool);

/* ---- oci-image.c ---- */

/* 0: *ret is there, for as long as the runtime; RUNTIME_WAIT: it is being fetched. */
int oci_image(struct oci *oci, const struct runtime_job *job, struct fetch **ret,
              struct dh_err *err);
void oci_images_close(struct oci *oci);

/* ---- oci-process.c: what is to run in the container ---- */

/* Fills job->state's argv, env and cwd from the job and the image. */
int oci_process(const struct oci *oci, struct runtime_job *job, struct oci_job *to,
                struct dh_err *err);
void oci_job_free(struct oci_job *j);
/* ---- oci.c ---- */

/* Removes a folder, or runs a command (and takes it), in the background; close waits for it. */
void oci_background(struct oci *oci, const char *folder, char **argv);
/* Whether the process that made the container of this name is still there. */
bool oci_owner_lives(const char *name);

/* Indices of the job's mounts, outer ones first. The caller's. */
size_t *oci_mount_order(const struct runtime_job *job);

/* ---- oci-engine.c: docker and podman ---- */

void oci_podman_limits(struct args *a);
void oci_engine_prepare(const struct oci *oci, struct runtime_job *job, const struct oci_job *j);
void oci_engine_finish(struct oci *oci, struct runtime_job *job, const struct oci_job *j);
void oci_engine_sweep(struct oci *oci);

/* ---- oci-runc.c ---- */

int oci_runc_prepare(const struct oci *oci, struct runtime_job *job, struct oci_job *j,
                     struct dh_err *err);
bool oci_is_crun(const char *runner);
int oci_runc_ready(const struct oci *oci, const struct runtime_job *job, const struct oci_job *j,
                   struct dh_err *err);
void oci_runc_finish(struct oci *oci, struct runtime_job *job, const struct oci_job *j);
void oci_runc_sweep(const struct oci *oci);
/* Starts a container of this machine's own root to see whether it can be done. */
int oci_runc_try(const char *runner, const char *folder, struct dh_err *err);

/* ---- oci-config.c: what runc reads ---- */

struct oci_container {
    const char *root; /* its root folder, from the bundle */
    bool read_only, network, rootless, seccomp, no_groups;
    int64_t uid, gid;
    const char *cgroups_path; /* "": none */
    int64_t memory_bytes;
    double cpu;
};
/* OCI's config.json of a container. */
struct js *oci_config(const struct runtime_job *job, const struct oci_job *j,
                      const struct oci_container *c);
/* "NAME", "UID", "NAME:GROUP", …, "" (root) as an image means it. DH_FAILED: it has no such user.
 */
int oci_user(const char *user, const struct image *image, int64_t *ret_uid, int64_t *ret_gid,
             struct dh_err *err);
