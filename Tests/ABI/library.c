/* The library itself: version, CPU level, threads, status names, the catalog, the last error. */
#include <pthread.h>

#include "support.h"

static void version_and_level(void) {
  const char *level = chainrule_cpu_level();
  const char *forced = getenv("CHAINRULE_CPU");
  char text[40];
  snprintf(text, sizeof text, "%d.%d.%d", CHAINRULE_VERSION_MAJOR, CHAINRULE_VERSION_MINOR, CHAINRULE_VERSION_PATCH);
  CHECK(strcmp(chainrule_version(), text) == 0);
  REQUIRE(level != NULL);
  CHECK(strcmp(level, "baseline") == 0 || strcmp(level, "avx2") == 0 || strcmp(level, "avx512") == 0);
  /* The variable forces a lower level; it never promises one the CPU lacks. */
  if (forced && strcmp(forced, "baseline") == 0) CHECK(strcmp(level, "baseline") == 0);
  if (forced && strcmp(forced, "avx2") == 0) CHECK(strcmp(level, "avx512") != 0);
}

static void status_names(void) {
  static const char *const names[16] = {
      "CHAINRULE_OK",        "CHAINRULE_INVALID_ARGUMENT", "CHAINRULE_SHAPE",     "CHAINRULE_DTYPE",
      "CHAINRULE_ATTRIBUTE", "CHAINRULE_STATE",            "CHAINRULE_NOT_FOUND", "CHAINRULE_VALUE",
      "CHAINRULE_NON_FINITE", "CHAINRULE_IO",              "CHAINRULE_FORMAT",    "CHAINRULE_OUT_OF_MEMORY",
      "CHAINRULE_CANCELLED", "CHAINRULE_BUSY",             "CHAINRULE_CALLBACK",  "CHAINRULE_INTERNAL"};
  static const int unknown[] = {16, 17, 1000, -1, INT32_MAX, INT32_MIN};
  size_t i;
  for (i = 0; i < 16; i++) CHECK(strcmp(chainrule_status_name((chainrule_status)i), names[i]) == 0);
  for (i = 0; i < sizeof unknown / sizeof *unknown; i++)
    CHECK(strcmp(chainrule_status_name((chainrule_status)unknown[i]), "unknown status") == 0);
}

/* Runs first: nothing has failed in this thread yet. */
static void no_error_yet(void) {
  const chainrule_error *error = chainrule_last_error();
  REQUIRE(error != NULL);
  CHECK_EQUAL(error->status, CHAINRULE_OK);
  REQUIRE(error->message && error->node && error->expected && error->got);
  CHECK(error->node[0] == 0 && error->expected[0] == 0 && error->got[0] == 0);
}

static void thread_count(void) {
  static const int32_t wrong[] = {0, -1, 257, INT32_MAX, INT32_MIN};
  int32_t before = chainrule_get_num_threads(), count;
  size_t i;
  CHECK(before >= 1 && before <= 256);
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_set_num_threads(wrong[i]));
    CHECK_EQUAL(chainrule_get_num_threads(), before);
  }
  for (count = 1; count <= 4; count++) {
    SUCCEEDS(chainrule_set_num_threads(count));
    CHECK_EQUAL(chainrule_get_num_threads(), count);
  }
  SUCCEEDS(chainrule_set_num_threads(256));
  CHECK_EQUAL(chainrule_get_num_threads(), 256);
  SUCCEEDS(chainrule_set_num_threads(before));
}

static void thread_count_from_environment(void) {
  const char *text = getenv("CHAINRULE_THREADS");
  if (text == NULL) {
    test_skip("CHAINRULE_THREADS is not set");
    return;
  }
  CHECK_EQUAL(chainrule_get_num_threads(), atoi(text));
}

static void error_outlives_success(void) {
  chainrule_model *model = NULL;
  char before[300];
  test_mark();
  snprintf(before, sizeof before, "%s", chainrule_last_error()->message);
  SUCCEEDS(chainrule_model_create(NULL, &model));
  chainrule_model_free(model);
  CHECK(strcmp(before, chainrule_last_error()->message) == 0);
}

