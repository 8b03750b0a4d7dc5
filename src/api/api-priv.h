#pragma once
/* api-priv - the server's parts, as they find each other. */
#include "api/api.h"
#include "api/auth.h"
#include "api/web.h"
#include "api/stats.h"
#include "engine/engine.h"

struct counts;
struct hub;
struct kept;
struct launch;
struct queue;

struct api {
    const struct api_options *options;
    struct engine *engine;
    struct store *store; /* the engine's */
    struct web *web;
    struct auth *auth;
    struct queue *queue;
    struct hub *hub;
    struct launch *launch;
    struct counts *counts;
    struct kept *kept;
    struct stats stats;
    int64_t started_us;
    const char *time_zone;
    bool stopping;
    bool loopback;
    int log;     /* access log's file; -1: none */
    int wake_fd; /* threads write to it: what a request waits for is there */
};
