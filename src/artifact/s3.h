#pragma once
/* s3 - what the files of artifact/ that speak S3 share: where a URI points, the keys that open it,
 * signed requests, and objects.
 *
 *     s3-uri          s3://bucket/key?endpoint=… → struct s3_where
 *     s3-config       the profile files of ~/.aws
 *     s3-credentials  keys, from wherever they are; s3-token asks servers for them, s3-roles does
 *                     what a profile says
 *     s3-sign         AWS Signature Version 4
 *     s3-client       connections that are kept
 *     s3-request      one request: signed, sent, tried again
 *     s3-object       one object: head, put, get, delete, copy, list
 *     s3-upload, s3-download   large ones, in parts, by several threads
 *     s3-store        the store of artifact-priv.h: files and folders
 *
 * No key is in a message, ever. */
#include <pthread.h>
#include <stdatomic.h>
#include "artifact/artifact-priv.h"
#include "base/http.h"

/* ---- s3-uri.c ---- */

struct s3_where {
    char scheme[8];              /* "s3", "minio", "gs" */
    char *bucket, *key;          /* key "": the bucket itself */
    char *query;                 /* as it was given, without '?'; "" */
    char *endpoint;              /* "https://host[:port]", or NULL: Amazon's of the region */
    char *region;                /* never NULL */
    char *profile, *secret, *ca; /* NULL: the usual ones */
    char *id_name, *secret_name; /* of the keys within `secret`; NULL: the usual ones */
    bool path_style, anonymous;
};
/* DH_INVALID: no bucket, a setting that is none, a key where only its name belongs. */
int s3_where_parse(const char *uri, struct s3_where *ret, struct dh_err *err);
void s3_where_done(struct s3_where *w);
#define own_where __attribute__((cleanup(s3_where_done)))
/* scheme://bucket/key?query. The caller's. */
char *s3_where_uri(const struct s3_where *w, const char *key);
/* Where the settings of a URI begin ('?'); its end: it has none. */
const char *s3_uri_query(const char *uri);

/* ---- s3-config.c ---- */

/* A setting of a profile, NULL: none. From ~/.aws/credentials, then ~/.aws/config, or the files
 * that AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name. The caller's (free). */
char *s3_profile_get(const char *profile, const char *name);
const char *s3_profile_name(const char *asked); /* AWS_PROFILE, "default" */
/* Of the config file alone, in that section ("sso-session NAME"). */
char *s3_config_get(const char *section, const char *name);
/* The same from one text, where [section] is asked for. */
char *s3_ini_get(const char *text, const char *section, const char *name);

/* ---- s3-credentials.c, s3-token.c, s3-roles.c ---- */

struct s3_keys {
    char *id, *secret, *token; /* token NULL: none */
    int64_t expires_us;        /* 0: never */
    bool anonymous;
};
void s3_keys_done(struct s3_keys *keys); /* wipes them */
#define own_keys __attribute__((cleanup(s3_keys_done)))
enum { S3_NO_KEYS = 1 };
/* `ask`: servers may be asked (web identity, container, instance); else files and environment
 * alone. S3_NO_KEYS: there are none, and err says what was looked for. */
int s3_keys_find(const struct s3_where *w, bool ask, struct s3_keys *ret, struct dh_err *err);
/* S3_NO_KEYS: not set up here. */
int s3_keys_web_identity(const struct s3_where *w, struct s3_keys *ret, struct dh_err *err);
bool s3_keys_has_web_identity(const struct s3_where *w);
int s3_keys_environment(struct s3_keys *ret);
int s3_keys_static(const char *profile, struct s3_keys *ret); /* what its files hold */
/* Whether the profile says how keys are got from elsewhere; and these. */
bool s3_profile_asks(const struct s3_where *w);
int s3_keys_profile(const struct s3_where *w, struct s3_keys *ret, struct dh_err *err);
int s3_keys_container(struct s3_keys *ret, struct dh_err *err);
int s3_keys_instance(struct s3_keys *ret, struct dh_err *err);
/* A text of a server: {"AccessKeyId", …}. */
int s3_keys_from_json(const char *text, size_t n, struct s3_keys *ret, struct dh_err *err);
/* Of STS; `result`: the element that holds them. */
int s3_keys_from_sts(const struct http_answer *a, const char *result, struct s3_keys *ret,
                     struct dh_err *err);
/* A request as it is, tried a few times. DH_IO, with the status: not 2xx. */
int s3_ask(const struct http_request *r, int tries, struct http_answer *ret, struct dh_err *err);
const char *s3_ca_file(const struct s3_where *w); /* NULL: the system's */

/* ---- s3-sign.c ---- */