static void *fail_elsewhere(void *result) {
  const chainrule_error *error = chainrule_last_error();
  int clean = error->status == CHAINRULE_OK;
  (void)chainrule_model_parameter_count(NULL, NULL);
  *(int *)result = clean && chainrule_last_error()->status == CHAINRULE_INVALID_ARGUMENT;
  return NULL;
}

static void error_belongs_to_its_thread(void) {
  pthread_t thread;
  int right = 0;
  char before[300];
  test_mark();
  snprintf(before, sizeof before, "%s", chainrule_last_error()->message);
  REQUIRE(pthread_create(&thread, NULL, fail_elsewhere, &right) == 0);
  pthread_join(thread, NULL);
  CHECK(right);
  CHECK(strcmp(before, chainrule_last_error()->message) == 0);
}

static size_t kinds_of(chainrule_group group) {
  size_t count = 0;
  while (count < 1000 && chainrule_catalog_kind(group, count) != NULL) count++;
  return count;
}

static int has_kind(chainrule_group group, const char *kind) {
  size_t index;
  const char *found;
  for (index = 0; (found = chainrule_catalog_kind(group, index)) != NULL; index++)
    if (strcmp(found, kind) == 0) return 1;
  return 0;
}

static void catalog(void) {
  static const struct {
    chainrule_group group;
    const char *kinds[44];
  } promised[] = {
      {CHAINRULE_LAYERS,
       {"input", "linear", "identity", "flatten", "reshape", "dropout", "relu", "leaky_relu", "elu", "selu", "gelu",
        "silu", "sigmoid", "tanh", "softplus", "hardtanh", "softmax", "log_softmax", "parameter", "constant", "add",
        "sub", "mul", "div", "neg", "pow", "matmul", "exp", "log", "sqrt", "sin", "cos", "abs", "maximum", "sum",
        "mean", "transpose", "concat", "slice", NULL}},
      {CHAINRULE_LOSSES, {"mse", "l1", "huber", "cross_entropy", "bce_with_logits", NULL}},
      {CHAINRULE_OPTIMIZERS, {"sgd", "adam", "adamw", "nadam", "radam", "adamax", "adagrad", "adadelta", "rmsprop", "rprop", "asgd", "adafactor", "lion", "lamb", "muon", NULL}},
      {CHAINRULE_METRICS, {"accuracy", "mse", "mae", "r2", NULL}},
      {CHAINRULE_INITIALIZERS,
       {"default", "xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "uniform", "normal", "zeros", "ones",
        "constant", "kaiming_uniform", "kaiming_normal", "lecun_uniform", "lecun_normal", "trunc_normal", "orthogonal", "sparse",
        "eye", "dirac", NULL}},
      {CHAINRULE_SCHEDULES,
       {"constant", "linear", "step", "multi_step", "exponential", "polynomial", "cosine", "cosine_warm_restarts", "one_cycle",
        "cyclic", "plateau", NULL}}};
  size_t group, index, other;
  for (group = 0; group < sizeof promised / sizeof *promised; group++) {
    size_t count = kinds_of(promised[group].group);
    CHECK(count > 0 && count < 1000);
    for (index = 0; promised[group].kinds[index] != NULL; index++)
      if (!has_kind(promised[group].group, promised[group].kinds[index]))
        test_fail(__FILE__, __LINE__, "group %d has no \"%s\"", (int)group, promised[group].kinds[index]);
    for (index = 0; index < count; index++)
      for (other = 0; other < index; other++)
        CHECK(strcmp(chainrule_catalog_kind(promised[group].group, index),
                     chainrule_catalog_kind(promised[group].group, other)) != 0);
    CHECK(chainrule_catalog_kind(promised[group].group, count) == NULL);
    CHECK(chainrule_catalog_kind(promised[group].group, SIZE_MAX) == NULL);
  }
  CHECK(chainrule_catalog_kind((chainrule_group)6, 0) == NULL);
  CHECK(chainrule_catalog_kind((chainrule_group)-1, 0) == NULL);
  CHECK(chainrule_catalog_kind((chainrule_group)INT32_MAX, 0) == NULL);
}

