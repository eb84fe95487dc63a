/* Optimizers: their text, stepping by hand, learning rates, gradients that are not finite. */
#include "support.h"

static void text_refused(void) {
  static const char *const texts[] = {"", "sdg", "sgd lr", "sgd lr=", "sgd lr=fast", "sgd lr=-1", "sgd lr=nan",
                                      "sgd lr=inf", "sgd lr=1e400", "sgd momentum=-0.5", "sgd nesterov=true",
                                      "sgd momentum=0.9 nesterov=perhaps", "sgd weight_decay=-1", "sgd betas=0.9,0.99",
                                      "sgd lr=0.1 lr=0.2", "sgd lr=0.1,0.2", "sgd clip_norm=-1", "sgd clip_value=-1",
                                      "adam betas=0.9", "adam betas=0.9,1", "adam betas=-0.1,0.9", "adam betas=1,1,1",
                                      "adam eps=-1", "adam momentum=0.9", "rmsprop alpha=-1", "rmsprop alpha=x",
                                      "mse", "sgd;sgd", "\xff",
                                      "sgd lr=0.1;", "sgd lr=0.1; ;* lr=1", "sgd; lr=0.1", "sgd; *.bias lr", "sgd; *.bias lr=x",
                                      "sgd; ,a lr=1", "sgd; * lr=1 lr=2", "sgd; * nesterov=true", "sgd; * walk lr=1",
                                      "sgd; * adam momentum=1", "sgd; * clip_norm=1", "sgd; * accumulate=2", "sgd frozen=1",
                                      "sgd l1=-1", "sgd l2=nan", "sgd max_norm=-1", "sgd max_norm=1 unit_norm=true",
                                      "sgd unit_norm=true; * max_norm=1", "sgd accumulate=0", "sgd accumulate=1.5", "sgd ema_decay=2",
                                      "sgd ema_decay=0.9 swa_start=1", "sgd swa_freq=0", "nadam betas=0.9,1", "radam betas=1,0.9",
                                      "adamax betas=0.5", "adagrad lr_decay=-1", "adadelta rho=1.5", "rprop etas=0.5,0.9",
                                      "rprop etas=0,1.2", "rprop step_sizes=1", "rprop step_sizes=2,1", "asgd t0=x",
                                      "adafactor beta2_decay=0.5", "adafactor eps=0.1", "adafactor eps=0.1,none",
                                      "adafactor eps=-1,1", "adafactor d=0.5", "lion betas=0.9", "lion eps=1", "lamb eps=-1",
                                      "muon ns_steps=100", "muon ns_steps=-1", "muon ns_coefficients=1,2", "muon adjust_lr_fn=none",
                                      "muon maximize=true"};
  chainrule_optimizer *optimizer, *unset;
  size_t i;
  test_poison(&optimizer, sizeof optimizer);
  unset = optimizer;
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "text", chainrule_optimizer_create(NULL, &optimizer));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "optimizer", chainrule_optimizer_create("sgd", NULL));
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    int before = test_case_failures;
    FAILS_ONE_OF(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_INVALID_ARGUMENT),
                 chainrule_optimizer_create(texts[i], &optimizer));
    if (test_case_failures != before) printf("#   text: \"%s\"\n", texts[i]);
  }
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "position 4", chainrule_optimizer_create("sgd lr", &optimizer));
  CHECK(optimizer == unset);
  REQUIRE_OK(chainrule_optimizer_create("adamw lr=1e-3 betas=0.8,0.99 eps=1e-6 weight_decay=0.1 clip_norm=1", &optimizer));
  chainrule_optimizer_free(optimizer);
}

