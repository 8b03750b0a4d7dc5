#include "cli/out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- colours ---- */

const char *out_on(bool on, enum out_style style)
{
    static const char *const codes[] = {
        [OUT_PLAIN] = "",         [OUT_BOLD] = "\033[1m",  [OUT_DIM] = "\033[2m",
        [OUT_GREEN] = "\033[32m", [OUT_RED] = "\033[31m",  [OUT_YELLOW] = "\033[33m",
        [OUT_BLUE] = "\033[34m",  [OUT_CYAN] = "\033[36m",
    };

    return on ? codes[style] : "";
}

const char *out_off(bool on)
{
    return on ? "\033[0m" : "";
}

static const struct state_look {
    const char *state, *mark;
    enum out_style style;
} looks[] = {
    {"SUCCEEDED", "✓", OUT_GREEN}, {"CACHED", "=", OUT_CYAN}, {"FAILED", "✗", OUT_RED},
    {"RUNNING", "●", OUT_BLUE},    {"SKIPPED", "-", OUT_DIM}, {"PENDING", "·", OUT_DIM},
    {"CANCELED", "!", OUT_YELLOW},
};

static const struct state_look *look(const char *state)
{
    for (size_t i = 0; state && i < sizeof looks / sizeof *looks; i++)
        if (!strcmp(looks[i].state, state))
            return &looks[i];
    return NULL;
}

enum out_style out_state_style(const char *state)
{
    const struct state_look *l = look(state);

    return l ? l->style : OUT_PLAIN;
}

const char *out_state_mark(const char *state)
{
    const struct state_look *l = look(state);

    return l ? l->mark : " ";
}

/* ---- tables ---- */

struct column {
    char *header;
    int align;
};

struct cell {
    char *text;
    enum out_style style;
};

struct out_table {
    FILE *to;
    bool color;
    struct column *columns;
    size_t n_columns, cap_columns;
    struct cell *cells;
    size_t n_cells, cap_cells;
};

struct out_table *out_table_new(FILE *to, bool color)
{
    struct out_table *table = dh_zalloc(1, sizeof *table);

    table->to = to;
    table->color = color;
    return table;
}

struct out_table *out_table_free(struct out_table *table)
{
    if (!table)
        return NULL;
    for (size_t i = 0; i < table->n_columns; i++)
        free(table->columns[i].header);
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i].text);
    free(table->columns);
    free(table->cells);
    free(table);
    return NULL;
}

void out_column(struct out_table *table, const char *header, int align)
{
    DH_GROW(table->columns, table->n_columns, table->cap_columns);
    table->columns[table->n_columns++] =
        (struct column){.header = dh_strdup(header), .align = align};
}

static void add(struct out_table *table, char *text, enum out_style style)
{
    DH_GROW(table->cells, table->n_cells, table->cap_cells);
    table->cells[table->n_cells++] = (struct cell){.text = text, .style = style};
}

void out_cell(struct out_table *table, const char *text, enum out_style style)
{
    add(table, out_text(text ? text : "", 0), style);
}

void out_cellf(struct out_table *table, const char *fmt, ...)
{
    own_mem char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = dh_vprintf(fmt, ap);
    va_end(ap);
    out_cell(table, text, OUT_PLAIN);
}

void out_cell_state(struct out_table *table, const char *state)
{
    add(table, dh_printf("%s %s", out_state_mark(state), state), out_state_style(state));
}

size_t out_n_rows(const struct out_table *table)
{
    return table->n_columns ? table->n_cells / table->n_columns : 0;
}

/* Blanks are owed until something follows them: no line ends with any. */
static void print_cell(const struct out_table *table, const char *text, enum out_style style,
                       size_t column, size_t width, size_t *owed)
{
    bool right = table->columns[column].align == OUT_RIGHT, colors = table->color && style;
    size_t fill = width - out_width(text);

    if (right)
        *owed += fill;
    if (*text) {
        (void)fprintf(table->to, "%*s%s%s%s", (int)*owed, "", out_on(colors, style), text,
                      out_off(colors));
        *owed = 0;
    }
    *owed += (right ? 0 : fill) + 2;
}

