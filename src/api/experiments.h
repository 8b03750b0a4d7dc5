#pragma once
/* experiments - /apis/v2beta1/experiments. */
#include "api/req.h"
#include "store/catalog.h"

struct listing;

req_handler experiments_list, experiments_create, experiments_get, experiments_delete;
req_handler experiments_archive, experiments_unarchive;
/* By uuid, checked: the user may see it. DH_NOT_FOUND. */
int experiment_find(struct req *r, const char *uuid, struct catalog_experiment *ret,
                    struct dh_err *err);
/* Narrows a list to the experiment of ?experiment_id, else to what the user may see. */
int experiment_narrow(struct req *r, struct listing *listing, struct dh_err *err);
/* The row of "Default". */
int experiment_default(struct store *store, int64_t *ret_id, struct dh_err *err);
