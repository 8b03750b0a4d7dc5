/* db: addresses, and SQL in other databases' words. Without a database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/own.h"
#include "store/db-dialect.h"

static void urls(void **state)
{
    static const struct {
        const char *text, *user, *password, *host, *database, *shown;
        unsigned port;
    } cases[] = {
        {"postgresql://h/d", NULL, NULL, "h", "d", "postgresql://h/d", 0},
        {"postgres://u@h:5/d", "u", NULL, "h", "d", "postgres://u@h:5/d", 5},
        {"mysql://u:p@h:3306/d", "u", "p", "h", "d", "mysql://u@h:3306/d", 3306},
        {"mariadb://u:p%40%2F%3a@h/d", "u", "p@/:", "h", "d", "mariadb://u@h/d", 0},
        {"mysql://u:a@b@h/d", "u", "a@b", "h", "d", "mysql://u@h/d", 0},
        {"mysql://u:@h/d", "u", NULL, "h", "d", "mysql://u@h/d", 0},
        {"postgresql:///d?host=/run/postgresql", NULL, NULL, NULL, "d",
         "postgresql:///d?host=/run/postgresql", 0},
        {"postgresql://[::1]:7/d", NULL, NULL, "::1", "d", "postgresql://[::1]:7/d", 7},
        {"mysql://h/d?password=x&ssl-ca=/f", NULL, NULL, "h", "d", "mysql://h/d?ssl-ca=/f", 0},
        {"postgresql://h", NULL, NULL, "h", NULL, "postgresql://h", 0},
    };
    static const char *const wrong[] = {"mysql://h:x/d",  "mysql://h:99999/d", "mysql://h/%4",
                                        "mysql://h/%00d", "mysql://h/d?a",     "mysql://h/d?=b",
                                        "http://h/d"};
    struct dh_err err;
    struct db_url url;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *shown = db_url_shown(cases[i].text);
        const char *const wanted[] = {cases[i].user, cases[i].password, cases[i].host,
                                      cases[i].database};

        assert_true(db_url_is(cases[i].text));
        assert_string_equal(shown, cases[i].shown);
        if (db_url_parse(cases[i].text, &url, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        const char *const got[] = {url.user, url.password, url.host, url.database};

        for (size_t k = 0; k < 4; k++)
            if (!wanted[k] != !got[k] || (wanted[k] && strcmp(wanted[k], got[k]) != 0))
                fail_msg("%s: part %zu is %s", cases[i].text, k, got[k] ? got[k] : "not there");
        assert_int_equal(url.port, cases[i].port);
        db_url_done(&url);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (db_url_parse(wrong[i], &url, &err) == 0 || err.code != DH_INVALID)
            fail_msg("%s is taken", wrong[i]);
    assert_false(db_url_is("/a/dhow.db"));
    assert_false(db_url_is("mysql"));
}

static void nothing_of_a_password_is_shown(void **state)
{
    static const char *const texts[] = {
        "mysql://u:SECRET@h/d",           "mysql://u:SECRET/x@h/d",
        "mysql://u:SECRET?x@h/d",         "mysql://u:S@SECRET@h:x/d",
        "postgresql://u:SECRET@",         "postgresql://:SECRET@h",
        "postgresql://h?password=SECRET", "postgresql://h/d?a=b&sslpassword=SECRET&c=d"};
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        own_mem char *shown = db_url_shown(texts[i]);

        if (strstr(shown, "SECRET"))
            fail_msg("%s is shown as %s", texts[i], shown);
    }
}

static bool long_text(void *user, const char *table, const char *column)
{
    (void)user;
    return !strcmp(table, "t") && !strcmp(column, "uri");
}

static const struct db_dialect postgres = {.server = DB_POSTGRES};
static const struct db_dialect mysql = {
    .server = DB_MYSQL, .collation = "c", .long_text = long_text};

static void translations(void **state)
{
    static const struct {
        const char *sql, *postgres, *mysql;
        bool with_id;
    } cases[] = {
        {"SELECT a, count(*) FROM t WHERE b = ? AND c IN ('?', ?)",
         "SELECT \"a\", count(*) FROM \"t\" WHERE \"b\" = $1 AND \"c\" IN ('?', $2)",
         "SELECT `a`, count(*) FROM `t` WHERE `b` = ? AND `c` IN ('?', ?)", false},
        {"SELECT l.key FROM Type l -- a ? in a comment\n WHERE x = 'it''s ?'",
         "SELECT \"l\".\"key\" FROM Type \"l\" WHERE \"x\" = 'it''s ?'",
         "SELECT `l`.`key` FROM `Type` `l` WHERE `x` = 'it''s ?'", false},
        {"INSERT INTO t(a, b) VALUES (?, ?)",
         "INSERT INTO \"t\"(\"id\", \"a\", \"b\") VALUES ($1, $2, $3)",
         "INSERT INTO `t`(`id`, `a`, `b`) VALUES (?, ?, ?)", true},
        {"INSERT INTO t(a) SELECT ? WHERE 1 = 1",
         "INSERT INTO \"t\"(\"id\", \"a\") SELECT $1 + row_number() OVER (), $2 WHERE 1 = 1",
         "INSERT INTO `t`(`id`, `a`) SELECT ? + row_number() OVER (), ? WHERE 1 = 1", true},
        {"INSERT INTO t(a, b) VALUES (?, ?) ON CONFLICT(a) DO NOTHING",
         "INSERT INTO \"t\"(\"a\", \"b\") VALUES ($1, $2) ON CONFLICT(\"a\") DO NOTHING",
         "INSERT INTO `t`(`a`, `b`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `a` = `a`", false},
        {"INSERT INTO t(a, b) VALUES (?, ?) ON CONFLICT(a, c) DO UPDATE SET b = excluded.b",
         "INSERT INTO \"t\"(\"a\", \"b\") VALUES ($1, $2) ON CONFLICT(\"a\", \"c\") DO UPDATE SET "
         "\"b\" = \"excluded\".\"b\"",
         "INSERT INTO `t`(`a`, `b`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `b` = VALUES(`b`)",
         false},
        {"SELECT CAST(a AS INTEGER), CAST(b AS TEXT), (c) / 1000, rtrim(d, '/'), instr(e, 'x')",
         "SELECT CAST(\"a\" AS BIGINT), CAST(\"b\" AS TEXT), (\"c\") / 1000, rtrim(\"d\", '/'), "
         "strpos(\"e\", 'x')",
         "SELECT CAST(`a` AS SIGNED), CAST(`b` AS CHAR), (`c`) DIV 1000, TRIM(TRAILING '/' FROM "
         "`d`), instr(`e`, 'x')",
         false},
        {"CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, u TEXT NOT NULL UNIQUE, "
         "r INTEGER REFERENCES run(id) ON DELETE CASCADE, x TEXT, n DOUBLE PRECISION)",
         "CREATE TABLE \"t\"(\"id\" BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, \"u\" "
         "TEXT "
         "COLLATE \"C\" NOT NULL UNIQUE, \"r\" BIGINT REFERENCES \"run\"(\"id\") ON DELETE CASCADE "
         "DEFERRABLE, \"x\" TEXT COLLATE \"C\", \"n\" DOUBLE PRECISION)",
         "CREATE TABLE `t`(`id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, `u` VARCHAR(700) NOT "
         "NULL UNIQUE, `r` BIGINT, `x` LONGTEXT, `n` DOUBLE PRECISION, FOREIGN KEY (`r`) "
         "REFERENCES `run`(`id`) ON DELETE CASCADE) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE c",
         false},
        {"CREATE TABLE t(a TEXT NOT NULL, b TEXT, c VARCHAR(9), PRIMARY KEY(a, b))",
         "CREATE TABLE \"t\"(\"a\" TEXT COLLATE \"C\" NOT NULL, \"b\" TEXT COLLATE \"C\", \"c\" "
         "VARCHAR(9) COLLATE \"C\", PRIMARY KEY(\"a\", \"b\"))",
         "CREATE TABLE `t`(`a` VARCHAR(255) NOT NULL, `b` VARCHAR(255), `c` VARCHAR(9), PRIMARY "
         "KEY(`a`, `b`)) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE c",
         false},
        {"CREATE INDEX i ON t(uri, x) WHERE uri IS NOT NULL",
         "CREATE INDEX \"i\" ON \"t\"(\"uri\", \"x\") WHERE \"uri\" IS NOT NULL",
         "CREATE INDEX `i` ON `t`(`uri`(191), `x`)", false},
        {"ALTER TABLE t ADD COLUMN r INTEGER REFERENCES run(id)",
         "ALTER TABLE \"t\" ADD COLUMN \"r\" BIGINT REFERENCES \"run\"(\"id\") DEFERRABLE",
         "ALTER TABLE `t` ADD COLUMN `r` BIGINT, ADD FOREIGN KEY (`r`) REFERENCES `run`(`id`)",
         false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *p = db_translate(&postgres, cases[i].sql, cases[i].with_id);
        own_mem char *m = db_translate(&mysql, cases[i].sql, cases[i].with_id);

        assert_string_equal(p, cases[i].postgres);
        assert_string_equal(m, cases[i].mysql);
    }
}

static void tables_of_inserts(void **state)
{
    static const struct {
        const char *sql, *table;
        bool select;
    } cases[] = {
        {"INSERT INTO t(a) VALUES (?)", "t", false},
        {"INSERT INTO t(a) SELECT ? FROM x", "t", true},
        {"INSERT INTO t(id, a) VALUES (?, ?)", NULL, false},
        {"INSERT INTO t VALUES (1)", NULL, false},
        {"UPDATE t SET a = 1", NULL, false},
        {"", NULL, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool select = false;
        own_mem char *table = db_insert_table(cases[i].sql, &select);

        assert_int_equal(!table, !cases[i].table);
        if (table)
            assert_string_equal(table, cases[i].table);
        assert_int_equal(select, cases[i].select);
    }
}

static int add(void *user, const struct db_statement *st, struct dh_err *err)
{
    char *to = user;

    (void)err;
    strncat(to, st->sql, 400);
    strncat(to, st->makes ? "!" : st->renames ? ">" : ";", 2);
    return 0;
}

static void scripts(void **state)
{
    static const char script[] =
        "CREATE TABLE a(id INTEGER PRIMARY KEY);; /* a comment */ ALTER TABLE a RENAME TO b;"
        "/* sqlite */ CREATE VIEW v AS SELECT 1; /* postgres */ CREATE VIEW v AS SELECT 2::int;"
        "/* mysql, postgres */ SELECT ';'; INSERT INTO b(x) VALUES (';')";
    own_mem char *ours = db_sqlite_script_of(script);
    char text[4000] = "";
    struct dh_err err;
    (void)state;

    assert_int_equal(db_translate_script(&postgres, script, add, text, &err), 0);
    assert_string_equal(
        text, "CREATE TABLE \"a\"(\"id\" BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)!"
              "ALTER TABLE \"a\" RENAME TO \"b\">CREATE VIEW v AS SELECT 2::int;SELECT ';';"
              "INSERT INTO \"b\"(\"x\") VALUES (';');");
    assert_string_equal(ours, "CREATE TABLE a(id INTEGER PRIMARY KEY);ALTER TABLE a RENAME TO b;"
                              "CREATE VIEW v AS SELECT 1;INSERT INTO b(x) VALUES (';');");
    assert_null(db_sqlite_script_of("SELECT 1; /* no name */ SELECT 2"));
}

