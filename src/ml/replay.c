/* replay - every file of a corpus once through a fuzzer's function; one TAP line a file. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/fs.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int main(int argc, char **argv)
{
    int count = 0;
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    if (!folder) {
        printf("Bail out! no corpus folder\n");
        return 1;
    }
    for (const struct dirent *e; (e = readdir(folder));) {
        if (e->d_name[0] == '.')
            continue;
        own_mem char *path = fs_join(argv[1], e->d_name);
        own_mem char *bytes = NULL;
        struct dh_err err;
        size_t n = 0;
        if (fs_read(path, (size_t)64 << 20, &bytes, &n, &err) < 0) {
            printf("Bail out! %s\n", err.msg);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, n);
        printf("ok %d - %s\n", ++count, e->d_name);
    }
    closedir(folder);
    printf("1..%d\n", count);
    return count == 0;
}
