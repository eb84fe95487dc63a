/*
 * The rest of the catalog, walked by chainrule_catalog_kind: every optimizer must find a minimum, every
 * metric is computed again here, every initializer's numbers are looked at. A kind without a case is a
 * failure.
 */
#include "support.h"

static void optimizers(void) {
  static const char *const texts[][2] = {{"sgd", "sgd lr=0.1"}, {"adam", "adam lr=0.05"}, {"adamw", "adamw lr=0.05 weight_decay=0"},
                                         {"rmsprop", "rmsprop lr=0.01"}};
  size_t index, k;
  const char *kind;
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_OPTIMIZERS, index)) != NULL; index++) {
    int found = 0, i;
    for (k = 0; k < sizeof texts / sizeof *texts; k++) {
      chainrule_model *formula;
      chainrule_trainer *trainer = NULL;
      double p[3] = {0, 0, 0}, loss = 1;
      chainrule_array array = chainrule_vector_float64(p, 3);
      if (strcmp(texts[k][0], kind) != 0) continue;
      found = 1;
      formula = test_model(CHAINRULE_FLOAT64, 0);
      test_add(formula, "parameter", "shape=3 value=3,-2,1 name=p");
      test_add(formula, "sub", "value=0.5");
      test_add(formula, "pow", "value=2");
      test_add(formula, "sum", "");
      REQUIRE_OK(chainrule_trainer_create(formula, "none", texts[k][1], &trainer));
      for (i = 0; i < 2000; i++) REQUIRE_OK(chainrule_trainer_step(trainer, NULL, NULL, NULL, &loss));
      REQUIRE_OK(chainrule_model_get_parameter(formula, "p", &array));
      for (i = 0; i < 3; i++) CHECK_NEAR(p[i], 0.5, 0.02);
      chainrule_trainer_free(trainer);
      chainrule_model_free(formula);
    }
    if (!found) test_fail(__FILE__, __LINE__, "the catalog has an optimizer \"%s\", and no case tries it", kind);
  }
}

/* 64 x 4 and more numbers from each initializer: bounds, mean and deviation as in PyTorch. */
static void initializers(void) {
  enum { OUT = 60, IN = 40, COUNT = OUT * IN };
  static const struct {
    const char *kind, *word;
    double low, high, mean, deviation;
  } known[] = {
      {"default", "default", -0.158114, 0.158114, 0, 0.0912871}, /* 1/sqrt(40) */
      {"xavier_uniform", "xavier_uniform", -0.244949, 0.244949, 0, 0.141421},
      {"xavier_normal", "xavier_normal", -1, 1, 0, 0.141421},
      {"he_uniform", "he_uniform", -0.387299, 0.387299, 0, 0.223607},
      {"he_normal", "he_normal", -1.5, 1.5, 0, 0.223607},
      {"uniform", "uniform(2,5)", 2, 5, 3.5, 0.866025},
      {"normal", "normal(-1,0.25)", -2.5, 0.5, -1, 0.25},
      {"zeros", "zeros", 0, 0, 0, 0},
      {"ones", "ones", 1, 1, 1, 0},
      {"constant", "constant(-0.75)", -0.75, -0.75, -0.75, 0}};
  static double values[COUNT];
  size_t index, k, i;
  const char *kind;
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_INITIALIZERS, index)) != NULL; index++) {
    int found = 0;
    for (k = 0; k < sizeof known / sizeof *known; k++) {
      chainrule_model *drawn;
      chainrule_array array = chainrule_matrix_float64(values, OUT, IN);
      char text[100];
      double sum = 0, squares = 0, mean;
      if (strcmp(known[k].kind, kind) != 0) continue;
      found = 1;
      drawn = test_model(CHAINRULE_FLOAT64, 31);
      test_add(drawn, "input", "shape=40");
      snprintf(text, sizeof text, "out_features=60 weight_init=%s", known[k].word);
      test_add(drawn, "linear", text);
      REQUIRE_OK(chainrule_model_get_parameter(drawn, "0.weight", &array));
      for (i = 0; i < COUNT; i++) {
        sum += values[i];
        CHECK(values[i] >= known[k].low - 1e-6 && values[i] <= known[k].high + 1e-6);
      }
      mean = sum / COUNT;
      for (i = 0; i < COUNT; i++) squares += (values[i] - mean) * (values[i] - mean);
      CHECK_NEAR(mean, known[k].mean, 5 * known[k].deviation / sqrt((double)COUNT) + 1e-12);
      CHECK_NEAR(sqrt(squares / COUNT), known[k].deviation, 0.06 * known[k].deviation + 1e-12);
      if (test_case_failures) printf("#   in: %s\n", known[k].word);
      chainrule_model_free(drawn);
    }
    if (!found) test_fail(__FILE__, __LINE__, "the catalog has an initializer \"%s\", and no case looks at it", kind);
  }
}

