#pragma once
/* schedule - where a pod may run: what a platform spec says of it as the JSON that Kubernetes
 * reads.
 *
 * What is empty is left out, as Kubernetes does it: an operator that takes no values (Exists) must
 * have none. */
#include "base/js.h"
#include "spec/kubernetes.h"

struct js *schedule_toleration(const struct toleration *t); /* the caller's */
/* Adds the term to a `nodeAffinity`. */
void schedule_node_affinity(struct js *node, const struct node_affinity_term *t);
/* Adds the term to a `podAffinity` or `podAntiAffinity`. */
void schedule_pod_affinity(struct js *group, const struct pod_affinity_term *t);
