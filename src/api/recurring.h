#pragma once
/* recurring - /apis/v2beta1/recurringruns. */
#include "api/req.h"
#include "store/catalog.h"

req_handler recurring_list, recurring_create, recurring_get, recurring_delete, recurring_enable;
req_handler recurring_disable;

int schedule_find(struct req *r, const char *uuid, struct catalog_schedule *ret,
                  struct dh_err *err);
/* Back on: what was missed meanwhile is made up for, where it catches up. */
int schedule_set_enabled(struct req *r, const struct catalog_schedule *c, bool enabled,
                         struct dh_err *err);