void out_table_print(struct out_table *table, const char *indent)
{
    own_mem size_t *widths = dh_zalloc(table->n_columns, sizeof *widths);
    size_t n_rows = out_n_rows(table), owed = 0;

    for (size_t c = 0; c < table->n_columns; c++) {
        widths[c] = out_width(table->columns[c].header);
        for (size_t r = 0; r < n_rows; r++) {
            size_t w = out_width(table->cells[r * table->n_columns + c].text);

            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
    (void)fputs(indent, table->to);
    for (size_t c = 0; c < table->n_columns; c++)
        print_cell(table, table->columns[c].header, OUT_BOLD, c, widths[c], &owed);
    (void)fputc('\n', table->to);
    for (size_t r = 0; r < n_rows; r++) {
        owed = 0;
        (void)fputs(indent, table->to);
        for (size_t c = 0; c < table->n_columns; c++) {
            const struct cell *cell = &table->cells[r * table->n_columns + c];

            print_cell(table, cell->text, cell->style, c, widths[c], &owed);
        }
        (void)fputc('\n', table->to);
    }
}

/* ---- values ---- */

size_t out_width(const char *text)
{
    size_t n = 0;

    for (const char *c = text; *c; c++)
        n += ((unsigned char)*c & 0xC0) != 0x80;
    return n;
}

char *out_text(const char *text, size_t max)
{
    struct buf b = {0};
    size_t columns = 0, width = max ? out_width(text) : 0;

    for (const char *c = text; *c; c++) {
        bool starts = ((unsigned char)*c & 0xC0) != 0x80;

        if (max && width > max && starts && columns + 1 >= max) {
            buf_adds(&b, "…");
            break;
        }
        columns += starts;
        buf_addc(&b, (unsigned char)*c < 0x20 || *c == 0x7F ? ' ' : *c);
    }
    return buf_take(&b);
}

char *out_value(const struct js *value, size_t max)
{
    own_mem char *text = NULL;

    if (js_is(value, JS_STRING))
        return out_text(js_text(value), max);
    if (js_is(value, JS_REAL))
        return out_number(js_as_num(value, 0));
    text = js_dump(value, JS_PYTHON);
    return out_text(text, max);
}

char *out_number(double number)
{
    char text[64];
    char *point;

    if (number != number || number - number != 0 || number >= 1e15 || number <= -1e15 ||
        (number != 0 && number < 1e-4 && number > -1e-4)) {
        (void)snprintf(text, sizeof text, "%.6g", number);
        return dh_strdup(text);
    }
    (void)snprintf(text, sizeof text, "%.6f", number);
    point = strchr(text, '.');
    for (char *end = text + strlen(text) - 1; end >= point && (*end == '0' || end == point); end--)
        *end = '\0';
    return dh_strdup(text);
}

char *out_bytes(int64_t n)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)n;
    size_t unit = 0;

    if (n < 0)
        return dh_strdup("-");
    if (n < 1024)
        return dh_printf("%lld B", (long long)n);
    for (value /= 1024; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    return dh_printf("%.1f %s", value, units[unit]);
}

char *out_time(int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    char text[64];
    struct tm tm;

    if (us <= 0 || !localtime_r(&seconds, &tm) ||
        !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm))
        return dh_strdup("-");
    return dh_strdup(text);
}

char *out_duration(int64_t from_us, int64_t to_us)
{
    char text[CLOCK_TEXT];

    if (from_us <= 0 || to_us < from_us)
        return dh_strdup("-");
    return dh_strdup(clock_duration(to_us - from_us, text));
}

/* ---- JSON ---- */

void out_json(const struct js *value, FILE *to)
{
    own_buf struct buf b = {0};

    js_write(value, JS_PRETTY, &b);
    buf_addc(&b, '\n');
    (void)fwrite(b.p, 1, b.n, to);
}

void out_set_text(struct js *object, const char *key, const char *text)
{
    js_set(object, key, js_str(text));
}

void out_set_time(struct js *object, const char *key, int64_t us)
{
    char text[CLOCK_TEXT];

    js_set(object, key, us > 0 ? js_str(clock_text(us, text)) : js_null());
}

struct js *out_parse(const char *text, struct js *other)
{
    struct js *value = NULL;

    if (!text || js_parse(text, strlen(text), &value, NULL) < 0)
        return other;
    js_free(other);
    return value;
}
