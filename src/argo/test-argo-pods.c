/* What a pod has: images, resources, retries, all of the Kubernetes platform spec. */
#include "argo/test-argo.h"

#define RUNS(image, more) "    mine: {container: {image: " image more "}}\n"
#define MINE                                                                                       \
    "  mine: {executorLabel: mine, inputDefinitions: {parameters: {x: {parameterType: "            \
    "STRING}}}}\n"
#define X_OF_P "{taskOutputParameter: {producerTask: p, outputParameterKey: o}}"

void test_pods(void **state)
{
    static const struct row rows[] = {
        {"an image from an output", .executors = RUNS("\"r/{{$.inputs.parameters['x']}}:1\"", ""),
         .more = MINE,
         .yaml = ROOT TASK("p", "p", "") TASK("m", "mine", AFTER("p") IN(FROM("x", "p", "o"))),
         .want = "\"image\":\"{{=('r/' + inputs.parameters['x'] + ':1')}}\"\n"
                 "{\"name\":\"x\",\"value\":\"{{tasks.p.outputs.parameters.o}}\"}\n"},
        {"an image from a constant", .executors = RUNS("\"{{$.inputs.parameters['x']}}\"", ""),
         .more = MINE, .yaml = ROOT TASK("m", "mine", IN("x: {runtimeValue: {constant: 'img:2'}}")),
         .want = "\"image\":\"img:2\"\n"},
        {"resources, known and not",
         .executors = RUNS("img", ", resources: {resourceCpuRequest: 500m, resourceMemoryLimit: "
                                  "\"{{$.inputs.parameters['x']}}\", accelerator: {resourceType: "
                                  "nvidia.com/gpu, resourceCount: '2'}}"),
         .more = MINE,
         .yaml = ROOT TASK("p", "p", "") TASK("m", "mine", AFTER("p") IN(FROM("x", "p", "o"))),
         .want = "\"resources\":{\"requests\":{\"cpu\":\"500m\"},\"limits\":{\"nvidia.com/"
                 "gpu\":\"2\"}}\n\\\"limits\\\":{ "
                 "\\\"memory\\\":{{=toJson(inputs.parameters['x'])}}\n"},
        {"retries, from the dag above too",
         .yaml = ROOT TASK("a", "s",
                           ", retryPolicy: {maxRetryCount: 3, backoffDuration: 30s, "
                           "backoffFactor: 2, backoffMaxDuration: 3600s}"),
         .want = "\"retryStrategy\":{\"limit\":3,\"retryPolicy\":\"Always\",\"backoff\":{"
                 "\"duration\":\"30s\",\"factor\":2,\"cap\":\"3600s\"}}\n"},
        {"a factor that Argo has not",
         .yaml = ROOT TASK("a", "s",
                           ", retryPolicy: {maxRetryCount: 3, backoffDuration: 1s, backoffFactor: "
                           "1.5}"),
         .want = "error: t.yaml:\ntask 'a', retryPolicy.backoffFactor: \nwhole numbers\n"},
        {"no token for the user's code, an own account for Argo's", .yaml = ROOT TASK("a", "s", ""),
         .want = "\"automountServiceAccountToken\":false\n"
                 "\"executor\":{\"serviceAccountName\":\"dhow-executor\"}\n"
                 "\"serviceAccountName\":\"dhow-runner\"\n"
                 "\"secretName\":\"dhow-run-66667777\"\n\"http://dhow.ml.svc:8080\"\n"
                 "\"dhow/scope\":\"{{inputs.parameters.scope}}\"\n"
                 "\"command\":[\"/dhow/launch\"]\n!\"run\"\n"},
        {"a claim made here: its name is known before",
         .yaml = ROOT TASK("v", "pvc", IN("pvc_name_suffix: {runtimeValue: {constant: -data}}"))
             TASK("a", "s", AFTER("v")),
         .platform = "pvcMount: [{mountPath: /data, taskOutputParameter: {producerTask: v, "
                     "outputParameterKey: name}}]",
         .want = "\"claimName\":\"66667777-\n-data\"\n!\"root.v\"\n!\"depends\"\n"},
        {"two tasks, one template", .yaml = ROOT TASK("a", "s", "") TASK("b", "s", ""),
         .want = "\"template\":\"s\"\n!\"s-2\"\n"},
    };
    (void)state;
    CHECK(rows);
}

