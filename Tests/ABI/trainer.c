/* The trainer: creating it, its settings, single steps; what is refused leaves no trace. */
#include "training.h"

/* NaN in what is learned from: refused as bad data, or noticed in the step, which names the node. */
static void fails_on_bad_number(chainrule_status status, const char *call, int line, int has_node) {
  test_fails(BIT(CHAINRULE_VALUE) | BIT(CHAINRULE_NON_FINITE), NULL, status, call, __FILE__, line);
  if (status == CHAINRULE_NON_FINITE && has_node && chainrule_last_error()->node[0] == 0)
    test_fail(__FILE__, line, "CHAINRULE_NON_FINITE names no node: %s", chainrule_last_error()->message);
}
#define FAILS_ON_BAD_NUMBER(has_node, call) (test_mark(), fails_on_bad_number((call), #call, __LINE__, has_node))

static void create_refuses(void) {
  const unsigned words = BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE);
  static const char *const losses[] = {"", "mes", "mse x=1", "mse;mse", "mse;", ";mse", "none", "cross_entropy class_weights=1,2,3"};
  static const char *const optimizers[] = {"", "sdg", "sgd lr=x", "adam betas=2,2", "sgd lr", "adam;adam"};
  chainrule_trainer *other;
  size_t i;
  if (!begin("mse", "sgd")) return;
  test_probe = unchanged;
  test_poison(&other, sizeof other);
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "model", chainrule_trainer_create(NULL, "mse", "sgd", &other));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "loss", chainrule_trainer_create(model, NULL, "sgd", &other));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "optimizer", chainrule_trainer_create(model, "mse", NULL, &other));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "trainer", chainrule_trainer_create(model, "mse", "sgd", NULL));
  for (i = 0; i < sizeof losses / sizeof *losses; i++)
    FAILS_ONE_OF(words, chainrule_trainer_create(model, losses[i], "sgd", &other));
  for (i = 0; i < sizeof optimizers / sizeof *optimizers; i++)
    FAILS_ONE_OF(words, chainrule_trainer_create(model, "mse", optimizers[i], &other));
  /* Positions count from the start of the text. */
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "position 6", chainrule_trainer_create(model, "huber delta", "sgd", &other));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "position 12", chainrule_trainer_create(model, "mse; huber  delta=x", "sgd", &other));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "position 13", chainrule_trainer_create(model, "mse", "  sgd lr=0.1 wd=0.1", &other));
  CHECK_UNTOUCHED(other);
  SUCCEEDS(chainrule_trainer_create(model, "mse", "adam", &other));
  chainrule_trainer_free(other);
  end();
}

static void settings_refuse(void) {
  static const char *const metrics[] = {"accuracyy", "accuracy mae rr", "mse x=1", "accuracy="};
  static const double rates[] = {-1, NAN, INFINITY};
  double lr;
  int64_t count;
  size_t i;
  if (!begin("mse", "sgd lr=0.125")) return;
  test_probe = unchanged;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_metrics(NULL, "mae"));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_metrics(trainer, NULL));
  for (i = 0; i < sizeof metrics / sizeof *metrics; i++)
    FAILS_ONE_OF(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_NOT_FOUND), chainrule_trainer_set_metrics(trainer, metrics[i]));
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "mae r2"));
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, ""));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_seed(NULL, 1));
  SUCCEEDS(chainrule_trainer_set_seed(trainer, UINT64_MAX));
  test_poison(&lr, sizeof lr);
  test_poison(&count, sizeof count);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_get_lr(NULL, &lr));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_get_lr(trainer, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_lr(NULL, 1));
  for (i = 0; i < 3; i++) FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_lr(trainer, rates[i]));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_step_count(NULL, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_step_count(trainer, NULL));
  CHECK_UNTOUCHED(lr);
  CHECK_UNTOUCHED(count);
  SUCCEEDS(chainrule_trainer_get_lr(trainer, &lr));
  CHECK(lr == 0.125);
  SUCCEEDS(chainrule_trainer_set_lr(trainer, 0.25));
  SUCCEEDS(chainrule_trainer_get_lr(trainer, &lr));
  CHECK(lr == 0.25);
  end();
}

