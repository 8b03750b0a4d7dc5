/* Any bytes as a pod that Kubernetes tells of: what it means is in words of one line, whatever it
 * is. */
#include <stdlib.h>
#include <string.h>

#include "kube/pod.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    own(js_free) struct js *v = NULL;
    struct kube_pod pod;

    if (js_parse((const char *)bytes, n, &v, NULL) < 0)
        return 0;
    kube_pod_view(v, &pod);
    if (strlen(pod.words) >= sizeof pod.words || strpbrk(pod.words, "\r\n\t") ||
        (pod.succeeded && pod.state != POD_ENDED) || (pod.pull && pod.state != POD_WAITS))
        abort();
    return 0;
}
