#include "parts.h"

#define IN(X) X(TEXT, uri, "gs://b/x", "")
DHOW_PIPELINE(settings, "settings", "What can be set.", IN)
{
    dhow_pipeline_root("s3://bucket/root");
    struct say_task t = DHOW_RUN(say, .text = dhow_v("x"));
    dhow_display_name(t, "A name");
    dhow_caching(t, false);
    dhow_retry(t, 3, 30, 1.5, 600);
    dhow_cpu_request(t, "500m");
    dhow_cpu_limit(t, "2");
    dhow_memory_request(t, "512Mi");
    dhow_memory_limit(t, "4G");
    dhow_accelerator(t, "nvidia.com/gpu", "2");
    dhow_env(t, "A", "1");
    dhow_env(t, "B", "two");
    struct say_task k = DHOW_RUN(say, .text = dhow_v("y"));
    dhow_cache_key(k, "mine");
    dhow_secret_as_env(k, "db", "password", "PASSWORD");
    dhow_secret_as_volume(k, "tls", "/tls");
    dhow_config_map_as_env(k, "cm", "k", "K");
    dhow_config_map_as_volume(k, "cm", "/cm");
    dhow_timeout(k, 60);
    dhow_image_pull_policy(k, "Always");
    dhow_kubernetes(k, "nodeSelector", "{\"labels\": {\"disk\": \"ssd\"}}");
    struct dhow_imported a =
        dhow_import(dhow_v("gs://b/a"), DHOW_DATASET, "{\"k\": 1, \"s\": \"t\"}", false);
    struct dhow_imported b = dhow_import(in->uri, DHOW_DATASET, NULL, true);
    DHOW_RUN(use, .data = a.artifact);
    DHOW_RUN(use, .data = b.artifact);
}
DHOW_MAIN(settings)
