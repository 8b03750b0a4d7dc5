#pragma once
/* model-uri - what an importer of a registered model brings: models:/NAME@ALIAS,
 * models:/NAME/VERSION (as MLflow writes them), models:/NAME (the newest).
 *
 * ?part=report: what `evaluate` found of it, which `promote --report` kept. ?missing=empty: where
 * there is no such version or report, an empty JSON object instead of a failure. */
#include "base/err.h"

struct js;
struct run;

/* Replaces each such uri of an importer's outputs by the artifact on record. DH_FAILED. */
int model_uri_resolve(struct run *run, struct js *outputs, struct dh_err *err);
