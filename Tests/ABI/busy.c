/* One trainer or model wanted by several threads: what changes a handle in use is told so at once. */
#include "together.h"

static void *change_rate(void *unused) {
  double lr = 0;
  int i;
  (void)unused;
  for (i = 0; i < rounds; i++) {
    chainrule_status status = chainrule_trainer_set_lr(trainer, 1e-4 * (1 + i % 2));
    if (status != CHAINRULE_OK && status != CHAINRULE_BUSY) add(&wrong, 1);
    status = chainrule_trainer_get_lr(trainer, &lr);
    if (status != CHAINRULE_OK && status != CHAINRULE_BUSY) add(&wrong, 1);
  }
  return NULL;
}

static void learning_rate_changes_meanwhile(void) {
  begin(&trainer);
  together(step_often, change_rate, 2);
  CHECK_EQUAL(wrong, 0);
  CHECK_EQUAL(answered_ok + answered_busy, rounds);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

static chainrule_trainer *rival;
static void *step_rival(void *unused) {
  int i;
  (void)unused;
  for (i = 0; i < rounds; i++) count(chainrule_trainer_step(rival, &in, &out, NULL, NULL));
  return NULL;
}

/* Two trainers change one model: never both at once. */
static void two_trainers_on_one_model(void) {
  int64_t first = 0, second = 0;
  begin(&trainer);
  REQUIRE_OK(chainrule_trainer_create(model, "l1", "sgd lr=0.01", &rival));
  together(step_often, step_rival, 2);
  CHECK_EQUAL(wrong, 0);
  SUCCEEDS(chainrule_trainer_step_count(trainer, &first));
  SUCCEEDS(chainrule_trainer_step_count(rival, &second));
  CHECK_EQUAL(first + second, answered_ok);
  chainrule_trainer_free(rival);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* A fit that waits in its callback, so that the other thread certainly meets it. */
static int tried;
static int32_t hold(void *user, const chainrule_progress *progress) {
  struct timespec pause = {0, 1000000};
  int i;
  (void)user, (void)progress;
  add(&running, 1);
  for (i = 0; i < 20000 && read_counter(&tried) == 0; i++) nanosleep(&pause, NULL);
  return CHAINRULE_STOP;
}

static void *fit_and_hold(void *unused) {
  chainrule_fit_options options = test_fit_options(3, 16);
  (void)unused;
  options.on_batch = hold;
  count(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  return NULL;
}

static void *meddle(void *unused) {
  struct timespec pause = {0, 1000000};
  float p[ROWS * OUTPUTS], bias[128] = {0};
  double values[2], lr = 0;
  chainrule_array prediction = chainrule_matrix(p, ROWS, OUTPUTS), array = chainrule_vector(bias, 128);
  chainrule_status status;
  (void)unused;
  while (read_counter(&running) == 0) nanosleep(&pause, NULL);
  FAILS(CHAINRULE_BUSY, chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  FAILS(CHAINRULE_BUSY, chainrule_trainer_fit(trainer, &in, &out, NULL, NULL));
  FAILS(CHAINRULE_BUSY, chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 2, NULL));
  FAILS(CHAINRULE_BUSY, chainrule_trainer_save(trainer, "never-written"));
  FAILS(CHAINRULE_BUSY, chainrule_trainer_set_metrics(trainer, "mae"));
  FAILS(CHAINRULE_BUSY, chainrule_trainer_set_seed(trainer, 1));
  FAILS(CHAINRULE_BUSY, chainrule_model_set_parameter(model, "0.bias", &array));
  FAILS(CHAINRULE_BUSY, chainrule_model_initialize(model, 1));
  FAILS_ONE_OF(BIT(CHAINRULE_BUSY) | BIT(CHAINRULE_STATE), chainrule_model_add(model, "relu", "", NULL));
  status = chainrule_model_predict(model, &in, &prediction);
  if (status != CHAINRULE_OK && status != CHAINRULE_BUSY) add(&wrong, 1);
  status = chainrule_trainer_get_lr(trainer, &lr);
  if (status != CHAINRULE_OK && status != CHAINRULE_BUSY) add(&wrong, 1);
  add(&tried, 1);
  return NULL;
}

static void busy_while_fitting(void) {
  uint64_t before;
  begin(&trainer);
  before = test_parameter_hash(model);
  tried = 0;
  together(fit_and_hold, meddle, 2);
  CHECK_EQUAL(wrong, 0);
  CHECK_EQUAL(answered_ok, 1);
  CHECK(test_parameter_hash(model) != before);
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(int argc, char **argv) {
  TEST_MAIN("busy");
  if (argc > 1) rounds = atoi(argv[1]);
  RUN(learning_rate_changes_meanwhile);
  RUN(two_trainers_on_one_model);
  RUN(busy_while_fitting);
  return test_finish();
}
