/* Callbacks of fit, and early stopping: what they see, what they may use, how they end the training. */
#include "fitting.h"

typedef struct {
  int64_t batches, epochs;
  int32_t answer_batch, answer_epoch;
  int64_t answer_at; /* the call at which to answer so */
  int wrong;
  int busy, used;
} Watch;

static int32_t on_batch(void *user, const chainrule_progress *progress) {
  Watch *watch = (Watch *)user;
  if (progress->struct_size != sizeof *progress || progress->batches != 7 || progress->batch != watch->batches % 7 ||
      progress->epoch != watch->epochs || progress->value_count != 0 || !isfinite(progress->loss))
    watch->wrong++;
  return watch->batches++ == watch->answer_at ? watch->answer_batch : CHAINRULE_CONTINUE;
}

static int32_t on_epoch(void *user, const chainrule_progress *progress) {
  Watch *watch = (Watch *)user;
  float p[ROWS * 2];
  double lr = 0;
  chainrule_array prediction = chainrule_matrix(p, ROWS, 2);
  if (progress->value_count < 2 || strcmp(progress->value_names[0], "loss") != 0 ||
      progress->values[0] != progress->loss || progress->epoch != watch->epochs)
    watch->wrong++;
  /* In a callback the model may be used, the trainer not, but for its learning rate. */
  if (chainrule_model_predict(model, &in, &prediction) == CHAINRULE_OK) watch->used++;
  if (chainrule_trainer_get_lr(trainer, &lr) == CHAINRULE_OK && chainrule_trainer_set_lr(trainer, lr) == CHAINRULE_OK)
    watch->used++;
  if (chainrule_trainer_step(trainer, &in, &out, NULL, NULL) == CHAINRULE_BUSY) watch->busy++;
  if (chainrule_trainer_fit(trainer, &in, &out, NULL, NULL) == CHAINRULE_BUSY) watch->busy++;
  if (chainrule_trainer_set_seed(trainer, 3) == CHAINRULE_BUSY) watch->busy++;
  return watch->epochs++ == watch->answer_at ? watch->answer_epoch : CHAINRULE_CONTINUE;
}

static void callbacks(void) {
  chainrule_fit_options options = test_fit_options(3, 8);
  chainrule_history *history = NULL;
  Watch watch;
  size_t epochs = 0;
  if (!begin()) return;
  memset(&watch, 0, sizeof watch);
  watch.answer_at = -1;
  options.on_batch = on_batch, options.on_epoch = on_epoch, options.user = &watch;
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "mae"));
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  CHECK_EQUAL(watch.batches, 21);
  CHECK_EQUAL(watch.epochs, 3);
  CHECK_EQUAL(watch.wrong, 0);
  CHECK_EQUAL(watch.used, 6);
  CHECK_EQUAL(watch.busy, 9);
  /* Stop after the second epoch: success. */
  memset(&watch, 0, sizeof watch);
  watch.answer_at = 1, watch.answer_epoch = CHAINRULE_STOP;
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  CHECK_EQUAL(watch.epochs, 2);
  SUCCEEDS(chainrule_history_epochs(history, &epochs));
  CHECK_EQUAL(epochs, 2);
  chainrule_history_free(history);
  /* Stop in the middle of an epoch. */
  memset(&watch, 0, sizeof watch);
  watch.answer_at = 3, watch.answer_batch = CHAINRULE_STOP;
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  CHECK_EQUAL(watch.batches, 4);
  /* Fail: the history so far is handed out all the same. */
  memset(&watch, 0, sizeof watch);
  history = NULL;
  watch.answer_at = 0, watch.answer_epoch = CHAINRULE_FAIL;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  REQUIRE(history != NULL);
  SUCCEEDS(chainrule_history_epochs(history, &epochs));
  CHECK_EQUAL(epochs, 1);
  chainrule_history_free(history);
  memset(&watch, 0, sizeof watch);
  watch.answer_at = 9, watch.answer_batch = CHAINRULE_FAIL;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  CHECK_EQUAL(watch.batches, 10);
  memset(&watch, 0, sizeof watch);
  watch.answer_at = 0, watch.answer_batch = 77; /* no known answer */
  CHECK(chainrule_trainer_fit(trainer, &in, &out, &options, NULL) != CHAINRULE_OK);
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  end();
}

