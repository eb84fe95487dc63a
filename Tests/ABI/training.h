/* A small network, its trainer and six samples: what the tests of the trainer begin with. */
#ifndef CHAINRULE_TEST_TRAINING_H
#define CHAINRULE_TEST_TRAINING_H

#include "support.h"

#define ROWS 6
static float x[ROWS * 4 * 2], y[ROWS * 2 * 2];
static chainrule_model *model;
static chainrule_trainer *trainer;
static chainrule_array in, out;
static uint64_t untrained;

/* After every refusal: the weights are as they were, and nothing counted as a step. */
static inline void unchanged(void) {
  int64_t steps = -1;
  CHECK(test_parameter_hash(model) == untrained);
  SUCCEEDS(chainrule_trainer_step_count(trainer, &steps));
  CHECK_EQUAL(steps, 0);
}

static inline int begin(const char *loss, const char *optimizer) {
  model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "tanh");
  trainer = NULL;
  test_fill(x, ROWS * 4 * 2, 1);
  test_fill(y, ROWS * 2 * 2, 2);
  in = chainrule_matrix(x, ROWS, 4);
  out = chainrule_matrix(y, ROWS, 2);
  untrained = test_parameter_hash(model);
  return SUCCEEDS(chainrule_trainer_create(model, loss, optimizer, &trainer));
}

static inline void end(void) {
  test_probe = NULL;
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

#endif
