#include "parts.h"

#define IN(X) X(TEXT, word, "w", "")
DHOW_PIPELINE(platform, "platform", "", IN)
{
    dhow_pipeline_config("workspace",
                         "{\"size\": \"1Gi\", \"kubernetes\": {\"pvcSpecPatch\": {}}}");
    struct say_task t = DHOW_RUN(say, .text = in->word);
    dhow_kubernetes(t, "pvcMount",
                    "[{\"mountPath\": \"/data\", \"constant\": \"data\", \"pvcNameParameter\": "
                    "{\"runtimeValue\": {\"constant\": \"data\"}}}]");
    dhow_kubernetes(t, "tolerations",
                    "[{\"key\": \"k\", \"operator\": \"Equal\", \"value\": \"v\", \"effect\": "
                    "\"NoSchedule\"}]");
    dhow_kubernetes(t, "podMetadata", "{\"labels\": {\"team\": \"a\"}}");
    dhow_kubernetes(t, "podMetadata", "{\"annotations\": {\"note\": \"b\"}}");
    dhow_kubernetes(t, "fieldPathAsEnv", "[{\"name\": \"POD\", \"fieldPath\": \"metadata.name\"}]");
    dhow_kubernetes(t, "emptyDirMounts",
                    "[{\"volumeName\": \"scratch\", \"mountPath\": \"/scratch\", \"medium\": "
                    "\"Memory\", \"sizeLimit\": \"1Gi\"}]");
    dhow_kubernetes(t, "imagePullSecret",
                    "[{\"secretName\": \"registry\", \"secretNameParameter\": {\"runtimeValue\": "
                    "{\"constant\": \"registry\"}}}]");
    dhow_kubernetes(t, "genericEphemeralVolume",
                    "[{\"volumeName\": \"eph\", \"mountPath\": \"/eph\", \"accessModes\": "
                    "[\"ReadWriteOnce\"], \"size\": \"5Gi\", \"storageClassName\": \"fast\"}]");
    dhow_kubernetes(t, "nodeAffinity",
                    "[{\"matchExpressions\": [{\"key\": \"disk\", \"operator\": \"In\", "
                    "\"values\": [\"ssd\"]}]}]");
    dhow_kubernetes(t, "securityContext", "{\"runAsUser\": \"1000\"}");
}
DHOW_MAIN(platform)