/* With a learning rate of 0 nothing improves: epoch 0 is the best, patience counts from there. */
static void early_stopping(void) {
  chainrule_fit_options options = test_fit_options(50, 8);
  chainrule_history *history = NULL;
  size_t epochs = 0, best = 99;
  if (!begin_with("sgd lr=0", 1)) return;
  options.patience = 3, options.validation_split = 0.2, options.restore_best = 1;
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  SUCCEEDS(chainrule_history_epochs(history, &epochs));
  SUCCEEDS(chainrule_history_best_epoch(history, &best));
  CHECK_EQUAL(epochs, 4);
  CHECK_EQUAL(best, 0);
  CHECK(test_parameter_hash(model) == untrained);
  chainrule_history_free(history);
  end();
}

static chainrule_trainer *stepper;
static int32_t worsen(void *user, const chainrule_progress *progress) {
  (void)user;
  if (progress->epoch == 4) (void)chainrule_trainer_set_lr(stepper, 3); /* from here on it gets worse */
  return CHAINRULE_CONTINUE;
}

static void best_weights_come_back(void) {
  chainrule_fit_options options = test_fit_options(30, 50);
  chainrule_history *history = NULL;
  double losses[40], value[1];
  size_t epochs = 0, best = 0, i;
  if (!begin_with("sgd lr=0.05", 1)) return;
  stepper = trainer;
  options.on_epoch = worsen, options.restore_best = 1, options.patience = 5;
  options.validation_x = &in, options.validation_y = &out;
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  REQUIRE_OK(chainrule_history_epochs(history, &epochs));
  REQUIRE_OK(chainrule_history_best_epoch(history, &best));
  REQUIRE_OK(chainrule_history_values(history, "val_loss", losses, 40, NULL));
  for (i = 0; i < epochs; i++) CHECK(losses[i] >= losses[best]);
  REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, NULL, value, 1, NULL));
  CHECK_NEAR(value[0], losses[best], 1e-6);
  chainrule_history_free(history);
  end();
}

/* They do so in every way that fit can end before its time. */
static chainrule_status ending;
static int32_t worsen_and_end(void *user, const chainrule_progress *progress) {
  (void)worsen(user, progress);
  if (progress->epoch < 6) return CHAINRULE_CONTINUE;
  if (ending == CHAINRULE_CANCELLED) chainrule_trainer_cancel(stepper);
  if (ending == CHAINRULE_NON_FINITE) (void)chainrule_trainer_set_lr(stepper, 1e30);
  if (ending == CHAINRULE_OK) return CHAINRULE_STOP;
  return ending == CHAINRULE_CALLBACK ? CHAINRULE_FAIL : CHAINRULE_CONTINUE;
}

static void best_weights_come_back_however_fit_ends(void) {
  static const chainrule_status endings[] = {CHAINRULE_OK, CHAINRULE_CANCELLED, CHAINRULE_CALLBACK,
                                             CHAINRULE_NON_FINITE};
  chainrule_fit_options options = test_fit_options(30, 50);
  size_t k, i;
  options.on_epoch = worsen_and_end, options.restore_best = 1;
  for (k = 0; k < 4; k++) {
    chainrule_history *history = NULL;
    double losses[40], value[1];
    size_t epochs = 0, best = 99;
    if (!begin_with("sgd lr=0.05", 1)) return;
    stepper = trainer, ending = endings[k];
    options.validation_x = &in, options.validation_y = &out;
    CHECK_EQUAL(chainrule_trainer_fit(trainer, &in, &out, &options, &history), ending);
    REQUIRE(history != NULL);
    REQUIRE_OK(chainrule_history_epochs(history, &epochs));
    REQUIRE_OK(chainrule_history_best_epoch(history, &best));
    REQUIRE_OK(chainrule_history_values(history, "val_loss", losses, 40, NULL));
    CHECK(epochs >= 7 && epochs < 30 && best < epochs - 1); /* the last epoch was not the best */
    for (i = 0; i < epochs; i++) CHECK(losses[i] >= losses[best]);
    REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, NULL, value, 1, NULL));
    CHECK_NEAR(value[0], losses[best], 1e-6);
    chainrule_history_free(history);
    end();
  }
}

int main(void) {
  TEST_MAIN("callbacks");
  RUN(callbacks);
  RUN(early_stopping);
  RUN(best_weights_come_back);
  RUN(best_weights_come_back_however_fit_ends);
  return test_finish();
}