static void learning_rate(void) {
  static const double wrong[] = {-1, NAN, INFINITY, -INFINITY};
  chainrule_optimizer *optimizer = NULL;
  double lr;
  size_t i;
  REQUIRE_OK(chainrule_optimizer_create("sgd lr=0.125", &optimizer));
  test_poison(&lr, sizeof lr);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_optimizer_get_lr(NULL, &lr));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_optimizer_get_lr(optimizer, NULL));
  CHECK_UNTOUCHED(lr);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_optimizer_set_lr(NULL, 0.5));
  for (i = 0; i < 4; i++) FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "lr", chainrule_optimizer_set_lr(optimizer, wrong[i]));
  SUCCEEDS(chainrule_optimizer_get_lr(optimizer, &lr));
  CHECK(lr == 0.125);
  SUCCEEDS(chainrule_optimizer_set_lr(optimizer, 0.5));
  SUCCEEDS(chainrule_optimizer_get_lr(optimizer, &lr));
  CHECK(lr == 0.5);
  chainrule_optimizer_free(optimizer);
  REQUIRE_OK(chainrule_optimizer_create("adam", &optimizer));
  SUCCEEDS(chainrule_optimizer_get_lr(optimizer, &lr));
  CHECK(lr == 0.001);
  chainrule_optimizer_free(optimizer);
}

/* One number w, loss w * x: the gradient is x. A vector of one element, or a matrix, which every optimizer takes. */
static int32_t rank = 1;

static chainrule_model *product(chainrule_dtype dtype, const char *value) {
  chainrule_model *model = test_model(dtype, 0);
  chainrule_node nodes[2];
  char text[60];
  snprintf(text, sizeof text, "shape=%s value=%s name=w", rank == 2 ? "1,1" : "1", value);
  SUCCEEDS(chainrule_model_add(model, "parameter", text, &nodes[0]));
  SUCCEEDS(chainrule_model_add(model, "input", rank == 2 ? "shape=1,1 batched=false" : "shape=1 batched=false", &nodes[1]));
  SUCCEEDS(chainrule_model_add_node(model, "mul", "", nodes, 2, NULL));
  return model;
}

static double read_w(const chainrule_model *model) {
  double w = NAN;
  chainrule_array array = chainrule_view(&w, CHAINRULE_FLOAT64, rank, 1, 1, 0, 0);
  SUCCEEDS(chainrule_model_get_parameter(model, "w", &array));
  return w;
}

static void step_by_hand(void) {
  chainrule_model *model = product(CHAINRULE_FLOAT64, "1");
  chainrule_context *context = NULL;
  chainrule_optimizer *optimizer = NULL;
  double x = 3;
  chainrule_array in = chainrule_vector_float64(&x, 1);
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_optimizer_create("sgd lr=0.25", &optimizer));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_optimizer_step(NULL, context));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_optimizer_step(optimizer, NULL));
  FAILS(CHAINRULE_STATE, chainrule_optimizer_step(optimizer, context)); /* no gradients yet */
  CHECK(read_w(model) == 1);
  REQUIRE_OK(chainrule_context_forward(context, &in, 1));
  REQUIRE_OK(chainrule_context_backward(context, NULL));
  REQUIRE_OK(chainrule_optimizer_step(optimizer, context));
  CHECK(read_w(model) == 0.25);
  REQUIRE_OK(chainrule_optimizer_set_lr(optimizer, 0.5)); /* the gradient is still there */
  REQUIRE_OK(chainrule_optimizer_step(optimizer, context));
  CHECK(read_w(model) == -1.25);
  chainrule_optimizer_free(optimizer);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static void belongs_to_one_model(void) {
  chainrule_model *first = product(CHAINRULE_FLOAT32, "1"), *second = product(CHAINRULE_FLOAT32, "1");
  chainrule_context *one = NULL, *two = NULL, *third = NULL;
  chainrule_optimizer *optimizer = NULL;
  float x = 1;
  chainrule_array in = chainrule_vector(&x, 1);
  REQUIRE_OK(chainrule_context_create(first, &one));
  REQUIRE_OK(chainrule_context_create(second, &two));
  REQUIRE_OK(chainrule_context_create(first, &third));
  REQUIRE_OK(chainrule_optimizer_create("adam", &optimizer));
  REQUIRE_OK(chainrule_context_forward(one, &in, 1));
  REQUIRE_OK(chainrule_context_backward(one, NULL));
  REQUIRE_OK(chainrule_context_forward(two, &in, 1));
  REQUIRE_OK(chainrule_context_backward(two, NULL));
  REQUIRE_OK(chainrule_optimizer_step(optimizer, one));
  FAILS_ONE_OF(BIT(CHAINRULE_STATE) | BIT(CHAINRULE_INVALID_ARGUMENT), chainrule_optimizer_step(optimizer, two));
  CHECK(read_w(second) == 1);
  REQUIRE_OK(chainrule_context_forward(third, &in, 1));
  REQUIRE_OK(chainrule_context_backward(third, NULL));
  SUCCEEDS(chainrule_optimizer_step(optimizer, third)); /* another context of the same model */
  /* Freed in the worst order. */
  chainrule_model_free(first);
  chainrule_context_free(third);
  SUCCEEDS(chainrule_optimizer_step(optimizer, one));
  chainrule_context_free(one);
  chainrule_optimizer_free(optimizer);
  chainrule_model_free(second);
  chainrule_context_free(two);
}

