/* Schedules: PyTorch's learning rates step by step, in loops of one's own, in fit and over checkpoints; their text. */
#include "error_table.h"
#include "files.h"

static const char *path = "Tests/Oracle/schedule_values.txt";

enum { STEPS = 30 };

/* One number, learned from nothing but itself. */
static chainrule_model *number(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
  test_add(model, "parameter", "shape=1 value=1 name=p");
  test_add(model, "pow", "value=2");
  test_add(model, "sum", "");
  return model;
}

static double rate(const chainrule_trainer *trainer) {
  double lr = NAN;
  SUCCEEDS(chainrule_trainer_get_lr(trainer, &lr));
  return lr;
}

/* Schedules that count updates, and those that count epochs; a checkpoint in the middle changes nothing. */
static void one(const char *text, double base, const double *seen, const double *rates, int checkpoint) {
  chainrule_model *model = number();
  chainrule_trainer *trainer = NULL;
  int per_step = strstr(text, "per=step") != NULL || (strstr(text, "per=epoch") == NULL && (strncmp(text, "one_cycle", 9) == 0 || strncmp(text, "cyclic", 6) == 0));
  char optimizer[60], kind[60];
  ErrorRow row = error_nothing;
  int t;
  snprintf(optimizer, sizeof optimizer, "sgd lr=%.17g", base);
  REQUIRE_OK(chainrule_trainer_create(model, "none", optimizer, &trainer));
  REQUIRE_OK(chainrule_trainer_set_schedule(trainer, text));
  for (t = 0; t <= STEPS; t++) {
    double lr = rate(trainer);
    if (!(fabs(lr - rates[t]) <= 1e-12 * (base + fabs(rates[t]))))
      test_fail(__FILE__, __LINE__, "%s after %d: %.17g, PyTorch says %.17g", text, t, lr, rates[t]);
    error_meet(&row, ERROR_OUTPUT, fabs(lr - rates[t]) / (base + fabs(rates[t])));
    if (t == STEPS) break;
    SUCCEEDS(chainrule_trainer_step(trainer, NULL, NULL, NULL, NULL));
    if (!per_step || t % 5 == 4) SUCCEEDS(chainrule_trainer_end_epoch(trainer, seen[t]));
    if (checkpoint && t == 12) {
      REQUIRE_OK(chainrule_trainer_save(trainer, test_path("schedule")));
      chainrule_trainer_free(trainer);
      chainrule_model_free(model);
      model = NULL, trainer = NULL;
      REQUIRE_OK(chainrule_trainer_load(test_path("schedule"), &model, &trainer));
    }
  }
  snprintf(kind, sizeof kind, "%.*s", (int)strcspn(text, " "), text);
  if (!checkpoint) error_note(CHAINRULE_SCHEDULES, kind, &row);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

static void the_rates_of_pytorch(void) {
  static char line[4][4000];
  static char met[4000];
  FILE *file = fopen(path, "r");
  const char *kind;
  size_t index;
  int cases = 0;
  REQUIRE(file != NULL);
  REQUIRE(fgets(line[0], sizeof line[0], file) != NULL);
  for (;;) {
    double seen[STEPS], rates[STEPS + 1];
    char *cursor;
    int i;
    for (i = 0; i < 4 && fgets(line[i], sizeof line[i], file) != NULL; i++) line[i][strcspn(line[i], "\n")] = 0;
    if (i < 4) break;
    for (i = 0, cursor = line[2]; i < STEPS; i++) seen[i] = strtod(cursor, &cursor);
    for (i = 0, cursor = line[3]; i <= STEPS; i++) rates[i] = strtod(cursor, &cursor);
    one(line[0], strtod(line[1], NULL), seen, rates, 0);
    one(line[0], strtod(line[1], NULL), seen, rates, 1);
    snprintf(met + strlen(met), sizeof met - strlen(met), " %.*s ", (int)strcspn(line[0], " "), line[0]);
    cases++;
  }
  fclose(file);
  CHECK(cases >= 28);
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_SCHEDULES, index)) != NULL; index++) {
    char word[60], text[4000];
    snprintf(word, sizeof word, " %s ", kind);
    if (strstr(met, word) == NULL) test_fail(__FILE__, __LINE__, "no case has the schedule \"%s\"", kind);
    SUCCEEDS(chainrule_catalog_describe(CHAINRULE_SCHEDULES, kind, text, sizeof text, NULL));
  }
  CHECK(index >= 11);
  test_clear_folder();
}