/* Metrics of known predictions: an identity network, so that the input is the prediction. */
static void metrics(void) {
  float x[8 * 3], y[8 * 3];
  int32_t labels[8] = {0, 1, 2, 0, 1, 2, 0, 1};
  double values[2], expected, residual = 0, total[3] = {0}, mean[3] = {0}, spread = 0;
  size_t index;
  int i, c;
  const char *kind;
  test_fill(x, 24, 5);
  test_fill(y, 24, 6);
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_METRICS, index)) != NULL; index++) {
    chainrule_model *same = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_trainer *trainer = NULL;
    static const char *const elsewhere[] = {"balanced_accuracy", "top_k", "precision", "recall", "f1", "fbeta", "jaccard",
                                            "roc_auc", "average_precision", "log_loss", "matthews", "kappa", "rmse", "mape",
                                            "median_error", "max_error", "explained_variance"};
    int labelled = strcmp(kind, "accuracy") == 0, known = 0;
    chainrule_array in = chainrule_matrix(x, 8, 3), out = labelled ? chainrule_labels(labels, 8) : chainrule_matrix(y, 8, 3);
    for (i = 0; i < (int)(sizeof elsewhere / sizeof *elsewhere); i++) known |= strcmp(elsewhere[i], kind) == 0;
    if (known) { /* in metrics.c, against scikit-learn */
      chainrule_model_free(same);
      continue;
    }
    test_add(same, "input", "shape=3");
    test_add(same, "linear", "out_features=3 weight_init=zeros bias_init=zeros");
    {
      float eye[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
      chainrule_array unit = chainrule_matrix(eye, 3, 3);
      REQUIRE_OK(chainrule_model_set_parameter(same, "0.weight", &unit));
    }
    REQUIRE_OK(chainrule_trainer_create(same, labelled ? "cross_entropy" : "mse", "sgd", &trainer));
    REQUIRE_OK(chainrule_trainer_set_metrics(trainer, kind));
    REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 2, NULL));
    expected = NAN;
    if (labelled) {
      for (i = 0, expected = 0; i < 8; i++) {
        int best = 0;
        for (c = 1; c < 3; c++)
          if (x[i * 3 + c] > x[i * 3 + best]) best = c;
        expected += best == labels[i];
      }
      expected /= 8;
    } else if (strcmp(kind, "mse") == 0) {
      for (i = 0, expected = 0; i < 24; i++) expected += (x[i] - y[i]) * (x[i] - y[i]) / 24.0;
    } else if (strcmp(kind, "mae") == 0) {
      for (i = 0, expected = 0; i < 24; i++) expected += fabs(x[i] - y[i]) / 24.0;
    } else if (strcmp(kind, "r2") == 0) { /* per output, then their mean, as in scikit-learn */
      for (c = 0, expected = 0; c < 3; c++) {
        residual = spread = mean[c] = total[c] = 0;
        for (i = 0; i < 8; i++) mean[c] += y[i * 3 + c] / 8.0;
        for (i = 0; i < 8; i++) {
          residual += (x[i * 3 + c] - y[i * 3 + c]) * (double)(x[i * 3 + c] - y[i * 3 + c]);
          spread += (y[i * 3 + c] - mean[c]) * (y[i * 3 + c] - mean[c]);
        }
        expected += (1 - residual / spread) / 3;
      }
    } else {
      test_fail(__FILE__, __LINE__, "the catalog has a metric \"%s\", and no case computes it again", kind);
    }
    if (!(fabs(values[1] - expected) < 1e-5))
      test_fail(__FILE__, __LINE__, "%s is %.9g, expected %.9g", kind, values[1], expected);
    chainrule_trainer_free(trainer);
    chainrule_model_free(same);
  }
}

int main(void) {
  TEST_MAIN("catalog");
  RUN(optimizers);
  RUN(initializers);
  RUN(metrics);
  return test_finish();
}
