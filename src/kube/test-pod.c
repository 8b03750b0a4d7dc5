/* A table of pods as Kubernetes tells of them, and what they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kube/pod.h"

#define MAIN(state)                                                                                \
    "'containerStatuses': [{'name': 'main', 'image': 'repo/x:1', 'state': " state "}]"

static const struct {
    const char *name, *spec, *status;
    enum kube_pod_state state;
    const char *words;
    bool pull, log, succeeded, lost;
    int exit_code;
} cases[] = {
    {"made just now", "{}", "{'phase': 'Pending'}", POD_WAITS, "it waits for a node",
     .exit_code = -1},
    {"no room", "{}",
     "{'phase': 'Pending', 'conditions': [{'type': 'PodScheduled', 'status': 'False', 'reason': "
     "'Unschedulable', 'message': '0/3 nodes are available: 3 Insufficient memory.'}]}",
     POD_WAITS, "no node takes it (Unschedulable): 0/3 nodes are available: 3 Insufficient memory.",
     .exit_code = -1},
    {"bound", "{'nodeName': 'n1'}",
     "{'phase': 'Pending', " MAIN("{'waiting': {'reason': 'ContainerCreating'}}") "}", POD_WAITS,
     "its containers are being made on node n1", .exit_code = -1},
    {"pull", "{'nodeName': 'n1'}",
     "{'phase': 'Pending', " MAIN(
         "{'waiting': {'reason': 'ErrImagePull', 'message': 'not found\\n'}}") "}",
     POD_WAITS, "image repo/x:1 cannot be pulled (ErrImagePull): not found", .pull = true,
     .exit_code = -1},
    {"launcher's pull", "{'nodeName': 'n1'}",
     "{'phase': 'Pending', 'initContainerStatuses': [{'name': 'dhow-launcher', 'image': 'l:1', "
     "'state': {'waiting': {'reason': 'ImagePullBackOff', 'message': 'Back-off'}}}]}",
     POD_WAITS, "image l:1 cannot be pulled (ImagePullBackOff): Back-off", .pull = true,
     .exit_code = -1},
    {"secret is missing", "{'nodeName': 'n1'}",
     "{'phase': 'Pending', " MAIN("{'waiting': {'reason': 'CreateContainerConfigError', "
                                  "'message': 'secret \\'s\\' not found'}}") "}",
     POD_WAITS,
     "container main cannot be started (CreateContainerConfigError): secret 's' not found",
     .exit_code = -1},
    {"init", "{'nodeName': 'n1'}",
     "{'phase': 'Pending', 'initContainerStatuses': [{'name': 'init', 'state': {'running': {}}}]}",
     POD_WAITS, "init container init runs", .exit_code = -1},
    {"runs", "{'nodeName': 'n1'}", "{'phase': 'Running', " MAIN("{'running': {}}") "}", POD_RUNS,
     "", .log = true, .exit_code = -1},
    {"done, its wait container goes on", "{'nodeName': 'n1'}",
     "{'phase': 'Running', " MAIN("{'terminated': {'exitCode': 0}}") "}", POD_ENDED, "",
     .log = true, .succeeded = true, .exit_code = 0},
    {"failed", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', " MAIN("{'terminated': {'exitCode': 3, 'reason': 'Error'}}") "}",
     POD_ENDED, "exit code 3", .log = true, .exit_code = 3},
    {"out of memory",
     "{'nodeName': 'n1', 'containers': [{'name': 'main', 'resources': {'limits': {'memory': "
     "'64Mi'}}}]}",
     "{'phase': 'Failed', " MAIN("{'terminated': {'exitCode': 137, 'reason': 'OOMKilled'}}") "}",
     POD_ENDED, "out of memory (OOMKilled): it was killed at its limit of 64Mi", .log = true,
     .exit_code = 137},
    {"killed", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', " MAIN("{'terminated': {'exitCode': 137, 'reason': 'Error'}}") "}",
     POD_ENDED, "killed by signal 9 (SIGKILL)", .log = true, .exit_code = 137},
    {"evicted while it ran", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', 'reason': 'Evicted', 'message': 'The node was low on resource: "
     "memory.', " MAIN("{'terminated': {'exitCode': 137, 'reason': 'Error'}}") "}",
     POD_ENDED, "evicted from node n1: The node was low on resource: memory.", .log = true,
     .lost = true, .exit_code = 137},
    {"its node restarted", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', " MAIN("{'terminated': {'exitCode': 255, 'reason': 'Unknown'}}") "}",
     POD_ENDED, "exit code 255", .log = true, .lost = true, .exit_code = 255},
    {"evicted before it began", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', 'reason': 'Evicted', 'message': 'Pod was rejected.'}", POD_ENDED,
     "evicted from node n1: Pod was rejected.", .lost = true, .exit_code = -1},
    {"deadline", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', 'reason': 'DeadlineExceeded', 'message': 'Pod was active on the node "
     "longer than the specified deadline'}",
     POD_ENDED,
     "its deadline is over: Pod was active on the node longer than the specified deadline",
     .exit_code = -1},
    {"node lost", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', 'conditions': [{'type': 'DisruptionTarget', 'status': 'True', 'reason': "
     "'DeletionByTaintManager', 'message': 'Taint manager: deleting due to NoExecute taint'}]}",
     POD_ENDED,
     "taken off node n1 (DeletionByTaintManager): Taint manager: deleting due to NoExecute taint",
     .lost = true, .exit_code = -1},
    {"init failed", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', 'initContainerStatuses': [{'name': 'fetch', 'state': {'terminated': "
     "{'exitCode': 2, 'reason': 'Error'}}}]}",
     POD_ENDED, "init container fetch failed with exit code 2: Error", .exit_code = -1},
    {"no such command", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', " MAIN("{'terminated': {'exitCode': 128, 'reason': 'StartError', "
                                 "'message': 'exec: no such file'}}") "}",
     POD_ENDED, "its command cannot be started (StartError): exec: no such file", .log = true,
     .exit_code = 128},
    {"Argo's own container", "{'nodeName': 'n1'}",
     "{'phase': 'Failed', 'containerStatuses': [{'name': 'main', 'state': {'terminated': "
     "{'exitCode': 0}}}, {'name': 'wait', 'state': {'terminated': {'exitCode': 64, 'reason': "
     "'Error', 'message': 'cannot save'}}}]}",
     POD_ENDED, "container wait failed with exit code 64: cannot save", .log = true,
     .exit_code = 0},
    {"nothing is said", "{}", "{'phase': 'Failed'}", POD_ENDED,
     "the pod failed: Kubernetes does not say why", .exit_code = -1},
};

static struct js *parse(const char *text)
{
    own_mem char *json = dh_strdup(text);
    struct js *v = NULL;
    struct dh_err err;

    for (char *c = json; *c; c++)
        if (*c == '\'' && (c == json || c[-1] != '\\'))
            *c = '"';
    for (char *c = json; *c; c++)
        if (c[0] == '\\' && c[1] == '\'')
            memmove(c, c + 1, strlen(c));
    if (js_parse(json, strlen(json), &v, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return v;
}

/* One that is told to end is lost; one that is over before it is taken away is not. */
static void test_deleted(void **state)
{
    static const struct {
        const char *ended;
        bool lost;
    } cases_[] = {{"{'exitCode': 143, 'reason': 'Error'}", true},
                  {"{'exitCode': 0, 'reason': 'Completed'}", false},
                  {"{'exitCode': 137, 'reason': 'OOMKilled'}", false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases_ / sizeof *cases_; i++) {
        own_mem char *text = dh_printf(
            "{'metadata': {'name': 'p', 'uid': 'u', 'deletionTimestamp': '2026-01-01T00:00:00Z'}, "
            "'status': {'phase': 'Running', 'containerStatuses': [{'name': 'main', 'state': "
            "{'terminated': %s}}]}}",
            cases_[i].ended);
        own(js_free) struct js *pod = parse(text);
        struct kube_pod p;

        kube_pod_view(pod, &p);
        assert_int_equal(p.lost, cases_[i].lost);
    }
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *text = dh_printf(
            "{'metadata': {'name': 'p', 'uid': 'u', 'annotations': {'dhow/scope': 'root.a', "
            "'dhow/iteration': '0.3'}}, 'spec': %s, 'status': %s}",
            cases[i].spec, cases[i].status);
        own(js_free) struct js *pod = parse(text);
        struct kube_pod p;

        kube_pod_view(pod, &p);
        if (strcmp(p.words, cases[i].words) != 0)
            fail_msg("%s: '%s' is not '%s'", cases[i].name, p.words, cases[i].words);
        assert_int_equal(p.state, cases[i].state);
        assert_int_equal(p.pull, cases[i].pull);
        assert_int_equal(p.has_log, cases[i].log);
        assert_int_equal(p.succeeded, cases[i].succeeded);
        assert_int_equal(p.lost, cases[i].lost);
        assert_int_equal(p.exit_code, cases[i].exit_code);
        assert_string_equal(p.scope, "root.a");
        assert_string_equal(p.iteration, "0.3");
    }
}

/* What is no pod at all is one of which nothing is known. */
static void test_nothing(void **state)
{
    static const char *const texts[] = {"{}", "[]", "1", "{'status': 3, 'metadata': []}",
                                        "{'status': {'containerStatuses': [1, {}, 'x']}}"};
    struct kube_pod p;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        own(js_free) struct js *pod = parse(texts[i]);

        kube_pod_view(pod, &p);
        assert_int_equal(p.state, POD_WAITS);
        assert_null(p.name);
    }
}

/* A message of any length is cut. */
static void test_long(void **state)
{
    own_mem char *message = dh_alloc(10001);
    own_mem char *text = NULL;
    struct kube_pod p;

    (void)state;
    memset(message, 'x', 10000);
    message[10000] = '\0';
    text =
        dh_printf("{'status': {'phase': 'Failed', 'reason': 'Evicted', 'message': '%s'}}", message);
    {
        own(js_free) struct js *pod = parse(text);

        kube_pod_view(pod, &p);
    }
    assert_int_equal(strlen(p.words), sizeof p.words - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_deleted),
                                       cmocka_unit_test(test_nothing), cmocka_unit_test(test_long)};

    return cmocka_run_group_tests_name("pod", tests, NULL, NULL);
}