static void catalog_describes_every_kind(void) {
  int group;
  for (group = 0; group < 6; group++) {
    size_t index;
    const char *kind;
    for (index = 0; (kind = chainrule_catalog_kind((chainrule_group)group, index)) != NULL; index++) {
      char text[2000], small[8];
      size_t length = 0, again = 0;
      test_poison(text, sizeof text);
      if (!SUCCEEDS(chainrule_catalog_describe((chainrule_group)group, kind, text, sizeof text, &length))) continue;
      CHECK_EQUAL(strlen(text), length);
      CHECK(strncmp(text, kind, strlen(kind)) == 0);
      CHECK(strchr(text, '\n') == NULL);
      SUCCEEDS(chainrule_catalog_describe((chainrule_group)group, kind, NULL, 0, &again));
      CHECK_EQUAL(again, length);
      /* Cut to the capacity, zero byte included, and not one byte beyond. */
      test_poison(small, sizeof small);
      SUCCEEDS(chainrule_catalog_describe((chainrule_group)group, kind, small, 4, &again));
      CHECK_EQUAL(again, length);
      CHECK(strlen(small) == (length < 3 ? length : 3) && strncmp(small, text, 3) == 0);
      CHECK(test_is_poisoned(small + 4, sizeof small - 4));
      SUCCEEDS(chainrule_catalog_describe((chainrule_group)group, kind, text, sizeof text, NULL));
    }
  }
}

static void describe_refuses(void) {
  char text[100];
  size_t length;
  test_poison(text, sizeof text);
  test_poison(&length, sizeof length);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_catalog_describe(CHAINRULE_LAYERS, NULL, text, sizeof text, &length));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_catalog_describe(CHAINRULE_LAYERS, "linear", NULL, 10, &length));
  FAILS(CHAINRULE_INVALID_ARGUMENT,
        chainrule_catalog_describe((chainrule_group)9, "linear", text, sizeof text, &length));
  FAILS(CHAINRULE_INVALID_ARGUMENT,
        chainrule_catalog_describe((chainrule_group)-1, "linear", text, sizeof text, &length));
  FAILS_ONE_OF(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_NOT_FOUND),
               chainrule_catalog_describe(CHAINRULE_LAYERS, "linnear", text, sizeof text, &length));
  FAILS_ONE_OF(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_NOT_FOUND),
               chainrule_catalog_describe(CHAINRULE_LAYERS, "", text, sizeof text, &length));
  FAILS_ONE_OF(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_NOT_FOUND),
               chainrule_catalog_describe(CHAINRULE_LOSSES, "linear", text, sizeof text, &length));
  CHECK(test_is_poisoned(text, sizeof text));
  CHECK_UNTOUCHED(length);
  SUCCEEDS(chainrule_catalog_describe(CHAINRULE_LAYERS, "linear", text, sizeof text, &length));
}

static void free_accepts_null(void) {
  chainrule_model_free(NULL);
  chainrule_context_free(NULL);
  chainrule_loss_free(NULL);
  chainrule_optimizer_free(NULL);
  chainrule_trainer_free(NULL);
  chainrule_history_free(NULL);
  chainrule_trainer_cancel(NULL);
}

int main(void) {
  TEST_MAIN("library");
  RUN(no_error_yet);
  RUN(thread_count_from_environment);
  RUN(version_and_level);
  RUN(status_names);
  RUN(thread_count);
  RUN(error_outlives_success);
  RUN(error_belongs_to_its_thread);
  RUN(catalog);
  RUN(catalog_describes_every_kind);
  RUN(describe_refuses);
  RUN(free_accepts_null);
  return test_finish();
}
