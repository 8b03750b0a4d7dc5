/* s3-client - one bucket as we reach it: its address, its keys, and connections that are kept, for
 * all threads and to the program's end. */
#include <stdlib.h>
#include <string.h>

#include "artifact/s3.h"
#include "base/clock.h"
#include "base/mem.h"

#define RENEW_US ((int64_t)300 * 1000000) /* so long before their end, keys are renewed */

static struct s3_client *clients;
static pthread_mutex_t clients_lock = PTHREAD_MUTEX_INITIALIZER;

/* "https://bucket.s3.eu-west-1.amazonaws.com", "http://host:9000/bucket". */
static void set_address(struct s3_client *c)
{
    const struct s3_where *w = &c->where;
    own_mem char *amazon = dh_printf("https://s3.%s.amazonaws.com", w->region);
    const char *endpoint = w->endpoint ? w->endpoint : amazon;
    const char *rest = strstr(endpoint, "://") + 3;
    size_t n_host = strcspn(rest, "/");

    if (w->path_style) {
        c->host = dh_strndup(rest, n_host);
        c->path = dh_printf("%s/%s", rest + n_host, w->bucket);
    } else {
        c->host = dh_printf("%s.%.*s", w->bucket, (int)n_host, rest);
        c->path = dh_strdup(rest + n_host);
    }
    c->base = dh_printf("%.*s%s%s", (int)(rest - endpoint), endpoint, c->host, c->path);
}

static char *optional(const char *text)
{
    return text ? dh_strdup(text) : NULL;
}

static struct s3_client *new_client(const struct s3_where *w, char *name)
{
    struct s3_client *c = dh_zalloc(1, sizeof *c);

    c->name = name;
    memcpy(c->where.scheme, w->scheme, sizeof w->scheme);
    c->where.bucket = dh_strdup(w->bucket);
    c->where.key = dh_strdup("");
    c->where.query = dh_strdup(w->query);
    c->where.endpoint = optional(w->endpoint);
    c->where.region = dh_strdup(w->region);
    c->where.profile = optional(w->profile);
    c->where.secret = optional(w->secret);
    c->where.id_name = optional(w->id_name);
    c->where.secret_name = optional(w->secret_name);
    c->where.ca = optional(w->ca);
    c->where.path_style = w->path_style;
    c->where.anonymous = w->anonymous;
    c->region = dh_strdup(w->region);
    (void)pthread_mutex_init(&c->lock, NULL);
    set_address(c);
    return c;
}

int s3_client_get(const struct s3_where *w, struct s3_client **ret, struct dh_err *err)
{
    char *name = dh_printf("%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%d|%d", w->scheme, w->bucket, w->query,
                           w->endpoint ? w->endpoint : "", w->region, w->profile ? w->profile : "",
                           w->secret ? w->secret : "", w->id_name ? w->id_name : "",
                           w->secret_name ? w->secret_name : "", w->ca ? w->ca : "", w->path_style,
                           w->anonymous);
    struct s3_client *c;
    (void)err;

    (void)pthread_mutex_lock(&clients_lock);
    for (c = clients; c && strcmp(c->name, name) != 0; c = c->next)
        ;
    if (c) {
        free(name);
    } else {
        c = new_client(w, name);
        c->next = clients;
        clients = c;
    }
    (void)pthread_mutex_unlock(&clients_lock);
    *ret = c;
    return 0;
}

int s3_client_take(struct s3_client *c, struct http **ret, struct dh_err *err)
{
    struct http *h = NULL;

    (void)pthread_mutex_lock(&c->lock);
    if (c->n_idle)
        h = c->idle[--c->n_idle];
    (void)pthread_mutex_unlock(&c->lock);
    if (!h && http_open(&h, err) < 0)
        return -1;
    *ret = h;
    return 0;
}

void s3_client_give(struct s3_client *c, struct http *h)
{
    (void)pthread_mutex_lock(&c->lock);
    DH_GROW(c->idle, c->n_idle, c->cap_idle);
    c->idle[c->n_idle++] = h;
    (void)pthread_mutex_unlock(&c->lock);
}

static void copy_keys(const struct s3_keys *from, struct s3_keys *to)
{
    *to = (struct s3_keys){.id = optional(from->id),
                           .secret = optional(from->secret),
                           .token = optional(from->token),
                           .expires_us = from->expires_us,
                           .anonymous = from->anonymous};
}

int s3_client_keys(struct s3_client *c, bool anew, struct s3_keys *ret, struct dh_err *err)
{
    int rc = 0;

    /* Who comes meanwhile waits for the one that asks. */
    (void)pthread_mutex_lock(&c->lock);
    if (c->have_keys &&
        (anew || (c->keys.expires_us && c->keys.expires_us < clock_now_us() + RENEW_US))) {
        s3_keys_done(&c->keys);
        c->have_keys = false;
    }
    if (!c->have_keys) {
        rc = s3_keys_find(&c->where, true, &c->keys, err);
        c->have_keys = rc == 0;
    }
    if (rc == 0)
        copy_keys(&c->keys, ret);
    (void)pthread_mutex_unlock(&c->lock);
    return rc == S3_NO_KEYS ? -1 : rc;
}

char *s3_client_region(struct s3_client *c)
{
    char *region;

    (void)pthread_mutex_lock(&c->lock);
    region = dh_strdup(c->region);
    (void)pthread_mutex_unlock(&c->lock);
    return region;
}

void s3_client_set_region(struct s3_client *c, const char *region)
{
    (void)pthread_mutex_lock(&c->lock);
    free(c->region);
    c->region = dh_strdup(region);
    (void)pthread_mutex_unlock(&c->lock);
}
