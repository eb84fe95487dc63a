/* Tables with sparse=true: a trainer's steps leave the same bits as without it, whatever the optimizer, the batches
   and the road, and a refused step leaves no trace. */
#include "files.h"

enum { TABLE = 9000, WIDTH = 5, BATCH = 6, PLACES = 3 }; /* more rows than a piece has */
static int table = TABLE, width = WIDTH;
static int64_t x[BATCH * PLACES];
static double y[BATCH * 2];

static const char *const optimizers[] = {
    "sgd lr=0.3",      "sgd lr=0.3 maximize=true",     "sgd lr=0.1 clip_value=0.01", "adagrad lr=0.2", "adagrad lr=0.2 lr_decay=0.1",
    "sgd lr=0.1; *.bias adam lr=0.01", "sgd lr=0.1 ema_decay=0.9", /* these keep to the rows; */
    "adagrad lr=0.1 initial_accumulator_value=0.5", "sgd lr=0.1 momentum=0.9", "sgd lr=0.1 weight_decay=0.1", "adam lr=0.01",
    "sgd lr=0.1 clip_norm=0.1", "sgd lr=0.1 accumulate=2", "sgd lr=0.1 l2=0.1", "sgd lr=0.1 max_norm=1", /* these do not */
    "sgd lr=0.1; e.* frozen=true"};

static chainrule_model *table_model(chainrule_dtype dtype, const char *kind, const char *more, int is_alone) {
  chainrule_model *model = test_model(dtype, 3);
  char attributes[160];
  snprintf(attributes, sizeof attributes, "num_embeddings=%d embedding_dim=%d name=e %s", table, width, more);
  test_add(model, "input", "shape=3 dtype=integer");
  test_add(model, kind, attributes);
  if (strcmp(kind, "embedding") == 0) test_add(model, "mean", "dim=1");
  if (!is_alone) test_add(model, "linear", "out_features=2");
  else test_add(model, "slice", "dim=1 start=0 end=2");
  return model;
}

/* Some rows again and again, others once, the last ones too. */
static void batch_of(int step) {
  int i;
  for (i = 0; i < BATCH * PLACES; i++) x[i] = i % 4 == 0 ? i : (int64_t)((step * 7919 + i * 104729) % table);
  x[1] = table - 1 - step % 2;
  test_fill_float64(y, BATCH * 2, (uint64_t)step + 1);
}

static chainrule_array input_of(int rows) { return chainrule_view(x, CHAINRULE_INT64, 2, rows, PLACES, 0, 0); }
static chainrule_array target_of(int rows) { return chainrule_matrix_float64(y, rows, 2); }

static uint64_t trained(chainrule_dtype dtype, const char *kind, const char *more, const char *optimizer, int is_alone) {
  chainrule_model *model = table_model(dtype, kind, more, is_alone);
  chainrule_trainer *trainer = NULL;
  uint64_t hash;
  double loss;
  int step;
  if (!SUCCEEDS(chainrule_trainer_create(model, "mse", optimizer, &trainer))) return 0;
  for (step = 0; step < 12; step++) {
    int rows = step % 3 == 2 ? 2 : BATCH; /* a plan of its own, on the same gradients */
    chainrule_array in = input_of(rows), out = target_of(rows);
    batch_of(step);
    SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  }
  hash = test_parameter_hash(model);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return hash;
}

/* Rows longer than a piece of an optimizer's pass, by less than another one. */
static void wide_rows(void) {
  static const char *const wide[] = {"sgd lr=1e-4", "adagrad lr=1e-3"};
  size_t i;
  table = 40, width = 4096 + 700;
  for (i = 0; i < sizeof wide / sizeof *wide; i++)
    CHECK(trained(CHAINRULE_FLOAT32, "embedding", "sparse=true", wide[i], 0) == trained(CHAINRULE_FLOAT32, "embedding", "", wide[i], 0));
  table = TABLE, width = WIDTH;
}

