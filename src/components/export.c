/* export - a model for other programs: ONNX. */
#include "components/steps.h"

static const struct step_arg args[] = {
    {"model", STEP_INPUT, .type = "system.Model", .help = "the model, as JSON"},
    {"onnx", STEP_OUTPUT, .type = "system.Model",
     .help = "the model, as ONNX, preparation included"},
    {0}};

static int run(struct step *s, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    if (ml_model_read_json(step_path(s, "model"), &m, err) < 0)
        return -1;
    step_metadata(s, "onnx", "framework", js_str("dhow"));
    step_metadata(s, "onnx", "format", js_str("onnx"));
    step_metadata(s, "onnx", "kind", js_str(ml_model_kind(m)));
    if (step_write(step_path(s, "onnx"), "", 0, err) < 0)
        return -1;
    return ml_model_write_onnx(m, step_path(s, "onnx"), err);
}

const struct step_spec step_export_onnx = {
    "export-onnx", "Writes a model as ONNX",
    "Inputs: one tensor [N, 1] a column, double (NaN: missing) or string (\"\": "
    "missing).\nOutputs: `label` and `probabilities`, or `value`.",
    args, run};