static void text_refused(void) {
  static const char *const texts[] = {"fall", "step", "step step_size=0", "step step_size=x", "exponential", "cosine", "cosine T_max=-1",
                                      "cosine T_max=5 eta_min=-1", "cosine_warm_restarts T_0=2 T_mult=0", "multi_step",
                                      "multi_step milestones=", "multi_step milestones=-1", "one_cycle", "one_cycle max_lr=1",
                                      "one_cycle max_lr=1 epochs=3", "one_cycle max_lr=1 total_steps=10 pct_start=2",
                                      "cyclic base_lr=1 max_lr=0.5", "cyclic base_lr=0.1", "plateau factor=1", "plateau mode=up",
                                      "plateau per=step", "linear per=minute", "linear warmup=-1", "linear from=3", "linear;", ";linear",
                                      "linear; cosine T_max=3", "linear; cosine T_max=3 from=2 warmup=3",
                                      "linear; cosine T_max=3 from=2 per=step", "linear; plateau from=3", "plateau; linear from=3",
                                      "linear; step step_size=2 from=5; step step_size=2 from=5", "sgd", "linear total_iters=1 total_iters=2"};
  chainrule_model *model = number();
  chainrule_trainer *trainer = NULL;
  size_t i;
  REQUIRE_OK(chainrule_trainer_create(model, "none", "sgd lr=0.5", &trainer));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_schedule(NULL, "linear"));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_schedule(trainer, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_end_epoch(NULL, 0));
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    int before = test_case_failures;
    FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_schedule(trainer, texts[i]));
    if (test_case_failures != before) printf("#   text: \"%s\"\n", texts[i]);
  }
  CHECK(rate(trainer) == 0.5);
  SUCCEEDS(chainrule_trainer_end_epoch(trainer, 0)); /* without a schedule it does nothing */
  /* A rate set by hand holds until the next change; "" ends the schedule. */
  SUCCEEDS(chainrule_trainer_set_schedule(trainer, "exponential gamma=0.5"));
  SUCCEEDS(chainrule_trainer_set_lr(trainer, 0.75));
  SUCCEEDS(chainrule_trainer_step(trainer, NULL, NULL, NULL, NULL));
  CHECK(rate(trainer) == 0.75);
  SUCCEEDS(chainrule_trainer_end_epoch(trainer, 0));
  CHECK(rate(trainer) == 0.25);
  SUCCEEDS(chainrule_trainer_set_schedule(trainer, ""));
  SUCCEEDS(chainrule_trainer_end_epoch(trainer, 0));
  CHECK(rate(trainer) == 0.25);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

static double seen_rates[40];
static int seen_count;
static chainrule_trainer *fitted;
static int32_t watch(void *user, const chainrule_progress *progress) {
  (void)user, (void)progress;
  if (seen_count < 40) seen_rates[seen_count++] = rate(fitted);
  return CHAINRULE_CONTINUE;
}

/* In fit: after each batch, or after each epoch; warm-up counts updates in both. */
static void in_fit(void) {
  float x[24], y[12];
  chainrule_array in = chainrule_matrix(x, 12, 2), out = chainrule_matrix(y, 12, 1);
  chainrule_fit_options options = test_fit_options(4, 4);
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 2, 3, 1, "tanh");
  int i;
  test_fill(x, 24, 1);
  test_fill(y, 12, 2);
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.125", &fitted));
  options.on_epoch = watch;
  REQUIRE_OK(chainrule_trainer_set_schedule(fitted, "exponential gamma=0.5"));
  seen_count = 0;
  REQUIRE_OK(chainrule_trainer_fit(fitted, &in, &out, &options, NULL));
  for (i = 0; i < 4; i++) CHECK_NEAR(seen_rates[i], 0.0625 / (1 << i), 1e-15);
  SUCCEEDS(chainrule_trainer_set_lr(fitted, 0.125));
  REQUIRE_OK(chainrule_trainer_set_schedule(fitted, "exponential gamma=0.5 warmup=3"));
  options.on_epoch = NULL, options.on_batch = watch;
  seen_count = 0;
  REQUIRE_OK(chainrule_trainer_fit(fitted, &in, &out, &options, NULL));
  CHECK_EQUAL(seen_count, 12);
  CHECK_NEAR(seen_rates[0], 0.125 * 2 / 4, 1e-15);
  CHECK_NEAR(seen_rates[1], 0.125 * 3 / 4, 1e-15);
  CHECK_NEAR(seen_rates[2], 0.125, 1e-15);
  CHECK_NEAR(seen_rates[3], 0.0625, 1e-15);
  CHECK_NEAR(seen_rates[11], 0.125 / 8, 1e-15);
  REQUIRE_OK(chainrule_trainer_set_schedule(fitted, "plateau monitor=val_loss"));
  FAILS_SAYING(CHAINRULE_NOT_FOUND, "val_loss", chainrule_trainer_fit(fitted, &in, &out, &options, NULL));
  options.validation_split = 0.25;
  SUCCEEDS(chainrule_trainer_fit(fitted, &in, &out, &options, NULL));
  chainrule_trainer_free(fitted);
  chainrule_model_free(model);
}

int main(int argc, char **argv) {
  TEST_MAIN("schedules");
  if (argc > 1) path = argv[1];
  if (!test_make_folder()) return 2;
  RUN(the_rates_of_pytorch);
  RUN(text_refused);
  RUN(in_fit);
  error_print(CHAINRULE_SCHEDULES);
  test_remove_folder();
  return test_finish();
}
