/* Runs a fuzz target over the files of the folders that are named: the corpus as an ordinary test.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int main(int argc, char **argv)
{
    int n_files = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);

        for (struct dirent *e; folder && (e = readdir(folder));) {
            own_mem char *path = fs_join(argv[i], e->d_name), *bytes = NULL;
            struct dh_err err = {0};
            size_t n = 0;

            if (e->d_name[0] == '.')
                continue;
            if (fs_read(path, (size_t)1 << 26, &bytes, &n, &err) < 0) {
                (void)printf("Bail out! %s\n", err.msg);
                return 1;
            }
            (void)LLVMFuzzerTestOneInput((const uint8_t *)bytes, n);
            n_files++;
            (void)printf("ok %d - %s\n", n_files, path);
            (void)fflush(stdout);
        }
        if (folder)
            (void)closedir(folder);
    }
    if (n_files == 0)
        (void)printf("not ok 1 - no corpus\n");
    (void)printf("1..%d\n", n_files ? n_files : 1);
    return n_files == 0;
}
