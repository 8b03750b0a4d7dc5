#include "base/nearest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance, with neighbours swapped as one edit; more than `most` where that is plain to see.
 */
static size_t distance(const char *a, const char *b, size_t most)
{
    enum { LONGEST = 64 };
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    size_t na = strlen(a), nb = strlen(b);

    if (na > LONGEST || nb > LONGEST || na > nb + most || nb > na + most)
        return most + 1;
    for (size_t j = 0; j <= nb; j++)
        last[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *spare = before;

        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            now[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]), least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

void nearest_try(struct nearest *nearest, const char *name)
{
    size_t most = strlen(nearest->word) / 3 + 1, n;

    if (nearest->best && nearest->edits <= 1)
        return;
    if (nearest->best)
        most = nearest->edits - 1;
    n = distance(nearest->word, name, most);
    if (n <= most) {
        nearest->best = name;
        nearest->edits = n;
    }
}
