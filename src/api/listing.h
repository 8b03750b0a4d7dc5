#pragma once
/* listing - page_size, page_token, sort_by and filter of a list: a page of ids, and its answer. */
#include "api/req.h"
#include "store/page.h"

#define LISTING_MORE 8 /* predicates that a handler adds */

struct listing {
    struct page_ask ask;
    struct page_predicate *predicates;
    const char *filter, *sort; /* as the token keeps them */
    struct page_ids page;
    int64_t total;
};

/* The arguments; then a handler may listing_where; then listing_answer. */
int listing_read(struct req *r, enum page_kind kind, struct listing *ret, struct dh_err *err);
void listing_where(struct req *r, struct listing *listing, const char *key, const char *text,
                   int64_t number); /* key = text, or = number where text is NULL */
/* Writes one of the page. */
typedef int listing_item(struct req *r, int64_t id, struct jw *w, struct dh_err *err);
/* The whole answer: {"NAME": [item…], "total_size", "next_page_token"}; an empty list has no NAME,
 * as KFP's have not. */
int listing_answer(struct req *r, struct listing *listing, const char *name, listing_item *item,
                   struct dh_err *err);
/* The token of the page after, in the request's arena; NULL: this is the last. */
const char *listing_token(struct req *r, const struct listing *listing);
/* A token's fields into `listing`. DH_INVALID. */
int listing_continue(struct req *r, const char *token, struct listing *listing, struct dh_err *err);
