/* The address of a database: whatever it is, it is taken or refused, and shown without what stands
 * before its last '@'. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/own.h"
#include "store/db-url.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    own_mem char *text = dh_strndup((const char *)data, size);
    own_mem char *shown = db_url_shown(text);
    struct dh_err err;
    struct db_url url;

    if (db_url_parse(text, &url, &err) == 0) {
        if (url.password && strlen(url.password) > 8 && strstr(shown, url.password) &&
            !strstr(url.host ? url.host : "", url.password) &&
            !strstr(url.user ? url.user : "", url.password) &&
            !strstr(url.database ? url.database : "", url.password) && url.n_params == 0)
            abort();
        db_url_done(&url);
    }
    return 0;
}
