#pragma once
/* mlmd-priv - SQL that is put together, with its values. */
#include "base/buf.h"
#include "store/mlmd.h"
#include "store/store-priv.h"

enum { MLMD_MAX_VALUES = 64 };
struct mlmd_sql {
    struct buf text;
    struct db_val values[MLMD_MAX_VALUES];
    size_t n;
    struct arena *a; /* texts among the values live here */
};

/* Appends the conditions of ML Metadata's filter language that we take, as " AND …" about `x`:
 *
 *     TERM, joined by AND, OR, NOT, ( )
 *     TERM: FIELD OP LITERAL     OP: = != < <= > >= LIKE; or FIELD IN (LITERAL, …)
 *     FIELD: id, name, type, uri, state, last_known_state, create_time_since_epoch,
 *            last_update_time_since_epoch, external_id,
 *            (custom_)properties.NAME.(int|double|string|bool)_value, NAME in `` where it needs
 * that LITERAL: 'text', "text", number, TRUE, FALSE, or a state's word */
int mlmd_filter(const char *filter, enum mlmd_kind kind, struct mlmd_sql *sql, struct dh_err *err);