static void same_bits(void) {
  static const char *const kinds[] = {"embedding", "embedding_bag"};
  int before = chainrule_get_num_threads(), threads, alone;
  size_t i, k;
  for (threads = 1; threads <= 2; threads++) {
    SUCCEEDS(chainrule_set_num_threads(threads));
    for (i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
      for (k = 0; k < 2; k++) {
        for (alone = 0; alone < 2; alone++) {
          test_case_part = optimizers[i];
          if (alone && strchr(optimizers[i], ';')) continue;
          CHECK(trained(CHAINRULE_FLOAT32, kinds[k], "sparse=true", optimizers[i], alone) ==
                trained(CHAINRULE_FLOAT32, kinds[k], "", optimizers[i], alone));
          if (k == 0 && threads == 1)
            CHECK(trained(CHAINRULE_FLOAT64, kinds[k], "sparse=true padding_idx=4 max_norm=2", optimizers[i], alone) ==
                  trained(CHAINRULE_FLOAT64, kinds[k], "padding_idx=4 max_norm=2", optimizers[i], alone));
        }
      }
    }
  }
  test_case_part = NULL;
  SUCCEEDS(chainrule_set_num_threads(before));
}

/* The loop spelled out: a context's gradients are whole, so all rows are looked at. */
static void by_hand(void) {
  static const char *const few[] = {"sgd lr=0.3", "adagrad lr=0.2"};
  int k, i, step;
  for (i = 0; i < 2; i++) {
    uint64_t hashes[2];
    for (k = 0; k < 2; k++) {
      chainrule_model *model = table_model(CHAINRULE_FLOAT64, "embedding", k ? "sparse=true" : "", 0);
      chainrule_context *context = NULL;
      chainrule_optimizer *optimizer = NULL;
      double seed[BATCH * 2];
      chainrule_array in = input_of(BATCH), gradient = chainrule_matrix_float64(seed, BATCH, 2);
      REQUIRE_OK(chainrule_context_create(model, &context));
      REQUIRE_OK(chainrule_optimizer_create(few[i], &optimizer));
      test_fill_float64(seed, BATCH * 2, 5);
      for (step = 0; step < 4; step++) {
        batch_of(step);
        REQUIRE_OK(chainrule_context_forward(context, &in, 1));
        if (step != 2) REQUIRE_OK(chainrule_context_zero_gradients(context));
        REQUIRE_OK(chainrule_context_backward(context, &gradient));
        REQUIRE_OK(chainrule_optimizer_step(optimizer, context));
      }
      hashes[k] = test_parameter_hash(model);
      chainrule_optimizer_free(optimizer);
      chainrule_context_free(context);
      chainrule_model_free(model);
    }
    CHECK(hashes[0] == hashes[1]);
  }
}

/* A row that has become too large fails the step, a wrong index as well; what follows is as if they had not been. */
static void refused_steps(void) {
  uint64_t hashes[2];
  int k, step;
  for (k = 0; k < 2; k++) {
    chainrule_model *model = table_model(CHAINRULE_FLOAT64, "embedding", "sparse=true", 0);
    chainrule_trainer *trainer = NULL;
    double loss;
    REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.1", &trainer));
    for (step = 0; step < 6; step++) {
      chainrule_array in = input_of(BATCH), out = target_of(BATCH);
      uint64_t before = test_parameter_hash(model);
      if (k == 1 && step == 3) {
        batch_of(99);
        y[0] = 1e200; /* its square is infinite, and the gradient beyond the limit */
        FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
        x[3] = TABLE;
        FAILS(CHAINRULE_VALUE, chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
        CHECK(test_parameter_hash(model) == before);
      }
      batch_of(step);
      REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
    }
    hashes[k] = test_parameter_hash(model);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
  CHECK(hashes[0] == hashes[1]);
}

/* Saved in the middle and resumed in a new trainer. */
static void resumed(void) {
  const char *path = test_path("sparse.safetensors");
  chainrule_model *model = table_model(CHAINRULE_FLOAT32, "embedding", "sparse=true", 0), *again = NULL;
  chainrule_trainer *trainer = NULL, *second = NULL;
  double loss;
  int step;
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "adagrad lr=0.2", &trainer));
  for (step = 0; step < 8; step++) {
    chainrule_array in = input_of(BATCH), out = target_of(BATCH);
    if (step == 4) {
      REQUIRE_OK(chainrule_trainer_save(trainer, path));
      REQUIRE_OK(chainrule_trainer_load(path, &again, &second));
    }
    batch_of(step);
    REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
    if (second) REQUIRE_OK(chainrule_trainer_step(second, &in, &out, NULL, &loss));
  }
  CHECK(test_parameter_hash(model) == test_parameter_hash(again));
  chainrule_trainer_free(trainer);
  chainrule_trainer_free(second);
  chainrule_model_free(model);
  chainrule_model_free(again);
}

int main(void) {
  TEST_MAIN("sparse");
  RUN(same_bits);
  RUN(wide_rows);
  RUN(by_hand);
  RUN(refused_steps);
  RUN(resumed);
  return test_finish();
}
