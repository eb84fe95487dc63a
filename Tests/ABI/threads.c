/*
 * Several threads at once. Written as race tests: under the thread sanitizer every pair of calls that
 * may meet does meet. What only reads runs side by side; what changes a handle in use answers
 * CHAINRULE_BUSY at once and never waits or tears.
 */
#include "together.h"

static float expected[ROWS * OUTPUTS];

static void *predict_often(void *unused) {
  float p[ROWS * OUTPUTS];
  chainrule_array prediction = chainrule_matrix(p, ROWS, OUTPUTS);
  int i;
  (void)unused;
  for (i = 0; i < rounds; i++) {
    chainrule_status status = chainrule_model_predict(model, &in, &prediction);
    count(status);
    if (status == CHAINRULE_OK && memcmp(p, expected, sizeof p) != 0) add(&wrong, 1);
  }
  return NULL;
}

static void predicting_at_once(void) {
  chainrule_array prediction = chainrule_matrix(expected, ROWS, OUTPUTS);
  begin(NULL);
  REQUIRE_OK(chainrule_model_predict(model, &in, &prediction));
  together(predict_often, predict_often, 4);
  CHECK_EQUAL(wrong, 0);
  CHECK_EQUAL(answered_busy, 0); /* they only read */
  CHECK_EQUAL(answered_ok, 4 * rounds);
  chainrule_model_free(model);
}

static int arrived;
/* Waits for the others, so that all make their first call at once. */
static void *predict_first(void *index) {
  float p[ROWS * OUTPUTS];
  chainrule_array prediction = chainrule_matrix(p, ROWS, OUTPUTS);
  chainrule_tensor_info info;
  size_t i;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  add(&arrived, 1);
  while (read_counter(&arrived) < 4) continue;
  if ((intptr_t)index < 2) {
    count(chainrule_model_predict(model, &in, &prediction));
    if (memcmp(p, expected, sizeof p) != 0) add(&wrong, 1);
  } else {
    for (i = 0; i < 4; i++) count(chainrule_model_parameter_info(model, i, &info));
  }
  return NULL;
}

/* The parameters are made by whoever needs them first. */
static void first_predictions_at_once(void) {
  chainrule_array prediction = chainrule_matrix(expected, ROWS, OUTPUTS);
  int i;
  begin(NULL);
  REQUIRE_OK(chainrule_model_predict(model, &in, &prediction));
  chainrule_model_free(model);
  for (i = 0; i < rounds / 4 && !test_case_failures; i++) {
    begin(NULL);
    arrived = 0;
    together(predict_first, predict_first, 4);
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(answered_busy, 0);
    chainrule_model_free(model);
  }
}

