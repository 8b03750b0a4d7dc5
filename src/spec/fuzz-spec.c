/* Any bytes as a pipeline: read, check, bind; what is taken must come back the same from its JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spec/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    own(spec_free) struct spec *spec = NULL, *again = NULL;
    own_spec_notes struct spec_notes notes = {0};
    own(js_free) struct js *one = NULL, *two = NULL, *bound = NULL;
    own_mem char *text = NULL;
    struct dh_err err = {0};

    if (spec_load_bytes("fuzz", bytes, n, &spec, &notes, &err) < 0) {
        if (!*err.msg)
            abort();
        return 0;
    }
    one = spec_to_json(spec);
    text = js_dump(one, JS_COMPACT);
    if (spec_load_bytes("again", text, strlen(text), &again, NULL, &err) < 0)
        abort();
    two = spec_to_json(again);
    if (!js_equal(one, two))
        abort();
    (void)spec_bind_params(spec, NULL, &bound, &err);
    return 0;
}
