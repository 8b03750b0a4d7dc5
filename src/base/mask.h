#pragma once
/* mask - secrets out of logs: what of a secret must not be seen, and a stream without it. One
 * machine's logs and a pod's are masked by the same. Both wipe what they hold. */
#include <stdbool.h>
#include <stddef.h>

/* Texts that a log must not show, for values of secrets: the value, without the blank space around
 * it, each of its lines, and in base64 and percent encoding. Short ones (below 4 bytes) are left
 * out: they would hide half of any log. */
struct secret_masks {
    char **items; /* NULL-terminated; NULL: none */
    size_t n;
};
void secret_masks_add(struct secret_masks *masks, const char *bytes, size_t n);
void secret_masks_done(struct secret_masks *masks); /* wipes them */

/* What is never to stand in a log. Each text that is put into it is replaced by "***", also where
 * it comes in pieces: what may be its beginning is held back until more has come. */
struct log_mask;
struct log_mask *log_mask_new(void);
struct log_mask *log_mask_free(struct log_mask *mask); /* wipes the texts; NULL is fine */
void log_mask_add(struct log_mask *mask, const char *text, size_t n);
/* Gives what may be written now to `to`; `end`: nothing more comes. */
void log_mask_feed(struct log_mask *mask, const char *bytes, size_t n, bool end,
                   void (*to)(void *user, const char *bytes, size_t n), void *user);