static void stepping_at_once(void) {
  int64_t steps = 0;
  begin(&trainer);
  together(step_often, step_often, 3);
  CHECK_EQUAL(wrong, 0);
  CHECK(answered_ok >= 1);
  REQUIRE_OK(chainrule_trainer_step_count(trainer, &steps));
  CHECK_EQUAL(steps, answered_ok);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

static void *read_often(void *unused) {
  float p[ROWS * OUTPUTS], weight[128 * FEATURES];
  chainrule_array prediction = chainrule_matrix(p, ROWS, OUTPUTS), array = chainrule_matrix(weight, 128, FEATURES);
  size_t length = 0;
  char text[2000];
  int i, k;
  (void)unused;
  for (i = 0; i < rounds; i++) {
    chainrule_status status = chainrule_model_predict(model, &in, &prediction);
    count(status);
    if (status == CHAINRULE_OK)
      for (k = 0; k < ROWS * OUTPUTS; k++)
        if (!isfinite(p[k])) add(&wrong, 1);
    count(chainrule_model_get_parameter(model, "0.weight", &array));
    count(chainrule_model_summary(model, text, sizeof text, NULL));
    count(chainrule_model_serialize(model, NULL, 0, &length));
  }
  return NULL;
}

static void training_while_others_read(void) {
  begin(&trainer);
  together(step_often, read_often, 3);
  CHECK_EQUAL(wrong, 0);
  CHECK(answered_ok > 0);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

static uint64_t hashes[8];
static void *train_alone(void *index) {
  chainrule_model *own = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 128, OUTPUTS, "gelu");
  chainrule_trainer *stepper = NULL;
  int i;
  count(chainrule_trainer_create(own, "mse", "adam lr=0.001", &stepper));
  for (i = 0; i < rounds / 4; i++) count(chainrule_trainer_step(stepper, &in, &out, NULL, NULL));
  hashes[(intptr_t)index] = test_parameter_hash(own);
  chainrule_trainer_free(stepper);
  chainrule_model_free(own);
  return NULL;
}

/* Everyone has a model; the team of threads is shared. */
static void models_of_their_own(void) {
  int i;
  begin(NULL);
  together(train_alone, train_alone, 1);
  hashes[7] = hashes[0];
  together(train_alone, train_alone, 4);
  CHECK_EQUAL(wrong, 0);
  CHECK_EQUAL(answered_busy, 0);
  for (i = 0; i < 4; i++) CHECK(hashes[i] == hashes[7]);
  chainrule_model_free(model);
}

static void *pass_alone(void *index) {
  chainrule_context *context = NULL;
  float gradient[128 * FEATURES];
  chainrule_array array = chainrule_matrix(gradient, 128, FEATURES);
  int i;
  count(chainrule_context_create(model, &context));
  for (i = 0; i < rounds / 4; i++) {
    count(chainrule_context_forward(context, &in, 1));
    count(chainrule_context_backward(context, &out));
  }
  count(chainrule_context_gradient(context, "0.weight", &array));
  hashes[(intptr_t)index] = test_hash(TEST_HASH_START, gradient, sizeof gradient);
  chainrule_context_free(context);
  return NULL;
}

static void contexts_of_their_own(void) {
  int i;
  begin(NULL);
  together(pass_alone, pass_alone, 1);
  hashes[7] = hashes[0];
  together(pass_alone, pass_alone, 4);
  CHECK_EQUAL(wrong, 0);
  CHECK_EQUAL(answered_busy, 0);
  for (i = 0; i < 4; i++) CHECK(hashes[i] == hashes[7]);
  chainrule_model_free(model);
}

static chainrule_context *shared;
static void *pass_shared(void *unused) {
  float p[ROWS * OUTPUTS];
  chainrule_array prediction = chainrule_matrix(p, ROWS, OUTPUTS);
  int i;
  (void)unused;
  for (i = 0; i < rounds; i++) {
    count(chainrule_context_forward(shared, &in, 1));
    count(chainrule_context_output(shared, 0, &prediction));
    count(chainrule_context_zero_gradients(shared));
  }
  return NULL;
}

static void one_context_for_two(void) {
  begin(NULL);
  REQUIRE_OK(chainrule_context_create(model, &shared));
  REQUIRE_OK(chainrule_context_forward(shared, &in, 1));
  together(pass_shared, pass_shared, 2);
  CHECK_EQUAL(wrong, 0);
  SUCCEEDS(chainrule_context_forward(shared, &in, 1));
  chainrule_context_free(shared);
  chainrule_model_free(model);
}

static void *change_thread_count(void *unused) {
  int i;
  (void)unused;
  for (i = 0; i < rounds; i++) count(chainrule_set_num_threads(1 + i % 3));
  return NULL;
}

static void thread_count_changes_meanwhile(void) {
  int before = chainrule_get_num_threads();
  begin(NULL);
  together(train_alone, train_alone, 1);
  hashes[7] = hashes[0];
  together(change_thread_count, train_alone, 3);
  CHECK_EQUAL(wrong, 0);
  CHECK(hashes[1] == hashes[7] && hashes[2] == hashes[7]);
  SUCCEEDS(chainrule_set_num_threads(before));
  chainrule_model_free(model);
}

/* The team sleeps when there is nothing to do. */
static void idle_costs_nothing(void) {
  struct timespec before, after, pause = {0, 300000000}, settle = {0, 50000000};
  double used;
  begin(&trainer);
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  nanosleep(&settle, NULL);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  nanosleep(&pause, NULL);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  used = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
  CHECK_NEAR(used, 0, 0.01);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(int argc, char **argv) {
  TEST_MAIN("threads");
  if (argc > 1) rounds = atoi(argv[1]);
  RUN(predicting_at_once);
  RUN(first_predictions_at_once);
  RUN(stepping_at_once);
  RUN(training_while_others_read);
  RUN(models_of_their_own);
  RUN(contexts_of_their_own);
  RUN(one_context_for_two);
  RUN(thread_count_changes_meanwhile);
  RUN(idle_costs_nothing);
  return test_finish();
}
