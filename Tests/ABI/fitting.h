/* A small network, its trainer and fifty samples: what the tests of fit begin with. */
#ifndef CHAINRULE_TEST_FITTING_H
#define CHAINRULE_TEST_FITTING_H

#include "support.h"

#define ROWS 50
static float x[ROWS * 4 * 2], y[ROWS * 2 * 2];
static chainrule_model *model;
static chainrule_trainer *trainer;
static chainrule_array in, out;
static uint64_t untrained;

static inline int begin_with(const char *optimizer, uint64_t seed) {
  model = test_mlp(CHAINRULE_FLOAT32, seed, 4, 8, 2, "tanh");
  trainer = NULL;
  test_fill(x, ROWS * 4 * 2, 1);
  test_fill(y, ROWS * 2 * 2, 2);
  in = chainrule_matrix(x, ROWS, 4);
  out = chainrule_matrix(y, ROWS, 2);
  untrained = test_parameter_hash(model);
  return SUCCEEDS(chainrule_trainer_create(model, "mse", optimizer, &trainer));
}
static inline int begin(void) { return begin_with("sgd lr=0.1", 1); }

static inline void end(void) {
  test_probe = NULL;
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

#endif
