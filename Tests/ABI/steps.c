/*
 * A training step allocates nothing: counted for every layer, operation, loss and optimizer, in the networks of
 * the oracle's cases. Usage: steps FOLDER, where FOLDER is Tests/Oracle/values.
 */
#include "interpose.h"

#include "oracle_networks.h"

enum { WARM = 3, STEPS = 3, MOST_KINDS = 400 };
static OracleCase current;
static int counted[6][MOST_KINDS]; /* cases in which a kind's steps were counted */

static void meet(chainrule_group group, const char *text) {
  size_t index, length = strcspn(text, " ;");
  const char *kind;
  for (index = 0; index < MOST_KINDS && (kind = chainrule_catalog_kind(group, index)) != NULL; index++)
    if (strlen(kind) == length && strncmp(kind, text, length) == 0) counted[group][index]++;
}

/* Whether the steps went well; numbers that are not finite do not. */
static int count_steps(chainrule_model *model, const char *loss, const char *optimizer, const chainrule_array *x, const chainrule_array *y,
                       const chainrule_array *weight) {
  chainrule_trainer *trainer = NULL;
  chainrule_status worst = CHAINRULE_OK;
  double value;
  int i;
  if (!SUCCEEDS(chainrule_trainer_create(model, loss, optimizer, &trainer))) return 0;
  for (i = 0; i < WARM && worst == CHAINRULE_OK; i++) worst = chainrule_trainer_step(trainer, x, y, weight, &value);
  if (worst == CHAINRULE_OK) {
    interpose_count(1);
    for (i = 0; i < STEPS && worst == CHAINRULE_OK; i++) worst = chainrule_trainer_step(trainer, x, y, weight, &value);
    interpose_count(0);
    CHECK_EQUAL(worst, CHAINRULE_OK);
    CHECK_EQUAL(interpose_calls, 0);
  } else if (worst != CHAINRULE_NON_FINITE) {
    test_fail(__FILE__, __LINE__, "%s", chainrule_last_error()->message);
  }
  chainrule_trainer_free(trainer);
  return worst == CHAINRULE_OK;
}

static chainrule_array target_array(int index) {
  const char *name = current.target_kinds[index];
  return oracle_array(&current.targets[index], strcmp(name, "int32") == 0   ? CHAINRULE_INT32
                                               : strcmp(name, "int64") == 0 ? CHAINRULE_INT64
                                                                            : CHAINRULE_FLOAT32);
}

static void layers(void) {
  chainrule_node outputs[ORACLE_MOST];
  chainrule_array x[ORACLE_MOST];
  int count, i;
  chainrule_model *model = oracle_network(&current, outputs, &count);
  for (i = 0; i < current.input_count; i++) x[i] = oracle_array(&current.inputs[i], current.inputs[i].whole ? CHAINRULE_INT32 : CHAINRULE_FLOAT32);
  if (oracle_minimise(model, outputs, count, NULL, 0) && count_steps(model, "none", "sgd lr=1e-30", x, NULL, NULL))
    for (i = 0; i < current.node_count; i++) meet(CHAINRULE_LAYERS, current.nodes[i][0]);
  for (i = 0; i < current.input_count; i++) free(x[i].data);
  chainrule_model_free(model);
}

/* The predictions are inputs of the model. */
static void losses(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node outputs[ORACLE_FEW];
  chainrule_array x[ORACLE_FEW], y[ORACLE_FEW], weight;
  int i, axis;
  for (i = 0; i < current.prediction_count; i++) {
    char shape[100] = "shape=";
    for (axis = 1; axis < current.predictions[i].rank; axis++)
      snprintf(shape + strlen(shape), sizeof shape - strlen(shape), axis > 1 ? ",%d" : "%d", (int)current.predictions[i].shape[axis]);
    outputs[i] = oracle_add(model, "input", shape, NULL, 0, 0);
    x[i] = oracle_array(&current.predictions[i], CHAINRULE_FLOAT32);
  }
  for (i = 0; i < current.target_count; i++) y[i] = target_array(i);
  if (current.has_weight) weight = oracle_array(&current.weight, CHAINRULE_FLOAT32);
  SUCCEEDS(chainrule_model_set_outputs(model, outputs, (size_t)current.prediction_count));
  if (count_steps(model, current.loss, "sgd lr=1e-30", x, current.target_count ? y : NULL, current.has_weight ? &weight : NULL))
    meet(CHAINRULE_LOSSES, current.loss);
  for (i = 0; i < current.prediction_count; i++) free(x[i].data);
  for (i = 0; i < current.target_count; i++) free(y[i].data);
  if (current.has_weight) free(weight.data);
  chainrule_model_free(model);
}

static void optimizers(void) {
  chainrule_node outputs[ORACLE_MOST];
  int count;
  chainrule_model *model = oracle_network(&current, outputs, &count);
  chainrule_array x = oracle_array(&current.inputs[0], CHAINRULE_FLOAT32), y = target_array(0);
  if (count_steps(model, current.loss, current.optimizer, &x, &y, NULL)) meet(CHAINRULE_OPTIMIZERS, current.optimizer);
  free(x.data);
  free(y.data);
  chainrule_model_free(model);
}

static void steps_of_file(void) {
  while (oracle_read(oracle_file, &current)) {
    test_case_part = current.name;
    if (current.optimizer[0]) optimizers();
    else if (current.loss[0]) losses();
    else layers();
    oracle_free(&current);
  }
}

/* Kinds whose outputs are whole numbers, on which no loss depends. */
static void every_kind_was_counted(void) {
  static const char *const whole = " none argmax argmin argsort any all ";
  static const chainrule_group groups[3] = {CHAINRULE_LAYERS, CHAINRULE_LOSSES, CHAINRULE_OPTIMIZERS};
  const char *kind;
  size_t g, index;
  for (g = 0; g < 3; g++)
    for (index = 0; (kind = chainrule_catalog_kind(groups[g], index)) != NULL; index++) {
      char word[60];
      snprintf(word, sizeof word, " %s ", kind);
      if (counted[groups[g]][index] == 0 && strstr(whole, word) == NULL) test_fail(__FILE__, __LINE__, "no step was counted for %s", kind);
    }
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "Tests/Oracle/values";
  TEST_MAIN("steps");
  oracle_run_files(folder, steps_of_file);
  RUN(every_kind_was_counted);
  return test_finish();
}