void test_platform(void **state)
{
    static const char one[] = ROOT TASK("p", "p", "") TASK("a", "s", AFTER("p"));
    static const struct row rows[] = {
        {"secrets, config maps, field paths", .yaml = one,
         .platform =
             "secretAsEnv: [{secretName: s1, keyToEnv: [{secretKey: k, envVar: E}], optional: "
             "true}], secretAsVolume: [{secretName: s2, mountPath: /s}], configMapAsEnv: "
             "[{configMapName: c1, keyToEnv: [{configMapKey: k, envVar: F}]}], configMapAsVolume: "
             "[{configMapName: c2, mountPath: /c, optional: true}], fieldPathAsEnv: [{name: N, "
             "fieldPath: spec.nodeName}]",
         .want =
             "{\"name\":\"E\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s1\",\"key\":\"k\","
             "\"optional\":true}}}\n"
             "{\"name\":\"secret-0\",\"secret\":{\"secretName\":\"s2\"}}\n"
             "{\"name\":\"secret-0\",\"mountPath\":\"/s\"}\n"
             "{\"name\":\"F\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"c1\",\"key\":\"k\"}}}"
             "\n"
             "{\"name\":\"configmap-0\",\"configMap\":{\"name\":\"c2\",\"optional\":true}}\n"
             "{\"name\":\"N\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.nodeName\"}}}\n"},
        {"names that only a task gives", .yaml = one,
         .platform = "secretAsVolume: [{secretNameParameter: {componentInputParameter: none}, "
                     "mountPath: /s}]",
         .want = "error: t.yaml:\nsecretAsVolume-0: it has no value\n"},
        {"a name from a task that does not come before",
         .yaml = ROOT TASK("p", "p", "") TASK("a", "s", ""),
         .platform = "secretAsVolume: [{secretNameParameter: " X_OF_P ", mountPath: /s}]",
         .want = "error: t.yaml:\ntask 'a', platform: task 'p' gives it\n"},
        {"a secret's and a claim's name from an output", .yaml = one,
         .platform =
             "secretAsVolume: [{secretNameParameter: " X_OF_P ", mountPath: /s}], "
             "pvcMount: [{pvcNameParameter: " X_OF_P ", mountPath: /v, subPath: in}], "
             "imagePullSecret: [{secretNameParameter: " X_OF_P "}], imagePullPolicy: Always",
         .want = "\"secretName\":\"{{inputs.parameters.secretAsVolume-0}}\"\n"
                 "\"claimName\":\"{{inputs.parameters.pvcMount-0}}\"\n"
                 "{\"name\":\"pvc-0\",\"mountPath\":\"/v\",\"subPath\":\"in\"}\n"
                 "\\\"imagePullSecrets\\\":[{ "
                 "\\\"name\\\":{{=toJson(inputs.parameters['imagePullSecret-0'])}}}]\n"
                 "\"imagePullPolicy\":\"Always\"\n"},
        {"where it runs", .yaml = one,
         .platform =
             "nodeSelector: {labels: {disk: ssd}}, tolerations: [{key: gpu, operator: Exists, "
             "effect: NoSchedule, tolerationSeconds: 60}], nodeAffinity: [{matchExpressions: "
             "[{key: z, operator: In, values: [a, b]}]}, {matchFields: [{key: f, operator: "
             "Exists}], "
             "weight: 5}], podAffinity: [{matchPodLabels: {app: x}, topologyKey: host, anti: "
             "true}, "
             "{matchPodLabels: {app: y}, topologyKey: zone, weight: 7, namespaces: [n]}]",
         .want =
             "\"nodeSelector\":{\"disk\":\"ssd\"}\n"
             "\"tolerations\":[{\"key\":\"gpu\",\"operator\":\"Exists\",\"effect\":"
             "\"NoSchedule\",\"tolerationSeconds\":60}]\n"
             "\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[{"
             "\"matchExpressions\":[{\"key\":\"z\",\"operator\":\"In\",\"values\":[\"a\",\"b\"]}"
             "]}]}\n"
             "\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":5,"
             "\"preference\":{\"matchFields\":[{\"key\":\"f\",\"operator\":\"Exists\"}]}}]\n"
             "\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
             "\"labelSelector\":{\"matchLabels\":{\"app\":\"x\"}},\"topologyKey\":\"host\"}]}\n"
             "\"podAffinityTerm\":{\"labelSelector\":{\"matchLabels\":{\"app\":\"y\"}},"
             "\"topologyKey\":\"zone\",\"namespaces\":[\"n\"]}\n"},
        {"where it runs, from an output", .yaml = one,
         .platform =
             "nodeSelector: {nodeSelectorJson: " X_OF_P "}, tolerations: [{key: a, operator: "
             "Exists}, {tolerationJson: " X_OF_P "}], nodeAffinity: [{nodeAffinityJson: " X_OF_P
             "}]",
         .want =
             "\\\"nodeSelector\\\":{{=toJson(fromJSON(inputs.parameters['nodeSelectorJson']))}}\n"
             "\\\"tolerations\\\":{{=toJson(flatten([fromJSON('[\\\\u007b\\\"key\\\":\n"
             ", fromJSON(inputs.parameters['tolerationJson-1'])]))}}\n"
             "\\\"nodeAffinity\\\":{{=toJson(fromJSON(\n"},
        {"volumes of the pod itself", .yaml = one,
         .platform = "emptyDirMounts: [{volumeName: e, mountPath: /e, medium: Memory, sizeLimit: "
                     "1Gi}], genericEphemeralVolume: [{volumeName: g, mountPath: /g, accessModes: "
                     "[ReadWriteOnce], size: 5Gi, storageClassName: fast, metadata: {labels: {a: "
                     "b}}}], enabledSharedMemory: {volumeName: shm, size: 2Gi}",
         .want = "{\"name\":\"e\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"1Gi\"}}\n"
                 "\"ephemeral\":{\"volumeClaimTemplate\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
                 "\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{"
                 "\"storage\":\"5Gi\"}},\"storageClassName\":\"fast\"}}}\n"
                 "{\"name\":\"shm\",\"mountPath\":\"/dev/shm\"}\n\"sizeLimit\":\"2Gi\"\n"},
        {"security, deadline, metadata, init containers, resource claims", .yaml = one,
         .platform =
             "securityContext: {runAsUser: 7, runAsGroup: 8, runAsNonRoot: true}, "
             "activeDeadlineSeconds: 90, podMetadata: {labels: {l: m}, annotations: {n: o, "
             "dhow/scope: mine}}, initContainers: [{name: i, image: busy, command: [sh], args: "
             "[-c], "
             "env: [{name: A, value: b}], volumeMounts: [{volumeName: e, mountPath: /e}], "
             "restartPolicy: Always, resources: {requests: {cpu: '1'}, limits: {memory: 1Gi}}}], "
             "podResourceClaims: [{resourceClaimTemplateName: tpl}]",
         .want = "\"runAsUser\":7,\"runAsGroup\":8,\"runAsNonRoot\":true\n"
                 "\"activeDeadlineSeconds\":90\n\"labels\":{\"l\":\"m\"}\n"
                 "\"dhow/scope\":\"{{inputs.parameters.scope}}\"\n\"n\":\"o\"\n"
                 "{\"name\":\"i\",\"image\":\"busy\",\"command\":[\"sh\"],\"args\":[\"-c\"],"
                 "\"env\":[{\"name\":\"A\",\"value\":\"b\"}],\"volumeMounts\":[{\"name\":\"e\","
                 "\"mountPath\":\"/e\"}],\"restartPolicy\":\"Always\",\"resources\":{\"requests\":"
                 "{\"cpu\":\"1\"},\"limits\":{\"memory\":\"1Gi\"}}}\n"
                 "\\\"resourceClaims\\\":[{ \\\"name\\\":\\\"claim-0\\\", "
                 "\\\"resourceClaimTemplateName\\\":\\\"tpl\\\"}]\n"},
    };
    (void)state;
    CHECK(rows);
}