static void step_refuses(void) {
  double loss;
  float weights[ROWS + 1] = {1, 1, 1, 1, 1, 1, 1};
  chainrule_array weight = chainrule_vector(weights, ROWS);
  const unsigned nothing = BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_VALUE);
  static const float bad_numbers[3] = {NAN, INFINITY, -INFINITY};
  int i;
  if (!begin("mse", "adam")) return;
  test_probe = unchanged;
  test_poison(&loss, sizeof loss);
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "trainer", chainrule_trainer_step(NULL, &in, &out, NULL, &loss));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "x", chainrule_trainer_step(trainer, NULL, &out, NULL, &loss));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "y", chainrule_trainer_step(trainer, &in, NULL, NULL, &loss));
  FAILS_FOR_BAD_ARRAYS(x, ROWS, 4, chainrule_trainer_step(trainer, &bad, &out, NULL, &loss));
  FAILS_FOR_BAD_ARRAYS(y, ROWS, 2, chainrule_trainer_step(trainer, &in, &bad, NULL, &loss));
  in.shape[0] = ROWS - 1;
  FAILS(CHAINRULE_SHAPE, chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  in.shape[0] = out.shape[0] = 0;
  FAILS_ONE_OF(nothing, chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  in.shape[0] = out.shape[0] = ROWS;
  weight.shape[0] = ROWS + 1;
  FAILS(CHAINRULE_SHAPE, chainrule_trainer_step(trainer, &in, &out, &weight, &loss));
  weight.shape[0] = ROWS;
  weight.dtype = CHAINRULE_INT32;
  FAILS(CHAINRULE_DTYPE, chainrule_trainer_step(trainer, &in, &out, &weight, &loss));
  weight.dtype = CHAINRULE_FLOAT32;
  weights[2] = -1;
  FAILS(CHAINRULE_VALUE, chainrule_trainer_step(trainer, &in, &out, &weight, &loss));
  for (i = 0; i < 3; i++) {
    float saved = x[5];
    weights[2] = bad_numbers[i];
    FAILS(CHAINRULE_VALUE, chainrule_trainer_step(trainer, &in, &out, &weight, &loss));
    weights[2] = 1;
    x[5] = bad_numbers[i];
    FAILS_ON_BAD_NUMBER(1, chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
    x[5] = saved;
    saved = y[5];
    y[5] = bad_numbers[i];
    FAILS_ON_BAD_NUMBER(0, chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
    y[5] = saved;
  }
  CHECK_UNTOUCHED(loss);
  test_probe = NULL;
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, &weight, &loss));
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  CHECK(test_parameter_hash(model) != untrained);
  end();
}

static void step_refuses_labels(void) {
  int32_t labels[ROWS] = {0, 1, 0, 1, 1, 0};
  float fractional[ROWS] = {0, 1, 0.5f, 1, 1, 0};
  chainrule_array good = chainrule_labels(labels, ROWS), half = chainrule_vector(fractional, ROWS);
  double loss = 0;
  if (!begin("cross_entropy", "sgd")) return;
  test_probe = unchanged;
  labels[3] = 2;
  FAILS(CHAINRULE_VALUE, chainrule_trainer_step(trainer, &in, &good, NULL, NULL));
  labels[3] = -1;
  FAILS(CHAINRULE_VALUE, chainrule_trainer_step(trainer, &in, &good, NULL, NULL));
  labels[3] = 1;
  FAILS_SAYING(CHAINRULE_SHAPE, "or int32/int64 labels [batch]", chainrule_trainer_step(trainer, &in, &half, NULL, NULL));
  good.shape[0] = ROWS - 1;
  FAILS(CHAINRULE_SHAPE, chainrule_trainer_step(trainer, &in, &good, NULL, NULL));
  good.shape[0] = ROWS;
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &good, NULL, &loss));
  CHECK(loss > 0 && loss < 5);
  end();
}