static void what_a_script_makes(void **state)
{
    struct db_tables t = {0};
    (void)state;

    db_tables_read(&t,
                   "CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT);"
                   "CREATE TABLE b(p INTEGER NOT NULL REFERENCES a(id) ON DELETE CASCADE, q TEXT,"
                   " PRIMARY KEY(p, q), FOREIGN KEY(q) REFERENCES a(x));"
                   "CREATE TABLE gone(x TEXT); CREATE INDEX i ON a(x)");
    db_tables_read(&t, "ALTER TABLE a RENAME TO c; ALTER TABLE b ADD COLUMN r INTEGER REFERENCES "
                       "c(id); DROP TABLE gone");
    assert_int_equal(t.n, 2);
    assert_string_equal(t.items[0].name, "c");
    assert_true(t.items[0].has_id);
    assert_string_equal(t.items[1].name, "b");
    assert_false(t.items[1].has_id);
    assert_int_equal(t.items[1].n_key, 2);
    assert_string_equal(t.items[1].key[1], "q");
    assert_int_equal(t.items[1].n_references, 3);
    assert_string_equal(t.items[1].references[0].column, "p");
    assert_string_equal(t.items[1].references[0].table, "c");
    assert_string_equal(t.items[1].references[1].column, "q");
    assert_string_equal(t.items[1].references[1].to, "x");
    assert_string_equal(t.items[1].references[2].column, "r");
    db_tables_done(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),         cmocka_unit_test(nothing_of_a_password_is_shown),
        cmocka_unit_test(translations), cmocka_unit_test(tables_of_inserts),
        cmocka_unit_test(scripts),      cmocka_unit_test(what_a_script_makes),
    };

    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
