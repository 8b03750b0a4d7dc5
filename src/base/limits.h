#pragma once
/* limits - how much outside input may ask for. Everything that a user, a file or the network can
 * make large has its bound here; past it the answer is DH_INVALID (or DH_IO), never a crash. */

#include <stddef.h>
#include <stdint.h>

#define LIMIT_PIPELINE_BYTES ((size_t)64 << 20)  /* a pipeline file, unpacked */
#define LIMIT_PARAMS_BYTES ((size_t)16 << 20)    /* --params FILE, one parameter's value */
#define LIMIT_YAML_DEPTH 256                     /* nested collections */
#define LIMIT_YAML_NODES 20000000                /* nodes of one document, aliases expanded */
#define LIMIT_YAML_ALIAS_NODES 200000            /* nodes that come from aliases */
#define LIMIT_CEL_BYTES 65536                    /* one expression */
#define LIMIT_CEL_DEPTH 200                      /* nested sub-expressions */
#define LIMIT_CEL_STEPS 5000000                  /* evaluation steps */
#define LIMIT_CEL_MEMORY ((size_t)64 << 20)      /* bytes of values that one evaluation makes */
#define LIMIT_EXECUTOR_OUTPUT ((size_t)64 << 20) /* output_metadata.json of a step */
#define LIMIT_OUTPUT_PARAM ((size_t)16 << 20)    /* one output parameter file */
#define LIMIT_LOOP_ITEMS 1000000                 /* iterations of one loop */
#define LIMIT_NEST 64                            /* DAGs within DAGs */
#define LIMIT_ARGO_BYTES ((size_t)1 << 20)       /* a Workflow's JSON */
#define LIMIT_ARGO_TASKS 20000                 /* tasks of a Workflow, each call of a dag counted */
#define LIMIT_IMAGE_BYTES ((int64_t)64 << 30)  /* an image's files, unpacked */
#define LIMIT_IMAGE_FILES 5000000              /* and their number */
#define LIMIT_IMAGE_JSON ((size_t)16 << 20)    /* a manifest or configuration of an image */
#define LIMIT_LIVE_METRICS 1000000             /* numbers that one task reports while it runs */
#define LIMIT_METRICS_BYTES ((size_t)64 << 20) /* that a pod tells of them */
#define LIMIT_LOG_BYTES ((long long)1 << 30)   /* one attempt's log, then cut with a note */
#define LIMIT_PB_DEPTH 100                     /* messages within messages */
#define LIMIT_XML_BYTES ((size_t)16 << 20)     /* one answer of an object store */
#define LIMIT_XML_DEPTH 32
#define LIMIT_XML_ELEMENTS 200000
#define LIMIT_HTTP_BODY                                                                            \
    ((size_t)33 << 20) /* a request's body: an upload of 32 MiB and its frame                      \
                        */
#define LIMIT_HTTP_BODIES ((size_t)256 << 20) /* all that are being received */
#define LIMIT_HTTP_FILE ((int64_t)1 << 40)    /* a body that goes to a file */
#define LIMIT_HTTP_HEAD ((size_t)16 << 10)    /* first line and headers, and the answer's */
#define LIMIT_HTTP_ARGS 200                   /* arguments of a query */
#define LIMIT_HTTP_CONNECTIONS 4000           /* at a time, event streams among them */
#define LIMIT_HTTP_HEAD_S 10                  /* seconds for first line and headers to come */
#define LIMIT_HTTP_BODY_S 120                 /* and for the body */
#define LIMIT_HTTP_IDLE_S 75                  /* a connection that says nothing */
#define LIMIT_FETCHES 16                      /* pipelines that are fetched from URLs at a time */
#define LIMIT_FETCH_S 120 /* for one of them to come; and for an issuer's keys */
#define LIMIT_UPLOAD_BYTES ((size_t)32 << 20) /* an uploaded pipeline package */
#define LIMIT_LINEAGE 20000                   /* artifacts of one answer about lineage */
#define LIMIT_GRPC_BYTES ((size_t)64 << 20)   /* a request, and all of a connection's */
#define LIMIT_GRPC_STREAMS 100                /* calls of a connection at a time */
#define LIMIT_GRPC_CONNECTIONS 500
#define LIMIT_KUBE_OBJECT ((size_t)8 << 20)  /* one object of a Kubernetes watch */
#define LIMIT_KUBE_ANSWER ((size_t)64 << 20) /* one answer of its API, a page of a list */
#define LIMIT_KUBE_ITEMS 200000              /* objects of one list */
