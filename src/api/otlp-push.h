#pragma once
/* otlp-push - a run that has ended, sent to a collector: its trace to ENDPOINT/v1/traces and what
 * can be measured to ENDPOINT/v1/metrics, as JSON over HTTP, as OpenTelemetry's environment
 * variables say: OTEL_EXPORTER_OTLP_ENDPOINT, _TRACES_ENDPOINT, _METRICS_ENDPOINT, _HEADERS,
 * _TIMEOUT, and OTEL_SDK_DISABLED. */
#include <stdbool.h>
#include "base/err.h"
#include "store/store.h"

bool otlp_is_wanted(void);
/* Each is tried; *err is of the first that was not taken. No retries: whoever loses telemetry when
 * the collector is away can export the run again (`dhow show RUN --trace`). */
int otlp_push(struct store *s, const struct store_run *run, const char *version,
              struct dh_err *err);