/* The gradient overflows although every input is finite: nothing moves, moments included. */
static void overflowing_gradient(const char *text) {
  chainrule_model *model = product(CHAINRULE_FLOAT32, "1");
  chainrule_context *context = NULL;
  chainrule_optimizer *optimizer = NULL;
  float x = 3e38f, one = 1;
  double before, after;
  chainrule_array in = chainrule_view(&x, CHAINRULE_FLOAT32, rank, 1, 1, 0, 0), small = chainrule_view(&one, CHAINRULE_FLOAT32, rank, 1, 1, 0, 0);
  test_case_part = text;
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_optimizer_create(text, &optimizer));
  REQUIRE_OK(chainrule_context_forward(context, &in, 1));
  REQUIRE_OK(chainrule_context_backward(context, NULL));
  REQUIRE_OK(chainrule_context_forward(context, &in, 1));
  /* The sum of the two gradients is infinite: noticed here, or else by the step. */
  if (chainrule_context_backward(context, NULL) == CHAINRULE_OK)
    FAILS(CHAINRULE_NON_FINITE, chainrule_optimizer_step(optimizer, context));
  else
    CHECK_EQUAL(chainrule_last_error()->status, CHAINRULE_NON_FINITE);
  CHECK(read_w(model) == 1);
  REQUIRE_OK(chainrule_context_zero_gradients(context));
  REQUIRE_OK(chainrule_context_forward(context, &small, 1));
  REQUIRE_OK(chainrule_context_backward(context, NULL));
  before = read_w(model);
  SUCCEEDS(chainrule_optimizer_step(optimizer, context));
  after = read_w(model);
  CHECK(isfinite(after) && after < before);
  chainrule_optimizer_free(optimizer);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static void not_finite(void) {
  static const char *const texts[] = {"sgd lr=0.5 l2=0.1", "sgd lr=0.5; w weight_decay=0.5", "sgd lr=0.5", "sgd lr=0.5 momentum=0.9",
                                      "adam lr=0.5", "sgd lr=0.5 clip_norm=1", "adam lr=0.5 clip_value=1"};
  const char *kind;
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) overflowing_gradient(texts[i]);
  rank = 2;
  for (i = 0; (kind = chainrule_catalog_kind(CHAINRULE_OPTIMIZERS, i)) != NULL; i++) {
    char text[60];
    if (strcmp(kind, "lbfgs") == 0) continue; /* takes no steps by hand: lbfgs.c */
    snprintf(text, sizeof text, "%s lr=0.5", kind);
    overflowing_gradient(text);
  }
  rank = 1;
}

