/* spawn - how long a program takes from posix_spawn to its end: spawn N PROGRAM ARGS… -- PROGRAM
 * ARGS… The two in turn, so that a machine that slows down slows both; prints the medians in
 * microseconds. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double once(char **argv)
{
    double start = now_us();
    int status;
    pid_t pid;

    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
        waitpid(pid, &status, 0) < 0 || status != 0)
        exit(1);
    return now_us() - start;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 0, second = 2;
    double *a = calloc((size_t)n + 1, sizeof *a), *b = calloc((size_t)n + 1, sizeof *b);

    while (second < argc && strcmp(argv[second], "--") != 0)
        second++;
    if (n < 1 || second + 1 >= argc)
        return 2;
    argv[second] = NULL;
    for (int i = 0; i < n; i++) {
        a[i] = once(argv + 2);
        b[i] = once(argv + second + 1);
    }
    qsort(a, (size_t)n, sizeof *a, by_size);
    qsort(b, (size_t)n, sizeof *b, by_size);
    printf("%.1f %.1f\n", a[n / 2], b[n / 2]);
    return 0;
}
