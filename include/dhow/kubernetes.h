/* dhow/kubernetes.h - components that make and delete a volume claim, as kfp-kubernetes has them.
 *
 *     struct create_pvc_task made = DHOW_RUN(create_pvc, .pvc_name_suffix = dhow_v("-data"),
 *                                            .size = dhow_v("5Gi"),
 *                                            .access_modes = dhow_of_json("[\"ReadWriteOnce\"]"));
 *     struct train_task t = DHOW_RUN(train, …);
 *     dhow_mount_pvc(t, made.name, "/data");
 *     struct delete_pvc_task gone = DHOW_RUN(delete_pvc, .pvc_name = made.name);
 *     dhow_after(gone, t);
 *
 * The engines know the two by their images, which no registry has. */
#ifndef DHOW_KUBERNETES_H
#define DHOW_KUBERNETES_H

#include <dhow/pipeline.h>

#define DHOW__CREATE_PVC(X)                                                                        \
    X(LIST, access_modes, DHOW_REQUIRED, "")                                                       \
    X(TEXT, size, DHOW_REQUIRED, "")                                                               \
    X(TEXT, pvc_name, DHOW_OPTIONAL, "")                                                           \
    X(TEXT, pvc_name_suffix, DHOW_OPTIONAL, "")                                                    \
    X(TEXT, storage_class_name, "", "")                                                            \
    X(TEXT, volume_name, DHOW_OPTIONAL, "")                                                        \
    X(STRUCT, annotations, "", "")                                                                 \
    X(STRUCT, data_source, "", "")                                                                 \
    X(OUTPUT_TEXT, name, "", "")
DHOW_CONTAINER(create_pvc, "", DHOW__CREATE_PVC, "argostub/createpvc", {NULL}, {NULL}, {NULL},
               "createpvc")

#define DHOW__DELETE_PVC(X) X(TEXT, pvc_name, DHOW_REQUIRED, "")
DHOW_CONTAINER(delete_pvc, "", DHOW__DELETE_PVC, "argostub/deletepvc", {NULL}, {NULL}, {NULL},
               "deletepvc")

#endif
