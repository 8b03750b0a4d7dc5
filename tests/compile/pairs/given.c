#include "parts.h"

#define IN(X)                                                                                      \
    X(TEXT, cpu, DHOW_REQUIRED, "")                                                                \
    X(TEXT, memory, "1Gi", "")                                                                     \
    X(TEXT, image, "alpine:3", "") X(TEXT, secret, "s", "") X(TEXT, uri, "gs://b/x", "")
DHOW_PIPELINE(given, "given", "", IN)
{
    dhow_pipeline_display_name("Given when it runs");
    dhow_pipeline_config("workspace",
                         "{\"size\": \"1Gi\", \"kubernetes\": {\"pvcSpecPatch\": {}}}");
    struct numbers_task n = DHOW_RUN(numbers, .n = dhow_v(1));
    struct say_task t = DHOW_RUN(say, .text = dhow_v("x"));
    dhow_cpu_limit(t, in->cpu);
    dhow_cpu_request(t, n.face);
    dhow_memory_limit(t, in->memory);
    dhow_memory_request(t, "1Gi");
    dhow_accelerator(t, n.face, 2);
    dhow_image(t, in->image);
    dhow_secret_as_env(t, in->secret, "k", "K");
    DHOW_FOR(i, dhow_of_json("[1, 2]"), 0, NULL)
    {
        struct say_task u = DHOW_RUN(say, .text = dhow_v("u"));
        dhow_cpu_limit(u, n.face);
        dhow_secret_as_volume(u, n.face, "/s");
        dhow_config_map_as_env(u, in->secret, "k", "K");
    }
    struct dhow_imported a = dhow_import(in->uri, DHOW_DATASET, "{\"k\": 1}", false);
    dhow_import_metadata(a, "u", in->uri);
    dhow_import_metadata(a, "n", n.sum);
    dhow_import_to_workspace(a);
    DHOW_RUN(use, .data = a.artifact);
}
DHOW_MAIN(given)
