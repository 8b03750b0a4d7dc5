/* Any bytes as a pod that Kubernetes tells of: what it means is in words of one line, whatever it
 * is. And as what a program says of who we are. */
#include <stdlib.h>
#include <string.h>

#include "kube/kube-priv.h"
#include "kube/pod.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    own(js_free) struct js *v = NULL;
    own_identity struct kube_identity we = {0};
    struct kube_pod pod;
    struct dh_err err;
    int64_t until_us;

    if (kube_plugin_read((const char *)bytes, n, "client.authentication.k8s.io/v1", &we, &until_us,
                         &err) == 0 &&
        ((!we.token && !we.cert) || !we.cert != !we.key))
        abort();
    if (js_parse((const char *)bytes, n, &v, NULL) < 0)
        return 0;
    kube_pod_view(v, &pod);
    if (strlen(pod.words) >= sizeof pod.words || strpbrk(pod.words, "\r\n\t") ||
        (pod.succeeded && pod.state != POD_ENDED) || (pod.pull && pod.state != POD_WAITS))
        abort();
    return 0;
}