/* Finite data, weights too large: the first node with an infinite result is named. */
static void non_finite_names_the_node(void) {
  static const char *const optimizers[] = {"sgd lr=0.1", "adam lr=0.1", "sgd lr=0.1 momentum=0.9 clip_norm=1"};
  size_t i;
  for (i = 0; i < 3; i++) {
    chainrule_model *large = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_trainer *other = NULL;
    float data[2] = {3e38f, 3e38f}, target[1] = {0}, small[2] = {1, 1};
    double loss;
    uint64_t hash;
    chainrule_array a = chainrule_matrix(data, 1, 2), b = chainrule_matrix(target, 1, 1);
    test_add(large, "input", "shape=2");
    test_add(large, "linear", "out_features=2 weight_init=constant(0.25) bias_init=zeros name=calm");
    test_add(large, "relu", "");
    test_add(large, "linear", "out_features=1 weight_init=constant(4) bias_init=zeros name=wild");
    REQUIRE_OK(chainrule_trainer_create(large, "mse", optimizers[i], &other));
    hash = test_parameter_hash(large);
    test_poison(&loss, sizeof loss);
    FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_step(other, &a, &b, NULL, &loss));
    CHECK(strstr(chainrule_last_error()->node, "wild") != NULL);
    CHECK(strstr(chainrule_last_error()->message, "wild") != NULL);
    CHECK_UNTOUCHED(loss);
    CHECK(test_parameter_hash(large) == hash);
    a.data = small;
    SUCCEEDS(chainrule_trainer_step(other, &a, &b, NULL, &loss));
    CHECK_NEAR(loss, 16, 1e-4);
    CHECK(test_parameter_hash(large) != hash);
    chainrule_trainer_free(other);
    chainrule_model_free(large);
  }
}

/* A step that would make weights infinite is refused, and training goes on from the weights before it. */
static void overflowing_step(void) {
  static const char *const optimizers[] = {"sgd lr=0.1", "sgd lr=0.1 momentum=0.9", "adam lr=0.01", "rmsprop lr=0.01",
                                           "adamw lr=0.01", "sgd lr=0.1 clip_norm=1"};
  size_t i;
  for (i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
    uint64_t hash, undisturbed;
    int64_t steps = 0;
    double loss, lr = 0;
    int way;
    undisturbed = 0;
    for (way = 0; way < 2; way++) {
      if (!begin("mse", optimizers[i])) return;
      REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
      hash = test_parameter_hash(model);
      if (way == 1) {
        REQUIRE_OK(chainrule_trainer_get_lr(trainer, &lr));
        REQUIRE_OK(chainrule_trainer_set_lr(trainer, 1e300));
        test_poison(&loss, sizeof loss);
        FAILS_SAYING(CHAINRULE_NON_FINITE, "as before", chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
        CHECK(strstr(chainrule_last_error()->node, "weight") || strstr(chainrule_last_error()->node, "bias"));
        CHECK_UNTOUCHED(loss);
        CHECK(test_parameter_hash(model) == hash);
        REQUIRE_OK(chainrule_trainer_step_count(trainer, &steps));
        CHECK_EQUAL(steps, 1);
        REQUIRE_OK(chainrule_trainer_set_lr(trainer, lr));
      }
      REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
      hash = test_parameter_hash(model);
      if (way == 0) undisturbed = hash;
      CHECK(hash == undisturbed);
      end();
    }
  }
}

static void steps_learn(void) {
  double first = 0, last = 0;
  int64_t count = 0;
  int i;
  if (!begin("mse", "adam lr=0.02")) return;
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &first));
  for (i = 0; i < 400; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &last));
  CHECK(last < first / 10);
  SUCCEEDS(chainrule_trainer_step_count(trainer, &count));
  CHECK_EQUAL(count, 401);
  end();
}

static void freed_in_any_order(void) {
  if (!begin("mse", "sgd")) return;
  chainrule_model_free(model);
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  chainrule_trainer_free(trainer);
}

int main(void) {
  TEST_MAIN("trainer");
  RUN(create_refuses);
  RUN(settings_refuse);
  RUN(step_refuses);
  RUN(step_refuses_labels);
  RUN(non_finite_names_the_node);
  RUN(overflowing_step);
  RUN(steps_learn);
  RUN(freed_in_any_order);
  return test_finish();
}
