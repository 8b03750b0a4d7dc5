/* Any bytes as a program's lines (fuzz-record) or as the short form (fuzz-short): what is taken
 * must come out as a pipeline that dhow reads. Only the Kubernetes fields are the author's own. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/compile.h"
#include "spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    own(spec_free) struct spec *spec = NULL;
    own_compiled struct compiled c = {0};
    own_mem char *text = NULL;
    own_mem char *copy = dh_strndup((const char *)bytes, n);
    struct dh_err err = {0};

    if (COMPILE("fuzz", copy, strlen(copy), "/nowhere", &c, &err) < 0) {
        if (!*err.msg)
            abort();
        return 0;
    }
    if (c.platform)
        return 0;
    text = js_dump(c.pipeline, JS_COMPACT);
    if (spec_load_bytes("made", text, strlen(text), &spec, NULL, &err) < 0) {
        fprintf(stderr, "%s\n%s\n", err.msg, text);
        abort();
    }
    return 0;
}
