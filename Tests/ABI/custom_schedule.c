/*
 * Schedules of one's own against the library's: by steps and epochs, with warm-up, in sequences, by what is
 * monitored, over checkpoints; and every refusal, after which nothing has changed.
 */
#include "custom.h"

static int user, refuses;
static double gives = NAN; /* instead of the rate, unless NaN */

/* lr gamma^count */
static int32_t power(void *own, const char *attributes, double first_lr, int64_t count, double monitored, double *lr) {
  (void)monitored;
  CHECK(own == &user && count >= 0 && isnan(*lr));
  *lr = gives == gives ? gives : first_lr * pow(number_of(attributes, "gamma"), (double)count);
  return refuses;
}

/* The value monitored last is the rate. */
static int32_t follow(void *own, const char *attributes, double first_lr, int64_t count, double monitored, double *lr) {
  (void)own;
  CHECK(attributes[0] == 0 && (count == 0 || !isnan(monitored)));
  *lr = isnan(monitored) ? first_lr : monitored;
  return 0;
}

static chainrule_schedule_definition own_schedule(void) {
  chainrule_schedule_definition definition;
  memset(&definition, 0, sizeof definition);
  definition.struct_size = sizeof definition;
  definition.attributes = "gamma=0.9";
  definition.documentation = "a test's own schedule";
  definition.user = &user;
  definition.rate = power;
  return definition;
}

static void registers(void) {
  chainrule_schedule_definition definition;
  REFUSES_REGISTRATIONS(chainrule_register_schedule, definition, own_schedule, "cosine", "per=step");
  definition.attributes = "warmup=1";
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_register_schedule("test_other", &definition));
  definition = own_schedule(), definition.rate = NULL;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_schedule("test_other", &definition));
  definition = own_schedule();
  REQUIRE_OK(chainrule_register_schedule("test_power", &definition));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_schedule("test_power", &definition));
  definition.counts_steps = 1;
  REQUIRE_OK(chainrule_register_schedule("test_steps", &definition));
  definition.attributes = NULL, definition.counts_steps = 0, definition.rate = follow;
  REQUIRE_OK(chainrule_register_schedule("test_follow", &definition));
  test_in_catalog(CHAINRULE_SCHEDULES, "test_power", "gamma", "0.9");
  test_in_catalog(CHAINRULE_SCHEDULES, "test_power", "warmup", "0");
}

static chainrule_trainer *number(chainrule_model **model) {
  chainrule_trainer *trainer = NULL;
  *model = test_model(CHAINRULE_FLOAT64, 0);
  test_add(*model, "parameter", "shape=1 value=1 name=p");
  test_add(*model, "pow", "value=2");
  test_add(*model, "sum", "");
  SUCCEEDS(chainrule_trainer_create(*model, "none", "sgd lr=0.1", &trainer));
  return trainer;
}

static double rate(const chainrule_trainer *trainer) {
  double lr = NAN;
  SUCCEEDS(chainrule_trainer_get_lr(trainer, &lr));
  return lr;
}

/* Both texts give the same rates over 30 steps, 3 of which are an epoch; checkpoints in between change nothing. */
static void same(const char *own, const char *built_in) {
  chainrule_model *models[2];
  chainrule_trainer *trainers[2];
  int i, k;
  for (k = 0; k < 2; k++) {
    trainers[k] = number(&models[k]);
    REQUIRE_OK(chainrule_trainer_set_schedule(trainers[k], k ? built_in : own));
  }
  for (i = 0; i < 30; i++) {
    double lr = rate(trainers[1]);
    if (!(fabs(rate(trainers[0]) - lr) <= 1e-15))
      test_fail(__FILE__, __LINE__, "%s after %d: %.17g, and %s %.17g", own, i, rate(trainers[0]), built_in, lr);
    for (k = 0; k < 2; k++) {
      REQUIRE_OK(chainrule_trainer_step(trainers[k], NULL, NULL, NULL, NULL));
      if (i % 3 == 2) REQUIRE_OK(chainrule_trainer_end_epoch(trainers[k], 0.5));
    }
    if (i % 7 != 3) continue;
    REQUIRE_OK(chainrule_trainer_save(trainers[0], test_path("schedule")));
    chainrule_trainer_free(trainers[0]), chainrule_model_free(models[0]);
    models[0] = NULL, trainers[0] = NULL;
    REQUIRE_OK(chainrule_trainer_load(test_path("schedule"), &models[0], &trainers[0]));
  }
  for (k = 0; k < 2; k++) chainrule_trainer_free(trainers[k]), chainrule_model_free(models[k]);
}

static void rates(void) {
  same("test_power", "exponential gamma=0.9");
  same("test_power gamma=0.5 per=step", "exponential gamma=0.5 per=step");
  same("test_steps", "exponential gamma=0.9 per=step");
  same("test_steps per=epoch", "exponential gamma=0.9");
  same("test_steps warmup=5 gamma=0.8", "exponential warmup=5 gamma=0.8 per=step");
  same("test_power warmup=5", "exponential gamma=0.9 warmup=5");
  same("linear total_iters=4; test_power from=4", "linear total_iters=4; exponential gamma=0.9 from=4");
  same("test_steps gamma=0.7; cosine T_max=10 from=6", "exponential gamma=0.7 per=step; cosine T_max=10 from=6");
  same("test_power gamma=1e0", "constant factor=1");
}

