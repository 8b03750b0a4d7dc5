#include "parts.h"

#include <dhow/kubernetes.h>

#define IN(X) X(TEXT, name, "kept", "")
DHOW_PIPELINE(volumes, "volumes", "", IN)
{
    dhow_pipeline_config("activeDeadlineSeconds", "7200");
    dhow_pipeline_config("resourceTtlOnSuccess", "600");
    dhow_pipeline_config("resourceTtlOnFailure", "120");
    struct create_pvc_task made = DHOW_RUN(
        create_pvc, .access_modes = dhow_of_json("[\"ReadWriteOnce\"]"), .size = dhow_v("5Gi"),
        .pvc_name_suffix = dhow_v("-data"), .storage_class_name = dhow_v("standard"));
    struct say_task a = DHOW_RUN(say, .text = dhow_v("a"));
    dhow_mount_pvc(a, made.name, "/data");
    struct say_task b = DHOW_RUN(say, .text = dhow_v("b"));
    dhow_mount_pvc(b, in->name, "/kept");
    struct delete_pvc_task gone = DHOW_RUN(delete_pvc, .pvc_name = made.name);
    dhow_after(gone, a);
}
DHOW_MAIN(volumes)
