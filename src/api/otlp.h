#pragma once
/* otlp - a run as a trace of OpenTelemetry, in OTLP's JSON form: the run is the root span, each
 * task a span below the task it belongs to, attempts are its events. What `otel-cli`, Jaeger, Tempo
 * and any collector's /v1/traces take. Ids follow from the run's, so that the same run is always
 * the same trace. */
#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

int otlp_write(struct store *s, const struct store_run *run, const char *version, struct buf *to,
               struct dh_err *err);
/* What there is to measure of it: how long it took, its tasks by state, the last values of its
 * metrics; for /v1/metrics. */
int otlp_write_metrics(struct store *s, const struct store_run *run, const char *version,
                       struct buf *to, struct dh_err *err);