/* The last epoch's value, in a loop of one's own, over a checkpoint, and in fit. */
static void what_is_monitored(void) {
  float x[30], y[20];
  chainrule_array in = chainrule_matrix(x, 10, 3), out = chainrule_matrix(y, 10, 2);
  chainrule_model *model;
  chainrule_trainer *trainer = number(&model);
  chainrule_fit_options options = test_fit_options(3, 4);
  chainrule_history *history = NULL;
  double values[3];
  int split;
  REQUIRE_OK(chainrule_trainer_set_schedule(trainer, "test_follow"));
  CHECK(rate(trainer) == 0.1);
  REQUIRE_OK(chainrule_trainer_end_epoch(trainer, 0.025));
  CHECK(rate(trainer) == 0.025);
  REQUIRE_OK(chainrule_trainer_set_schedule(trainer, "test_follow warmup=4"));
  CHECK_NEAR(rate(trainer), 0.005, 1e-15);
  REQUIRE_OK(chainrule_trainer_end_epoch(trainer, 0.1));
  CHECK_NEAR(rate(trainer), 0.02, 1e-15);
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("monitored")));
  chainrule_trainer_free(trainer), chainrule_model_free(model);
  model = NULL, trainer = NULL;
  REQUIRE_OK(chainrule_trainer_load(test_path("monitored"), &model, &trainer));
  REQUIRE_OK(chainrule_trainer_step(trainer, NULL, NULL, NULL, NULL));
  CHECK_NEAR(rate(trainer), 0.04, 1e-15);
  chainrule_trainer_free(trainer), chainrule_model_free(model);
  test_fill(x, 30, 1);
  test_fill(y, 20, 2);
  for (split = 0; split < 2; split++) {
    model = test_mlp(CHAINRULE_FLOAT32, 5, 3, 8, 2, "tanh"), trainer = NULL;
    REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.1", &trainer));
    REQUIRE_OK(chainrule_trainer_set_schedule(trainer, "test_follow"));
    options.validation_split = split ? 0.3 : 0;
    REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
    REQUIRE_OK(chainrule_history_values(history, split ? "val_loss" : "loss", values, 3, NULL));
    CHECK(rate(trainer) == values[2]);
    chainrule_history_free(history);
    chainrule_trainer_free(trainer), chainrule_model_free(model);
  }
}

static void refusals(void) {
  static const double wrong[4] = {INFINITY, -1, -INFINITY, -1e-300};
  chainrule_model *model;
  chainrule_trainer *trainer = number(&model);
  uint64_t before;
  int64_t steps = 0, after = 0;
  int i;
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_schedule(trainer, "test_powers"));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_schedule(trainer, "test_power colour=red"));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_schedule(trainer, "test_power warmup=-1"));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_schedule(trainer, "test_power; test_power from=0"));
  REQUIRE_OK(chainrule_trainer_set_schedule(trainer, "test_steps"));
  REQUIRE_OK(chainrule_trainer_step(trainer, NULL, NULL, NULL, NULL));
  CHECK_NEAR(rate(trainer), 0.09, 1e-15);
  before = test_parameter_hash(model);
  REQUIRE_OK(chainrule_trainer_step_count(trainer, &steps));
  for (i = 0; i < 5; i++) {
    refuses = i == 4;
    if (i < 4) gives = wrong[i];
    FAILS(CHAINRULE_CALLBACK, chainrule_trainer_step(trainer, NULL, NULL, NULL, NULL));
    CHECK(strstr(chainrule_last_error()->message, "test_steps") != NULL);
    FAILS(CHAINRULE_CALLBACK, chainrule_trainer_set_schedule(trainer, "test_steps"));
    FAILS(CHAINRULE_CALLBACK, chainrule_trainer_set_schedule(trainer, "test_power"));
    gives = NAN, refuses = 0;
  }
  REQUIRE_OK(chainrule_trainer_step_count(trainer, &after));
  CHECK(after == steps && before == test_parameter_hash(model));
  CHECK_NEAR(rate(trainer), 0.09, 1e-15);
  REQUIRE_OK(chainrule_trainer_step(trainer, NULL, NULL, NULL, NULL));
  CHECK_NEAR(rate(trainer), 0.081, 1e-15);
  REQUIRE_OK(chainrule_trainer_set_schedule(trainer, "test_power"));
  refuses = 1;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_end_epoch(trainer, 0));
  refuses = 0;
  CHECK_NEAR(rate(trainer), 0.081, 1e-15);
  REQUIRE_OK(chainrule_trainer_end_epoch(trainer, 0));
  CHECK_NEAR(rate(trainer), 0.0729, 1e-15);
  chainrule_trainer_free(trainer), chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("custom_schedule");
  if (!test_make_folder()) return 1;
  RUN(registers);
  RUN(rates);
  RUN(what_is_monitored);
  RUN(refusals);
  test_remove_folder();
  return test_finish();
}
