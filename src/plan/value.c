/* value - a parameter's value as its declared type has it. */
#include "base/js.h"
#include "base/mem.h"
#include "plan/placeholder.h"
#include "plan/plan-priv.h"

struct js *value_as(enum spec_param_type type, const struct js *v)
{
    if (type == PARAM_STRING && !js_is(v, JS_STRING) && !js_is(v, JS_NULL)) {
        own_mem char *text = placeholder_text(v);

        return js_str(text);
    }
    if (type == PARAM_NUMBER_INTEGER && js_is(v, JS_REAL))
        return js_num(js_as_num(v, 0));
    if (type == PARAM_NUMBER_DOUBLE && js_is(v, JS_INT))
        return js_real(js_as_num(v, 0));
    return js_ref(v);
}