/* Finite gradients, but a step that makes the weight infinite or NaN: nothing moves. */
static void overflowing_step(void) {
  static const struct {
    const char *text;
    chainrule_dtype dtype;
    double x;
  } cases[] = {
      {"sgd lr=1e38", CHAINRULE_FLOAT32, 100},
      {"sgd lr=1e308", CHAINRULE_FLOAT64, 100},
      {"sgd lr=1e300", CHAINRULE_FLOAT32, 1},
      {"sgd lr=1e38 clip_norm=20", CHAINRULE_FLOAT32, 100},
      {"sgd lr=1e38 momentum=0.9", CHAINRULE_FLOAT32, 100},
      {"sgd lr=1e38 weight_decay=100", CHAINRULE_FLOAT32, 0},
      {"adam lr=3e38 eps=1e-8 betas=0.9,0.9", CHAINRULE_FLOAT32, 1e30},
      {"adam eps=0", CHAINRULE_FLOAT32, 0},
      {"adamw lr=1e38 weight_decay=100", CHAINRULE_FLOAT32, 1},
      {"rmsprop lr=1e38", CHAINRULE_FLOAT32, 100},
      {"rmsprop eps=0", CHAINRULE_FLOAT64, 0},
      {"sgd lr=0.5", CHAINRULE_FLOAT32, 1e38},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    chainrule_model *model = product(cases[i].dtype, "1");
    chainrule_context *context = NULL;
    chainrule_optimizer *optimizer = NULL;
    double x = cases[i].x, one = 1;
    chainrule_array in = chainrule_vector_float64(&x, 1), small = chainrule_vector_float64(&one, 1);
    test_case_part = cases[i].text;
    REQUIRE_OK(chainrule_context_create(model, &context));
    REQUIRE_OK(chainrule_optimizer_create(cases[i].text, &optimizer));
    REQUIRE_OK(chainrule_context_forward(context, &in, 1));
    REQUIRE_OK(chainrule_context_backward(context, NULL));
    if (x == 1e38) { /* large, but not too large */
      SUCCEEDS(chainrule_optimizer_step(optimizer, context));
      CHECK_NEAR(read_w(model), -5e37, 1e32);
    } else {
      FAILS_SAYING(CHAINRULE_NON_FINITE, "as before", chainrule_optimizer_step(optimizer, context));
      CHECK(strstr(chainrule_last_error()->node, "w") != NULL);
      CHECK(read_w(model) == 1);
      /* The moments are as before too: the next step is a first one. */
      REQUIRE_OK(chainrule_optimizer_set_lr(optimizer, 0.001));
      REQUIRE_OK(chainrule_context_zero_gradients(context));
      REQUIRE_OK(chainrule_context_forward(context, &small, 1));
      REQUIRE_OK(chainrule_context_backward(context, NULL));
      SUCCEEDS(chainrule_optimizer_step(optimizer, context));
      CHECK(isfinite(read_w(model)) && read_w(model) < 1);
    }
    chainrule_optimizer_free(optimizer);
    chainrule_context_free(context);
    chainrule_model_free(model);
  }
}

/* A gradient that is not finite is told with the node it belongs to. */
static void not_finite_has_a_node(void) {
  chainrule_model *model = product(CHAINRULE_FLOAT32, "1");
  chainrule_context *context = NULL;
  chainrule_optimizer *optimizer = NULL;
  float x = INFINITY;
  chainrule_array in = chainrule_vector(&x, 1);
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_optimizer_create("adam", &optimizer));
  REQUIRE_OK(chainrule_context_forward(context, &in, 1));
  REQUIRE_OK(chainrule_context_backward(context, NULL));
  FAILS(CHAINRULE_NON_FINITE, chainrule_optimizer_step(optimizer, context));
  CHECK(strcmp(chainrule_last_error()->node, "parameter \"w\" (the gradient in w)") == 0);
  chainrule_optimizer_free(optimizer);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("optimizer");
  RUN(text_refused);
  RUN(learning_rate);
  RUN(step_by_hand);
  RUN(belongs_to_one_model);
  RUN(not_finite);
  RUN(overflowing_step);
  RUN(not_finite_has_a_node);
  return test_finish();
}
