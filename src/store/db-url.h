#pragma once
/* db-url - the address of a database on a server:
 *     postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=FILE…
 *     mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-ca=FILE&socket=PATH…
 * Parts that are percent-encoded are decoded. A password is never shown: errors, `dhow doctor` and
 * the record have db_url_shown. */
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

enum db_server { DB_POSTGRES = 1, DB_MYSQL };

struct db_url {
    enum db_server server;
    char *user, *password, *host, *database; /* NULL where not given */
    unsigned port;                           /* 0: not given */
    struct db_url_param {
        char *name, *value;
    } params[32];
    size_t n_params;
};

bool db_url_is(const char *text);               /* one of the schemes; else it is a file */
enum db_server db_url_server(const char *text); /* 0: a file */
int db_url_parse(const char *text, struct db_url *ret, struct dh_err *err);
void db_url_done(struct db_url *url);
char *db_url_shown(const char *text); /* without passwords; the caller's */
