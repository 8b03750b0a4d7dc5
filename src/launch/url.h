#pragma once
/* url - the parts of an http or https URL. The query is the path's: both are sent as they are. */
#include <stdbool.h>
#include "base/err.h"

struct url {
    bool tls;
    char host[256], port[8], authority[280]; /* authority: as it was written, for Host */
    const char *path;                        /* within the text; begins with '/' or '?', or is "" */
};

/* DH_INVALID: another scheme, a user's name, a fragment, a character that none may have. The
 * message does not repeat the text: it may be signed. */
int url_read(const char *text, struct url *ret, struct dh_err *err);
