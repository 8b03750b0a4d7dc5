#pragma once
/* own - who frees what, said at the declaration.
 *
 *     own(plan_free) struct plan *plan = NULL;   freed when the scope ends
 *     *ret = take(&plan);                        handed to the caller instead
 *
 * own(fn) needs OWN_DEFINE(type, fn) beside fn's declaration. */

#define own(fn) __attribute__((cleanup(fn##_own)))

#define OWN_DEFINE(type, fn)                                                                       \
    static inline void fn##_own(type *p)                                                           \
    {                                                                                              \
        if (*p)                                                                                    \
            fn(*p);                                                                                \
    }

#define take(p)                                                                                    \
    ({                                                                                             \
        __typeof__(*(p)) taken_ = *(p);                                                            \
        *(p) = NULL;                                                                               \
        taken_;                                                                                    \
    })

/* A file descriptor that closes itself: own_fd int fd = -1; */
void dh_close_own(int *fd);
#define own_fd __attribute__((cleanup(dh_close_own)))
int dh_take_fd(int *fd);

/* malloc'ed memory that frees itself: own_mem char *s = NULL; */
void dh_mem_own(void *p);
#define own_mem __attribute__((cleanup(dh_mem_own)))
