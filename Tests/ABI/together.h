/* Calls from several threads at once, their answers counted. */
#ifndef CHAINRULE_TEST_TOGETHER_H
#define CHAINRULE_TEST_TOGETHER_H

#include <pthread.h>
#include <time.h>

#include "support.h"

#define ROWS 64
#define FEATURES 96
#define OUTPUTS 10
static float x[ROWS * FEATURES], y[ROWS * OUTPUTS];
static chainrule_array in, out;
static chainrule_model *model;
static chainrule_trainer *trainer;
static int rounds = 200;

static inline void begin(chainrule_trainer **made) {
  test_fill(x, ROWS * FEATURES, 1);
  test_fill(y, ROWS * OUTPUTS, 2);
  in = chainrule_matrix(x, ROWS, FEATURES);
  out = chainrule_matrix(y, ROWS, OUTPUTS);
  model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 128, OUTPUTS, "gelu");
  if (made) SUCCEEDS(chainrule_trainer_create(model, "mse", "adam lr=0.001", made));
}

static inline int add(int *counter, int amount) { return __atomic_add_fetch(counter, amount, __ATOMIC_SEQ_CST); }
static inline int read_counter(int *counter) { return __atomic_load_n(counter, __ATOMIC_SEQ_CST); }

static int wrong, answered_ok, answered_busy, running;

static inline void count(chainrule_status status) {
  if (status == CHAINRULE_OK) add(&answered_ok, 1);
  else if (status == CHAINRULE_BUSY) add(&answered_busy, 1);
  else add(&wrong, 1);
}

static inline void together(void *(*first)(void *), void *(*second)(void *), int threads) {
  pthread_t ids[8];
  int i;
  wrong = answered_ok = answered_busy = running = 0;
  for (i = 0; i < threads; i++)
    if (pthread_create(&ids[i], NULL, i == 0 ? first : second, (void *)(intptr_t)i) != 0) exit(3);
  for (i = 0; i < threads; i++) pthread_join(ids[i], NULL);
}

static inline void *step_often(void *unused) {
  int i;
  (void)unused;
  for (i = 0; i < rounds; i++) count(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  return NULL;
}

#endif