struct s3_pair {
    const char *name, *value;
};
struct s3_signing {
    const char *method, *host, *path; /* path: encoded, begins with '/' */
    const struct s3_pair *query;      /* not encoded */
    size_t n_query;
    const struct s3_pair *headers; /* names in lower case; without host */
    size_t n_headers;
    const char *payload; /* its SHA-256 in hex, or "UNSIGNED-PAYLOAD" */
    const char *region, *service;
    int64_t now_us;
};
/* Percent-encodes all but letters, digits and -_.~ (and '/', where it is to be kept). */
void s3_encode(struct buf *to, const char *text, bool keep_slash);
void s3_encode_query(struct buf *to, const struct s3_pair *query, size_t n); /* sorted */
/* "20130524T000000Z" */
#define S3_STAMP 17
char *s3_stamp(int64_t us, char to[S3_STAMP]);
/* The value of the Authorization header. The caller's (free). */
char *s3_sign(const struct s3_signing *s, const struct s3_keys *keys);
/* The query of a presigned URL, with its signature. The caller's (free). */
char *s3_presign(const struct s3_signing *s, const struct s3_keys *keys, long seconds);

/* ---- s3-client.c ---- */

struct s3_client { /* a bucket, and how to reach it; kept to the program's end */
    struct s3_client *next;
    char *name; /* what it is found by */
    struct s3_where where;
    char *base; /* "https://bucket.host" or "https://host/bucket": '/' and the key follow */
    char *host; /* as the Host header has it */
    char *path; /* of base: "" or "/bucket" */
    pthread_mutex_t lock;
    /* under the lock */
    char *region; /* as the server has corrected it */
    struct s3_keys keys;
    bool have_keys;
    struct http **idle;
    size_t n_idle, cap_idle;
    atomic_llong skew_us; /* the server's clock less ours */
};
int s3_client_get(const struct s3_where *w, struct s3_client **ret, struct dh_err *err);
int s3_client_take(struct s3_client *c, struct http **ret, struct dh_err *err); /* a connection */
void s3_client_give(struct s3_client *c, struct http *h);
/* Copies of what is valid now; the caller's. `anew`: what was there before is not. */
int s3_client_keys(struct s3_client *c, bool anew, struct s3_keys *ret, struct dh_err *err);
char *s3_client_region(struct s3_client *c);
void s3_client_set_region(struct s3_client *c, const char *region);

/* ---- s3-request.c ---- */

struct s3_request {
    const char *method, *key; /* key "": of the bucket */
    struct s3_pair query[8], headers[16];
    size_t n_query, n_headers;
    struct http_body body;
    const char *sha256; /* of the body; NULL: it is taken (bytes), or left unsigned (https) */
    int (*sink)(void *user, const char *bytes, size_t n);
    /* Before it is sent anew: what the sink has is given up, or a header changed. May be NULL.
     * 1: there was progress, which gives it all its tries again. */
    int (*again)(struct s3_request *r, void *user);
    void *user;
    atomic_bool *stop;
    bool late_error; /* a 200 may hold an error (complete, copy) */
    int64_t copies;  /* bytes that the server copies meanwhile, without a word: it is given time */
};
/* An empty request. */
struct s3_request s3_request_new(const char *method, const char *key, atomic_bool *stop);
void s3_query(struct s3_request *r, const char *name, const char *value);
void s3_header(struct s3_request *r, const char *name, const char *value);
/* 0: a 2xx answer. S3_CHANGED: 412, or 416: it is not what it was. DH_NOT_FOUND; DH_IO: all else,
 * after all tries; DH_CANCELED. */
enum { S3_CHANGED = 1 };
int s3_send(struct s3_client *c, struct s3_request *r, struct http_answer *ret, struct dh_err *err);

/* ---- s3-sums.c: whether what came is what was sent ---- */

#define S3_BASE64 45                                                     /* that 32 bytes need */
char *s3_base64(const unsigned char *raw, size_t n, char to[S3_BASE64]); /* returns `to` */

struct s3_object;
struct s3_crcs { /* those that the server may have */
    uint32_t crc32c, crc32;
};
/* Those that `what` can be compared with. */
void s3_crcs_add(struct s3_crcs *c, const struct s3_object *what, const void *bytes, size_t n);
void s3_crcs_join(struct s3_crcs *c, const struct s3_crcs *next, int64_t n_next);

struct s3_sums {
    struct digest *digest;
    const struct s3_object *what; /* NULL: nothing is known of it */
    struct s3_crcs crcs;
};
/* `what` may be filled as late as before the check if it is `listed`: then all sums are taken.
 * `digest` false: there is nothing to compare it with, it is not taken. */
