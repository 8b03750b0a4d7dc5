#include "components/components.h"
#include <stdio.h>
#include <string.h>
#include "base/nearest.h"
#include "components/steps.h"

static const struct step_spec *const specs[] = {
    &step_download_data,
    &step_train_logistic_regression,
    &step_train_decision_tree,
    &step_train_random_forest,
    &step_train_gradient_boosting,
    &step_search,
    &step_evaluate,
    &step_predict,
    &step_export_onnx,
    &step_model_card,
    &step_draw_tree,
    &step_select_model,
    &step_gate,
    &step_promote,
    &step_reject,
};
enum { N_SPECS = sizeof specs / sizeof *specs };

const struct component_info *components_list(size_t *ret_n)
{
    static struct component_info list[N_SPECS];
    for (size_t i = 0; i < N_SPECS; i++)
        list[i] = (struct component_info){specs[i]->name, specs[i]->help};
    *ret_n = N_SPECS;
    return list;
}

int components_main(int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : "";
    struct nearest nearest = {.word = name};

    for (size_t i = 0; i < N_SPECS; i++)
        if (strcmp(specs[i]->name, name) == 0)
            return step_main(specs[i], argc, argv);
    fprintf(stderr, "dhow component: there is no component '%s'; there are:\n", name);
    for (size_t i = 0; i < N_SPECS; i++) {
        fprintf(stderr, "  %-28s %s\n", specs[i]->name, specs[i]->help);
        nearest_try(&nearest, specs[i]->name);
    }
    if (nearest.best)
        fprintf(stderr, "did you mean '%s'?\n", nearest.best);
    return 2;
}
