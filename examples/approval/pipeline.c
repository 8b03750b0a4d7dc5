/* approval - nothing is deployed before a person has said so.
 *
 *     dhow compile examples/approval/pipeline.c -o approval.yaml
 *     dhow run --detach approval.yaml
 *     dhow approvals                          # what waits, and for what
 *     dhow approve last/ask --reason "looks right" */
#include <dhow/pipeline.h>

#define BUILD(X) X(OUTPUT, package, DHOW_ARTIFACT, "what is to be deployed")
DHOW_CONTAINER(build, "Builds something", BUILD, .image = "alpine:3",
               .command = {"sh", "-c", "echo package >\"$0\""},
               .args = {DHOW_OUTPUT_PATH("package")})

/* The image says that a person answers; the answers are output parameters. */
#define ASK(X) X(OUTPUT_TEXT, decision, "", "YES or NO")
DHOW_CONTAINER(ask, "Asks a person", ASK, .image = "kfp://human-input",
               .args = {"{\"decision\": {\"description\": \"Deploy it?\", \"default\": \"NO\", "
                        "\"enum\": [\"YES\", \"NO\"]}}"})

#define DEPLOY(X) X(INPUT, package, DHOW_ARTIFACT, "") X(OUTPUT_TEXT, where, "", "where it is now")
DHOW_CONTAINER(deploy, "Deploys it", DEPLOY, .image = "alpine:3",
               .command = {"sh", "-c", "echo \"production: $(cat \"$0\")\" >\"$1\""},
               .args = {DHOW_INPUT_PATH("package"), DHOW_OUTPUT_FILE("where")})

#define NONE(X)
DHOW_PIPELINE(approval, "approval", "Deploys what a person has approved", NONE)
{
    struct build_task built = DHOW_RUN(build);
    struct ask_task answer = DHOW_RUN(ask);

    dhow_after(answer, built);
    dhow_caching(answer, false);
    DHOW_IF(dhow_eq(answer.decision, dhow_v("YES")), "approved")
    {
        DHOW_RUN(deploy, .package = built.package);
    }
}
DHOW_MAIN(approval)
