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
        const char *first = url.password ? strstr(text, url.password) : NULL;

        /* Where the password's bytes stand nowhere else. */
        if (first && strlen(url.password) > 8 && !strstr(first + 1, url.password) &&
            !strchr(url.password, '@') && strstr(shown, url.password))
            abort();
        db_url_done(&url);
    }
    return 0;
}
