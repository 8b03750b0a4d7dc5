#pragma once
/* deploy - the manifests of deploy/kubernetes within the program. */

struct manifest {
    const char *overlay; /* "": of the base */
    const char *file;    /* "": the text is the address of a manifest that others release */
    const char *text;    /* YAML documents, each line ended */
};
extern const struct manifest deploy_manifests[]; /* ends with NULLs; made at build */