void s3_sums_start(struct s3_sums *s, const struct s3_object *what, bool digest);
void s3_sums_add(struct s3_sums *s, const void *bytes, size_t n);
/* By all that is known of it: `want` (may be NULL), what its writer and what the server said.
 * DH_IO: it is something else. `to` (may be NULL) gets the digest. */
int s3_sums_check(struct s3_sums *s, const char *key, const char *want, char *to,
                  struct dh_err *err);
void s3_sums_done(struct s3_sums *s);

/* ---- s3-object.c ---- */

#define S3_PUT_MAX ((int64_t)32 << 20) /* above it an object goes and comes in parts */
#define S3_PART ((int64_t)16 << 20)    /* a part, if 10,000 are enough */
#define S3_PARTS_MAX 10000
#define S3_COPY_MAX ((int64_t)5 << 30)    /* that a server copies at once */
#define S3_COPY_PART ((int64_t)256 << 20) /* of what is larger */

struct s3_object {
    int64_t size;
    char *etag;                    /* with its quotes */
    char *sha256;                  /* what its writer says (ours do), hex; NULL: nothing */
    char *crc32c, *crc32, *sum256; /* the server's, base64, of the whole object; NULL: none */
    bool link;                     /* its text is what a symbolic link points to */
    bool listed;                   /* of a list: size and ETag alone are known */
    int64_t modified_us;
};
void s3_object_done(struct s3_object *o);
#define own_object __attribute__((cleanup(s3_object_done)))
int s3_head(struct s3_client *c, const char *key, atomic_bool *stop, struct s3_object *ret,
            struct dh_err *err);
void s3_object_read(const struct http_answer *a, struct s3_object *ret); /* its headers */

struct s3_source { /* what is sent: a file, or bytes */
    const char *path;
    const void *bytes;
    int64_t size;
    const char *sha256; /* hex; NULL: taken on the way */
    bool link;
};
int s3_put(struct s3_client *c, const char *key, const struct s3_source *from, bool ours,
           atomic_bool *stop, struct dh_err *err);
/* `want`: the digest that must come, or NULL. Written in place: the caller renames. Where `what` is
 * of a list, it is completed. */
int s3_get(struct s3_client *c, const char *key, struct s3_object *what, const char *path,
           const char *want, atomic_bool *stop, struct dh_err *err);
/* The digest by reading it all. */
int s3_read_digest(struct s3_client *c, const char *key, atomic_bool *stop, char to[DIGEST_TEXT],
                   struct dh_err *err);
/* A small object as text. */
int s3_get_text(struct s3_client *c, const char *key, size_t max, atomic_bool *stop, struct buf *to,
                struct dh_err *err);
int s3_delete(struct s3_client *c, const char *key, atomic_bool *stop, struct dh_err *err);
/* The server copies, with metadata, if the object there is still that one. S3_CHANGED: it is not.
 */
int s3_copy(struct s3_client *from, const char *from_key, const struct s3_object *what,
            struct s3_client *to, const char *to_key, atomic_bool *stop, struct dh_err *err);
struct s3_entry {
    const char *key;
    int64_t size;
    const char *etag;
    int64_t modified_us;
};
/* Sorted by key. `limit` 0: all. fn's nonzero answer ends it and is returned. */
int s3_list(struct s3_client *c, const char *prefix, size_t limit, atomic_bool *stop,
            int (*fn)(void *user, const struct s3_entry *entry, struct dh_err *err), void *user,
            struct dh_err *err);
int s3_percent_decode(const char *text, char **ret); /* of a listing; <0: it is none */

/* ---- s3-upload.c, s3-download.c ---- */

int s3_upload(struct s3_client *c, const char *key, const struct s3_source *from, bool ours,
              atomic_bool *stop, struct dh_err *err);
int s3_copy_parts(struct s3_client *c, const char *key, const char *source,
                  const struct s3_object *what, atomic_bool *stop, struct dh_err *err);
/* Ends the uploads below the prefix that were begun before `before_us` and not finished. *ret_n:
 * how many. With `keep`: those of this very key but the newest, whose id it gets (the caller's;
 * NULL: there is none). */
int s3_abort_uploads(struct s3_client *c, const char *prefix, char **keep, int64_t before_us,
                     size_t *ret_n, atomic_bool *stop, struct dh_err *err);
int s3_download(struct s3_client *c, const char *key, const struct s3_object *what, int fd,
                const char *want, atomic_bool *stop, struct dh_err *err);
int64_t s3_part_size(int64_t size);
unsigned s3_threads(void);       /* for parts */
unsigned s3_threads_small(void); /* for small objects */
