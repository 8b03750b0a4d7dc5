/* dhow/rows.h - the table that says what a component takes and gives: X(kind, name, detail, help).
 *
 * The same table serves the program (dhow/component.h) and the pipeline that runs it
 * (dhow/pipeline.h), so it may stand in a header of its own that both include. */
#ifndef DHOW_ROWS_H
#define DHOW_ROWS_H

/* One row:
 *
 * name    an identifier: the field, the KFP input or output, and (with '-' or '_') the option.
 * detail  parameters: the default as text, DHOW_REQUIRED, or "" (optional, none; of a TEXT: "" is
 *         its default in a pipeline, and DHOW_OPTIONAL says that there is none);
 *         artifacts: the type, as "system.Dataset"; output parameters: "".
 * help    one line.
 *
 * kind               field                     value
 * TEXT               const char *              UTF-8; "" where none was given
 * INTEGER            int64_t                   0 where none was given
 * NUMBER             double                    NaN where none was given
 * BOOL               bool
 * LIST, STRUCT       const char *              JSON text of an array, of an object
 * FINAL_STATUS       const char *              JSON text: how what an exit task waits for has ended
 * INPUT              struct dhow_artifact      must be given
 * OPTIONAL_INPUT     struct dhow_artifact      path "" where it was not given
 * INPUTS             struct dhow_artifacts     a list of them
 * OUTPUT             struct dhow_artifact      write a file, or a folder, at .path
 * OUTPUT_TEXT, …     as the parameter's        assign it; written when the function returns 0
 *   _INTEGER, _NUMBER, _BOOL, _LIST, _STRUCT
 * OUTPUTS            -                         a list of artifacts; pipelines alone give one */
#define DHOW_REQUIRED ((const char *)0)
#define DHOW_OPTIONAL dhow__optional
static const char dhow__optional[] = ""; /* known by its address */

/* The types that KFP's SDK knows, for `detail`. Any "namespace.Name" is one. */
#define DHOW_ARTIFACT "system.Artifact"
#define DHOW_DATASET "system.Dataset"
#define DHOW_MODEL "system.Model"
#define DHOW_METRICS "system.Metrics"
#define DHOW_CLASSIFICATION_METRICS "system.ClassificationMetrics"
#define DHOW_HTML "system.HTML"
#define DHOW_MARKDOWN "system.Markdown"

enum dhow__kind {
    DHOW__TEXT,
    DHOW__INTEGER,
    DHOW__NUMBER,
    DHOW__BOOL,
    DHOW__LIST,
    DHOW__STRUCT,
    DHOW__FINAL_STATUS,
    DHOW__INPUT,
    DHOW__OPTIONAL_INPUT,
    DHOW__INPUTS,
    DHOW__OUTPUT,
    DHOW__OUTPUT_TEXT, /* in the order of the parameters above */
    DHOW__OUTPUT_INTEGER,
    DHOW__OUTPUT_NUMBER,
    DHOW__OUTPUT_BOOL,
    DHOW__OUTPUT_LIST,
    DHOW__OUTPUT_STRUCT,
    DHOW__OUTPUTS
};

#endif
